import { expect, it } from 'vitest';
import type { OperatorChange } from '../../src/cluster/host.ts';
import { ToOwner } from '../../src/records/commands.ts';
import { ClusterOperator } from '../../src/supervise/cluster-operator.ts';
import type { ClusterThread } from '../../src/supervise/cluster-thread.ts';
import { OwnerHarness } from '../owner/owner-harness.ts';

const denial: OperatorChange = { kind: 'pair', device: 'dev-1', subscriber: 's', access: 'deny' };

it('writes a denial that this node has already: nodes that did not confirm it are asked and named again', async () => {
  const hub = new OwnerHarness();
  const written: (readonly OperatorChange[])[] = [];
  const operator = new ClusterOperator({
    cluster: {
      state: 'connected',
      ask: async ({ changes }: { changes: readonly OperatorChange[] }) => {
        written.push(changes);
        return { ok: true, revision: written.length, pendingNodes: ['node-b'] };
      },
    } as unknown as Pick<ClusterThread, 'ask' | 'state'>,
    operate: async (command) => hub.owner.operate(command),
    presence: hub.reader,
    rules: () => [],
    defaultAccess: 'allow',
  });
  const deny = {
    kind: ToOwner.SetRow,
    device: 'dev-1',
    subscriber: 's',
    status: 'deny',
    vip: undefined,
  } as const;
  for (const time of ['first', 'second']) {
    expect(await operator.operate(deny), time).toMatchObject({ ok: true, pendingNodes: ['node-b'] });
  }
  expect(hub.status('dev-1', 's')).toBe('deny');
  expect(written).toEqual([[denial], [denial]]);
});
