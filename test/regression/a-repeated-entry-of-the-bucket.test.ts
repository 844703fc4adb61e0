/** An entry that the watch of the bucket brings again, after newer ones, is not obeyed again. */
import type { NatsConnection } from '@nats-io/transport-node';
import { expect, it, vi } from 'vitest';
import { createLinkCounts } from '../../src/cluster/figures.ts';
import type { OperatorChange } from '../../src/cluster/host.ts';
import { Operators } from '../../src/cluster/operators.ts';

interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
  readonly operation: 'PUT';
  readonly delta: number;
}

const kv = vi.hoisted(() => ({ get: vi.fn(), status: vi.fn(), watch: vi.fn() }));
vi.mock('@nats-io/kv', () => ({
  Kvm: class {
    create = async () => kv;
  },
}));

const entry = (key: string, revision: number, value: object): Entry => {
  return { key, revision, value: Buffer.from(JSON.stringify(value)), operation: 'PUT', delta: 1 };
};
/** `dev-1` and `s-1`. */
const PAIR = 'pair.ZGV2LTE.cy0x';

/** A watch that brings what the test gives it. */
function watching(first: readonly Entry[]) {
  const entries = [...first];
  let wake: () => void = () => {};
  const watch = {
    stop() {},
    async *[Symbol.asyncIterator]() {
      for (;;) {
        while (entries.length > 0) yield entries.shift()!;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
  kv.watch.mockResolvedValue(watch);
  return (given: Entry): void => {
    entries.push(given);
    wake();
  };
}

it('an entry that comes again after newer ones is not obeyed again', async () => {
  const marker = entry('marker', 1, { id: 'm-1' });
  kv.get.mockResolvedValue(marker);
  kv.status.mockResolvedValue({ streamInfo: { state: { last_seq: 2 } } });
  const allowed = entry(PAIR, 2, { access: 'allow' });
  const brings = watching([marker, allowed]);
  const obeyed: [number, ...OperatorChange[]][] = [];
  const operators: Operators = new Operators({
    nats: {} as NatsConnection,
    bucket: 'dat_test',
    replicas: 1,
    node: 'a',
    figures: createLinkCounts(),
    snapshot: [],
    isConnected: () => true,
    apply: (changes, revision) => {
      obeyed.push([revision, ...changes]);
      setImmediate(() => operators.applied(revision));
    },
    obeys: () => {},
    confirm: async () => [],
    seedPlan: () => ({ betterNodes: 0, hasObeyed: false, othersHaveObeyed: false }),
    failed: () => {},
  });
  await new Promise<void>((resolve) => operators.read(resolve));
  const pair = { kind: 'pair', device: 'dev-1', subscriber: 's-1' } as const;
  expect(obeyed.splice(0)).toEqual([[2, { ...pair, access: 'allow' }]]);
  brings(entry(PAIR, 3, { access: 'deny' }));
  brings(allowed);
  brings(entry('vip.cy0x', 4, {}));
  await vi.waitFor(() => expect(obeyed).toHaveLength(2));
  expect(obeyed).toEqual([
    [3, { ...pair, access: 'deny' }],
    [4, { kind: 'vip', subscriber: 's-1', vip: true }],
  ]);
  operators.close();
});
