/** What admission shares across threads: addresses, the number of connections, and whether the hub is overloaded. */
import { Counters } from '../memory/counters.ts';
import { Addresses, type AddressMemory, createAddresses } from './addresses.ts';

export interface AdmissionMemory {
  readonly addresses: AddressMemory;
  /** Of every thread that holds connections; main is the first. */
  readonly counters: readonly SharedArrayBuffer[];
  /** One word: 1 while the hub is overloaded. Main writes it. */
  readonly overload: SharedArrayBuffer;
  /** Connections of all threads together; 0: no limit. */
  readonly connectionsMax: number;
}

/** @param counters of every thread that holds connections; main is the first */
export function createAdmissionMemory(
  counters: readonly SharedArrayBuffer[],
  connectionsMax: number,
  seed: string,
): AdmissionMemory {
  return {
    addresses: createAddresses(counters.length, seed),
    counters,
    overload: new SharedArrayBuffer(4),
    connectionsMax,
  };
}

/** The view of one thread. */
export class AdmissionState {
  readonly addresses: Addresses;
  readonly #counters: readonly Counters[];
  readonly #overload: Int32Array;
  readonly #connectionsMax: number;

  /** @param thread this thread's place among the counters */
  constructor(memory: AdmissionMemory, thread: number) {
    this.addresses = new Addresses(memory.addresses, thread);
    this.#counters = memory.counters.map((counters) => new Counters(counters));
    this.#overload = new Int32Array(memory.overload);
    this.#connectionsMax = memory.connectionsMax;
  }

  /** Admitted connections of all threads. */
  get open(): number {
    let open = 0;
    for (const { connections } of this.#counters) open += connections;
    return open;
  }

  /** Whether another connection fits. A few may be on their way in beside it. */
  hasRoom(): boolean {
    return this.#connectionsMax === 0 || this.open < this.#connectionsMax;
  }

  /** Of the connections that there may be; 0 without a limit. */
  get usedRatio(): number {
    return this.#connectionsMax === 0 ? 0 : this.open / this.#connectionsMax;
  }

  isOverloaded(): boolean {
    return Atomics.load(this.#overload, 0) === 1;
  }

  setOverloaded(overloaded: boolean): void {
    Atomics.store(this.#overload, 0, overloaded ? 1 : 0);
  }
}
