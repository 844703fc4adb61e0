/**
 * An entry that came while the owner still applied the bucket as it was read made the node forget which bucket it obeys:
 * it refused every operator's change, until another node asked it for a confirmation.
 */
import { expect, it, vi } from 'vitest';
import { bucketEntry, fakeWatch, operatorsOf } from '../cluster/support/fake-bucket.ts';
import { WAIT_MS } from '../support/waits.ts';

const kv = vi.hoisted(() => ({ get: vi.fn(), status: vi.fn(), watch: vi.fn(), put: vi.fn() }));
vi.mock('@nats-io/kv', () => ({
  Kvm: class {
    create = async () => kv;
  },
}));

it('a node that gets an entry while it applies the bucket takes changes afterwards', async () => {
  const marker = bucketEntry('marker', 1, { id: 'm-1' });
  kv.get.mockResolvedValue(marker);
  kv.status.mockResolvedValue({ streamInfo: { state: { last_seq: 1 } } });
  kv.put.mockResolvedValue(3);
  const { watch, bring } = fakeWatch([marker]);
  kv.watch.mockResolvedValue(watch);
  const applying: number[] = [];
  const obeyed: [revision: number, marker: string][] = [];
  const operators = operatorsOf({
    apply: (_, revision) => applying.push(revision),
    obeys: (revision, bucket) => obeyed.push([revision, bucket]),
  });
  const isRead = new Promise<void>((resolve) => operators.read(resolve));
  await vi.waitFor(() => expect(applying).toEqual([1]), WAIT_MS);
  bring(bucketEntry('vip.cy0x', 2, {}));
  await vi.waitFor(() => expect(operators.known).toHaveLength(1), WAIT_MS);
  operators.applied(1);
  await vi.waitFor(() => expect(applying).toEqual([1, 2]), WAIT_MS);
  operators.applied(2);
  await isRead;
  await vi.waitFor(() => expect(obeyed).toHaveLength(2), WAIT_MS);
  expect(obeyed).toEqual([
    [1, 'm-1'],
    [2, 'm-1'],
  ]);
  const vip = { kind: 'vip', subscriber: 's-1', vip: true } as const;
  const change = operators.change([vip]);
  bring(bucketEntry('vip.cy0x', 3, {}));
  await vi.waitFor(() => expect(applying).toEqual([1, 2, 3]), WAIT_MS);
  operators.applied(3);
  expect(await change).toEqual({ ok: true, revision: 3, pendingNodes: [] });
  operators.close();
});
