/**
 * File descriptors that the hub keeps back for itself, so that it can start a thread or write a snapshot when
 * connections have taken all others. Main; the process has one.
 */
import { closeSync, openSync } from 'node:fs';
import { RESERVED_FILES } from '../access/open-files.ts';

const NOTHING = '/dev/null';

export class DescriptorReserve {
  readonly #size: number;
  readonly #held: number[] = [];
  /** Works that have it now. */
  #lent = 0;
  #isKept = false;

  constructor(size = RESERVED_FILES) {
    this.#size = size;
  }

  /** Descriptors that are kept back now. */
  get held(): number {
    return this.#held.length;
  }

  /** Takes the descriptors, as many as are free. Without `/dev/null`, none are kept. */
  keep(): void {
    this.#isKept = true;
    if (this.#lent > 0) return;
    while (this.#held.length < this.#size) {
      try {
        this.#held.push(openSync(NOTHING, 'r'));
      } catch {
        return; // what is there is kept; the next work takes what is missing
      }
    }
  }

  /** Gives them up for good. */
  release(): void {
    this.#isKept = false;
    this.#free();
  }

  /** Releases them while the work runs, so that it may use them, and takes them again. */
  async lend<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#lent += 1;
    this.#free();
    try {
      return await work();
    } finally {
      this.#lent -= 1;
      if (this.#isKept) this.keep();
    }
  }

  #free(): void {
    for (const descriptor of this.#held.splice(0)) closeSync(descriptor);
  }
}

export const descriptorReserve = new DescriptorReserve();
