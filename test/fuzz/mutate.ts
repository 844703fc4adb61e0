/** Changes bytes at random, as things go wrong: flipped, lost, doubled, swapped, cut off, with lengths at their bounds. */
import type { Random } from '../support/random.ts';

const BOUNDS = [0, 1, 2, 10, 13, 32, 34, 92, 123, 125, 126, 127, 128, 129, 191, 192, 237, 254, 255];
const PIECE_BYTES_MAX = 64;

type Mutation = (bytes: Buffer, random: Random, other: Buffer) => Buffer;

function around(bytes: Buffer, from: number, to: number, between: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, from), between, bytes.subarray(to)]);
}

function piece(bytes: Buffer, random: Random): [from: number, to: number] {
  const from = random.below(bytes.length + 1);
  return [from, Math.min(bytes.length, from + 1 + random.below(PIECE_BYTES_MAX))];
}

const mutations: readonly Mutation[] = [
  (bytes, random) => {
    const at = random.below(bytes.length);
    return around(bytes, at, at + 1, Buffer.of((bytes[at] ?? 0) ^ (1 << random.below(8))));
  },
  (bytes, random) => {
    const at = random.below(bytes.length);
    return around(bytes, at, at + 1, Buffer.of(random.pick(BOUNDS)));
  },
  (bytes, random) => around(bytes, ...piece(bytes, random), Buffer.alloc(0)),
  (bytes, random) => {
    const [from, to] = piece(bytes, random);
    const doubled = Buffer.concat(
      Array.from({ length: 2 + random.below(8) }, () => bytes.subarray(from, to)),
    );
    return around(bytes, from, to, doubled);
  },
  (bytes, random) => {
    const at = random.below(bytes.length + 1);
    return around(bytes, at, at, random.bytes(1 + random.below(PIECE_BYTES_MAX)));
  },
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  (bytes, random, other) => around(bytes, ...piece(bytes, random), other.subarray(...piece(other, random))),
  (bytes, random) => {
    const [from, to] = piece(bytes, random);
    return around(bytes, from, to, Buffer.from(bytes.subarray(from, to)).reverse());
  },
];

/** @param other what pieces are taken from */
export function mutate(bytes: Buffer, random: Random, other: Buffer): Buffer {
  let mutated = bytes;
  for (let times = 1 + random.below(4); times > 0; times--) {
    if (mutated.length === 0) return mutated;
    mutated = random.pick(mutations)(mutated, random, other);
  }
  return mutated;
}
