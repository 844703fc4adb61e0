import { expect, it } from 'vitest';
import { fromLink, toLink } from '../../src/records/cluster.ts';
import type { Fields, RecordLayout, Values } from '../../src/records/layout.ts';
import { readBack } from './records-harness.ts';

type ValuesOf<Layout> = Layout extends { write(ring: never, values: infer Values): void } ? Values : never;
type EachOf<Layouts> = { readonly [Name in keyof Layouts]: ValuesOf<Layouts[Name]> };

// Numbers that need all of their field, so that a narrower one would not hold them.
const [word, float, byte] = [0xfffffffe, 2 ** 40 + 0.5, 0xfe];
const [id, epoch, node, status] = ['dev-ü', '1f-2a', 'node-b', 'lädt'];
const part = Buffer.from([0, 1, 2, 255]);

const sentByLink: EachOf<typeof fromLink> = {
  hello: {},
  peerJoined: { peer: word, node },
  peerLeft: { peer: word },
  follow: {
    seq: float,
    peer: word,
    request: 7,
    level: byte,
    holds: true,
    since: false,
    fromClaim: true,
    id,
    epoch,
  },
  unfollow: { peer: word, id },
  remote: { seq: float, lastSeen: 1.5, ref: word, state: byte, startState: 2, id, epoch, status, node },
  remoteGap: { from: float, to: float + 9, ref: word },
  caughtUp: { ref: word },
  lost: { ref: word },
  gone: { ref: word, terminated: true },
  settled: { found: true, id },
  listed: { done: true, prefix: 'dev-', ids: 'dev-1\ndev-2' },
  appeared: { id },
  adoptPart: { kind: byte, id, part },
  adopt: { kind: byte, hasParts: true, late: true, id },
  release: { kind: byte, id },
  surrender: { kind: byte, conflict: true, id },
  ping: { kind: byte, id },
  apply: { revision: float, whole: true, last: true, changes: part },
  past: { request: word, event: part },
  pastEnd: { request: word, found: true, more: true, epoch },
};

const sentByOwner: EachOf<typeof toLink> = {
  connected: { kind: byte, id },
  disconnected: { kind: byte, id },
  hold: { kind: byte, id },
  forget: { kind: byte, id },
  leave: { kind: byte, id },
  surrenderPart: { kind: byte, id, part },
  surrendered: { seq: float, kind: byte, id },
  want: { seq: float, level: byte, holds: true, since: true, id, epoch },
  unwant: { id },
  filter: { prefix: 'dev-' },
  unfilter: { prefix: 'dev-' },
  followed: {
    start: float,
    seq: float + 1,
    lastSeen: 1.5,
    peer: word,
    request: 7,
    slot: word - 1,
    generation: 8,
    level: byte,
    state: 3,
    startState: 1,
    id,
    epoch,
    status,
  },
  unfollowed: { peer: word, request: 7, why: byte, id },
  removed: { terminated: true, id },
  applied: { revision: float },
  askPast: { before: float, request: word, max: 9, id, epoch },
  kicked: { number: float, id },
  owned: { kind: byte, id },
};

it.each([
  ...Object.entries(sentByLink).map(([name, values]) => [name, fromLink, values] as const),
  ...Object.entries(sentByOwner).map(([name, values]) => [name, toLink, values] as const),
])('%s is read as it was written', (name, layouts, values) => {
  const { kind, write, read } = (layouts as unknown as Readonly<Record<string, RecordLayout<Fields>>>)[name]!;
  const back = readBack((ring) => write(ring, values as Values<Fields>), read);
  expect(back).toMatchObject({ kind, values });
});
