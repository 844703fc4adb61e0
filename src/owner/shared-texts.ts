/** Texts that many rows share: each is in the arena once, as long as a row refers to it. Owner thread only. */
import { type Arena, NO_TEXT } from '../memory/arena.ts';

interface Held {
  readonly text: string;
  readonly chunk: number;
  /** Rows that refer to it. */
  count: number;
}

export class SharedTexts {
  readonly #arena: Arena;
  readonly #byText = new Map<string, Held>();
  readonly #byChunk = new Map<number, Held>();

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** Adds a reference of a row. @returns the text's chunk; `NO_TEXT` for '' or if the arena has no room */
  hold(text: string): number {
    if (text === '') return NO_TEXT;
    let held = this.#byText.get(text);
    if (held === undefined) {
      const bytes = Buffer.from(text);
      const chunk = this.#arena.store(bytes, 0, bytes.length);
      if (chunk === NO_TEXT) return NO_TEXT;
      held = this.#enter(text, chunk);
    }
    held.count += 1;
    return held.chunk;
  }

  /** Removes a reference of a row. */
  release(chunk: number): void {
    const held = this.#byChunk.get(chunk);
    if (held === undefined) return;
    held.count -= 1;
    if (held.count > 0) return;
    this.#byText.delete(held.text);
    this.#byChunk.delete(chunk);
    this.#arena.release(chunk);
  }

  /** Takes over the references of another owner's rows: one chunk per row, in an arena that has been adopted. */
  adopt(chunks: Iterable<number>): void {
    this.#byText.clear();
    this.#byChunk.clear();
    for (const chunk of chunks) {
      const held = this.#byChunk.get(chunk) ?? this.#enter(this.#arena.text(chunk), chunk);
      held.count += 1;
    }
  }

  #enter(text: string, chunk: number): Held {
    const held = { text, chunk, count: 0 };
    this.#byText.set(text, held);
    this.#byChunk.set(chunk, held);
    return held;
  }
}
