/** An entry that the watch of the bucket brings again, after newer ones, is not obeyed again. */
import { expect, it, vi } from 'vitest';
import type { OperatorChange } from '../../src/cluster/host.ts';
import type { Operators } from '../../src/cluster/operators.ts';
import { bucketEntry, fakeWatch, operatorsOf } from '../cluster/support/fake-bucket.ts';
import { WAIT_MS } from '../support/waits.ts';

const kv = vi.hoisted(() => ({ get: vi.fn(), status: vi.fn(), watch: vi.fn() }));
vi.mock('@nats-io/kv', () => ({
  Kvm: class {
    create = async () => kv;
  },
}));

/** `dev-1` and `s-1`. */
const PAIR = 'pair.ZGV2LTE.cy0x';

it('an entry that comes again after newer ones is not obeyed again', async () => {
  const marker = bucketEntry('marker', 1, { id: 'm-1' });
  kv.get.mockResolvedValue(marker);
  kv.status.mockResolvedValue({ streamInfo: { state: { last_seq: 2 } } });
  const allowed = bucketEntry(PAIR, 2, { access: 'allow' });
  const { watch, bring } = fakeWatch([marker, allowed]);
  kv.watch.mockResolvedValue(watch);
  const obeyed: [number, ...OperatorChange[]][] = [];
  const operators: Operators = operatorsOf({
    apply: (changes, revision) => {
      obeyed.push([revision, ...changes]);
      setImmediate(() => operators.applied(revision));
    },
  });
  await new Promise<void>((resolve) => operators.read(resolve));
  const pair = { kind: 'pair', device: 'dev-1', subscriber: 's-1' } as const;
  expect(obeyed.splice(0)).toEqual([[2, { ...pair, access: 'allow' }]]);
  bring(bucketEntry(PAIR, 3, { access: 'deny' }));
  bring(allowed);
  bring(bucketEntry('vip.cy0x', 4, {}));
  await vi.waitFor(() => expect(obeyed).toHaveLength(2), WAIT_MS);
  expect(obeyed).toEqual([
    [3, { ...pair, access: 'deny' }],
    [4, { kind: 'vip', subscriber: 's-1', vip: true }],
  ]);
  operators.close();
});
