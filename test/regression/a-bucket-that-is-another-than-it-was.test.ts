/**
 * A change that was written into a bucket that had taken the place of the one that the node obeyed counted as obeyed by
 * the node, because the revisions of a new bucket begin anew. A node whose bucket was closed while it began to read told
 * its hub, and the next link's, what that reading brought. And a node that had not read the bucket yet said that the
 * cluster was disconnected.
 */
import { beforeEach, expect, it, vi } from 'vitest';
import type { Operators, OperatorsDeps } from '../../src/cluster/operators.ts';
import { bucketEntry, fakeWatch, operatorsOf } from '../cluster/support/fake-bucket.ts';
import { WAIT_MS } from '../support/waits.ts';

const kv = vi.hoisted(() => ({ get: vi.fn(), status: vi.fn(), watch: vi.fn(), put: vi.fn() }));
vi.mock('@nats-io/kv', () => ({
  Kvm: class {
    create = async () => kv;
  },
}));

const vip = { kind: 'vip', subscriber: 's-1', vip: true } as const;

/** The bucket with a marker as its only entry. @returns what its watch brings */
function bucketOf(id: string, revision: number) {
  const marker = bucketEntry('marker', revision, { id });
  kv.get.mockResolvedValue(marker);
  kv.status.mockResolvedValue({ streamInfo: { state: { last_seq: revision } } });
  return fakeWatch([marker]);
}

function node(more: Partial<OperatorsDeps> = {}) {
  const obeyed: [revision: number, marker: string][] = [];
  const apply = vi.fn((_: unknown, revision: number) => operators.applied(revision));
  const operators: Operators = operatorsOf({
    apply,
    obeys: (revision, marker) => obeyed.push([revision, marker]),
    ...more,
  });
  return { operators, obeyed, apply };
}

const read = (operators: Operators): Promise<void> => new Promise((resolve) => operators.read(resolve));

beforeEach(() => {
  for (const mock of Object.values(kv)) mock.mockReset();
});

it('a change that another bucket took is refused, and that bucket is obeyed', async () => {
  const { operators, obeyed } = node();
  kv.watch.mockResolvedValue(bucketOf('m-1', 100).watch);
  await read(operators);
  const { watch, bring } = bucketOf('m-2', 3);
  kv.watch.mockResolvedValue(watch);
  kv.put.mockResolvedValue(4);
  const replaced = "the cluster's bucket did not take the change: another bucket has taken its place";
  expect(await operators.change([vip])).toEqual({ ok: false, message: replaced });
  await vi.waitFor(() => expect(obeyed.at(-1)).toEqual([3, 'm-2']), WAIT_MS);
  const again = operators.change([vip]);
  bring(bucketEntry('vip.cy0x', 4, {}));
  expect(await again).toEqual({ ok: true, revision: 4, pendingNodes: [] });
  operators.close();
});

it('a change is refused when the bucket was replaced while it was written', async () => {
  const confirm = vi.fn(async () => []);
  const { operators, obeyed } = node({ confirm });
  kv.watch.mockResolvedValue(bucketOf('m-1', 1).watch);
  await read(operators);
  let written = (_: number): void => {};
  kv.put.mockReturnValue(
    new Promise<number>((resolve) => {
      written = resolve;
    }),
  );
  const change = operators.change([vip]);
  kv.watch.mockResolvedValue(bucketOf('m-2', 9).watch);
  await read(operators);
  expect(obeyed.at(-1)).toEqual([9, 'm-2']);
  written(2);
  expect(await change).toMatchObject({ ok: false });
  expect(confirm).not.toHaveBeenCalled();
  operators.close();
});

it('a bucket that is closed while its watch begins tells the hub nothing', async () => {
  const { operators, apply } = node();
  const { watch } = bucketOf('m-1', 1);
  const stop = vi.spyOn(watch, 'stop');
  let begin = (_: typeof watch): void => {};
  kv.watch.mockReturnValue(
    new Promise<typeof watch>((resolve) => {
      begin = resolve;
    }),
  );
  operators.read();
  await vi.waitFor(() => expect(kv.watch).toHaveBeenCalled(), WAIT_MS);
  operators.close();
  begin(watch);
  await vi.waitFor(() => expect(stop).toHaveBeenCalled(), WAIT_MS);
  expect(apply).not.toHaveBeenCalled();
});

it('a bucket that is closed tells the hub nothing that waited for its answer', async () => {
  const told: number[] = [];
  const { operators } = node({ apply: (_, revision) => told.push(revision) });
  const { watch, bring } = bucketOf('m-1', 1);
  kv.watch.mockResolvedValue(watch);
  operators.read();
  await vi.waitFor(() => expect(told).toEqual([1]), WAIT_MS);
  bring(bucketEntry('vip.cy0x', 2, {}));
  await vi.waitFor(() => expect(operators.known).toHaveLength(1), WAIT_MS);
  operators.close();
  operators.applied(1);
  await new Promise(setImmediate);
  expect(told).toEqual([1]);
});

it('a node that has not read the bucket yet says so', async () => {
  const { operators } = node();
  const message = 'this node has not read what operators have set yet: ask again';
  expect(await operators.change([vip])).toEqual({ ok: false, message });
  const away = node({ isConnected: () => false }).operators;
  expect(await away.change([vip])).toEqual({
    ok: false,
    message: 'the cluster is disconnected: nothing can be changed',
  });
});
