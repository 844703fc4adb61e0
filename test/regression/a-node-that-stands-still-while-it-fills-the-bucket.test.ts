/**
 * A node that stood still while it filled the bucket went on writing when it woke, though another node had filled the
 * bucket meanwhile: it lifted a denial that an operator had set since then, and put its own marker in the place of the
 * other.
 */
import { expect, it } from 'vitest';
import { entryKey, MARKER_KEY, SEEDING_KEY } from '../../src/cluster/bucket-entries.ts';
import type { OperatorChange } from '../../src/cluster/host.ts';
import { BUCKET_WRITES_MAX } from '../../src/cluster/limits.ts';
import { type SeedOptions, seedBucket } from '../../src/cluster/seeding.ts';

type Bucket = SeedOptions['kv'];
type Entry = NonNullable<Awaited<ReturnType<Bucket['get']>>>;

/** A bucket in memory. */
function bucket() {
  const entries = new Map<string, { readonly revision: number; readonly value: string | undefined }>();
  let last = 0;
  const write = async (key: string, value: string | undefined, expected: number): Promise<number> => {
    if ((entries.get(key)?.revision ?? 0) !== expected) throw new Error('wrong last sequence');
    entries.set(key, { revision: ++last, value });
    return last;
  };
  const textOf = (key: string) => entries.get(key)?.value;
  const put = (key: string, value: string | undefined) => write(key, value, entries.get(key)?.revision ?? 0);
  const kv: Bucket = {
    get: async (key) => (entries.get(key) ?? null) as Entry | null,
    create: async (key, value) => {
      if (textOf(key) !== undefined) throw new Error('wrong last sequence');
      return put(key, String(value));
    },
    put: (key, value, { previousSeq = Number.NaN } = {}) => write(key, String(value), previousSeq),
    delete: async (key) => void (await put(key, undefined)),
  };
  return { kv, put, textOf };
}

type Store = ReturnType<typeof bucket>;
type Look = (op: 'get' | 'put', key: string) => boolean;

/** One node's view of the bucket. It stands still before the first operation that `stopsAt` names. */
function stoppable({ kv }: Store, stopsAt: Look) {
  let wake: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let stands: () => void = () => {};
  const stood = new Promise<void>((resolve) => {
    stands = resolve;
  });
  let isStopped = false;
  const pass = async (op: 'get' | 'put', key: string): Promise<void> => {
    if (!isStopped && stopsAt(op, key)) {
      isStopped = true;
      stands();
    }
    if (isStopped) await gate;
  };
  const stopped: Bucket = {
    ...kv,
    get: (key) => pass('get', key).then(() => kv.get(key)),
    put: (key, ...rest) => pass('put', key).then(() => kv.put(key, ...rest)),
  };
  return { kv: stopped, stood, wake };
}

function seed(node: string, store: Store, kv: Bucket, changes: readonly OperatorChange[]): Promise<string> {
  return seedBucket({
    kv,
    node,
    plan: () => ({ betterNodes: 0, hasObeyed: true, othersHaveObeyed: false }),
    staleMs: 0,
    readMarker: async () => store.textOf(MARKER_KEY),
    changes: () => changes,
  });
}

const allow = (n: number): OperatorChange => ({
  kind: 'pair',
  device: `dev-${n}`,
  subscriber: 's',
  access: 'allow',
});
const known = Array.from({ length: BUCKET_WRITES_MAX + 1 }, (_, n) => allow(n));
const lastKey = entryKey(known.at(-1)!);
const denied = '{"access":"deny"}';

/** How often the node has looked who fills the bucket. */
const nthLook = (nth: number): Look => {
  let looks = 0;
  return (op, key) => op === 'get' && key === SEEDING_KEY && ++looks === nth;
};

it.each<[string, () => Look]>([
  ['between two parts', () => nthLook(2)],
  ['as it writes the last entry', () => (op, key) => op === 'put' && key === lastKey],
  ['as it writes the marker', () => (op, key) => op === 'put' && key === MARKER_KEY],
])('A node that stands still %s changes nothing of what operators set meanwhile', async (_, stopsAt) => {
  const store = bucket();
  const a = stoppable(store, stopsAt());
  const filling = seed('a', store, a.kv, known).catch((error: Error) => error);
  await a.stood;
  await seed('b', store, store.kv, known);
  const marker = store.textOf(MARKER_KEY);
  await store.put(lastKey, denied);
  a.wake();
  const result = await filling;
  expect([store.textOf(lastKey), store.textOf(MARKER_KEY)]).toEqual([denied, marker]);
  expect(result).toBeInstanceOf(Error);
});

it('A node that takes over and stands still changes nothing once the first node has finished', async () => {
  const store = bucket();
  const a = stoppable(store, (op, key) => op === 'put' && key === MARKER_KEY);
  const filling = seed('a', store, a.kv, known);
  await a.stood;
  const b = stoppable(store, (op, key) => op === 'put' && key === lastKey);
  const takingOver = seed('b', store, b.kv, known).catch((error: Error) => error);
  await b.stood;
  a.wake();
  await filling;
  await store.put(lastKey, denied);
  b.wake();
  const result = await takingOver;
  expect(store.textOf(lastKey)).toBe(denied);
  expect(result).toBeInstanceOf(Error);
});

it('A node that takes over replaces what a node that died in the middle has left', async () => {
  const store = bucket();
  await store.put(SEEDING_KEY, '{"node":"a"}');
  await store.put(lastKey, denied);
  const id = await seed('b', store, store.kv, known);
  expect(store.textOf(MARKER_KEY)).toBe(JSON.stringify({ id }));
  const texts = known.map((change) => store.textOf(entryKey(change)));
  expect(texts).toEqual(known.map(() => '{"access":"allow"}'));
  expect(store.textOf(SEEDING_KEY)).toBeUndefined();
});
