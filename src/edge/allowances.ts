/**
 * What is left of each peer's allowance between its connections, shared by all edges: an allowance belongs to the id.
 * Only peers that have used theirs of late are here, so a table of fixed size does: a place is free again once its
 * allowance is full. Where all places of an id are taken, the one that is full soonest is given up.
 *
 * Memory: for each place a f64 (hub clock, ms: when the allowance is full again) and a u32 tag of the id. Two threads
 * that write one place at once may lose one of the two: a limit, not a bill.
 */
import { ID_BYTES_MAX } from '../limits.ts';
import { type HashKey, hashBytes, randomHashKey } from '../memory/hash.ts';

const PLACES = 65_536;
const WAYS = 8;
const BYTES_PER_PLACE = 12;
/** An id, or an address's number, with what tells whose it is. */
const PEER_BYTES_MAX = ID_BYTES_MAX + 32;

export interface AllowanceMemory {
  /** Of the place and of the tag: nobody can choose ids that share both. */
  readonly keys: readonly [place: HashKey, tag: HashKey];
  readonly places: SharedArrayBuffer;
}

/** Creates the memory that all edges share; on main, once. */
export function createAllowances(): AllowanceMemory {
  return {
    keys: [randomHashKey(), randomHashKey()],
    places: new SharedArrayBuffer(PLACES * BYTES_PER_PLACE),
  };
}

export class Allowances {
  readonly #keys: AllowanceMemory['keys'];
  readonly #fullAt: Float64Array;
  readonly #tags: Uint32Array;
  /** Of the id that is looked up. */
  readonly #bytes = Buffer.alloc(PEER_BYTES_MAX);

  constructor({ keys, places }: AllowanceMemory) {
    this.#keys = keys;
    this.#fullAt = new Float64Array(places, 0, PLACES);
    this.#tags = new Uint32Array(places, PLACES * 8, PLACES);
  }

  /** @returns when the peer's allowance is full again, hub clock in ms; 0: it is */
  fullAtMs(peer: string, nowMs: number): number {
    const { first, tag } = this.#hash(peer);
    for (let place = first; place < first + WAYS; place++) {
      if (this.#tags[place] === tag && this.#fullAt[place]! > nowMs) return this.#fullAt[place]!;
    }
    return 0;
  }

  /** Stores what the peer has used. Several connections may share an allowance: what one of them used stays used. */
  keep(peer: string, fullAtMs: number, nowMs: number): void {
    if (fullAtMs <= nowMs) return;
    const { first, tag } = this.#hash(peer);
    let best = first;
    for (let place = first; place < first + WAYS; place++) {
      if (this.#tags[place] === tag) {
        if (this.#fullAt[place]! >= fullAtMs) return;
        best = place;
        break;
      }
      if (this.#fullAt[place]! < this.#fullAt[best]!) best = place;
    }
    this.#tags[best] = tag;
    this.#fullAt[best] = fullAtMs;
  }

  #hash(peer: string): { first: number; tag: number } {
    const [placeKey, tagKey] = this.#keys;
    const length = this.#bytes.write(peer, 'latin1'); // ids are ASCII
    const place = hashBytes(placeKey, this.#bytes, 0, length);
    return { first: (place % (PLACES / WAYS)) * WAYS, tag: hashBytes(tagKey, this.#bytes, 0, length) };
  }
}
