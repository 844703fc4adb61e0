import { expect, it } from 'vitest';
import type { SetPair } from '../../src/cluster/commands.ts';
import type { OperatorChange } from '../../src/cluster/host.ts';
import { ToOwner } from '../../src/records/commands.ts';
import { ClusterOperator } from '../../src/supervise/cluster-operator.ts';
import type { ClusterThread } from '../../src/supervise/cluster-thread.ts';
import { OwnerHarness } from '../owner/owner-harness.ts';

const denial: OperatorChange = { kind: 'pair', device: 'dev-1', subscriber: 's', access: 'deny' };

interface Question {
  readonly ask: string;
  readonly changes: readonly OperatorChange[];
  readonly device?: string;
  readonly subscriber?: string;
}

const key = ({ device, subscriber }: Pick<SetPair, 'device' | 'subscriber'>): string =>
  `${device} ${subscriber}`;

/** A node whose bucket takes all, and whom one node does not confirm. */
function node() {
  const hub = new OwnerHarness();
  const written: (readonly OperatorChange[])[] = [];
  const bucket = { isFull: false, pairs: [] as SetPair[] };
  const operator = new ClusterOperator({
    cluster: {
      refusal: undefined,
      ask: async ({ ask, changes, device, subscriber }: Question) => {
        const isOf = (pair: SetPair): boolean =>
          pair.device === (device ?? pair.device) && pair.subscriber === (subscriber ?? pair.subscriber);
        if (ask === 'pairs') return bucket.pairs.filter(isOf);
        written.push(changes);
        if (bucket.isFull) return { ok: false, message: 'it is full' };
        for (const change of changes) {
          if (change.kind !== 'pair') continue;
          const { access, ...pair } = change;
          bucket.pairs = bucket.pairs.filter((one) => key(one) !== key(pair));
          if (access !== undefined)
            bucket.pairs.push({ device: pair.device, subscriber: pair.subscriber, access });
        }
        return { ok: true, revision: written.length, pendingNodes: ['node-b'] };
      },
    } as unknown as Pick<ClusterThread, 'ask' | 'refusal'>,
    operate: async (command) => hub.owner.operate(command),
    presence: hub.reader,
    rules: () => [],
    defaultAccess: 'allow',
  });
  return { hub, written, operator, bucket };
}

const deny = {
  kind: ToOwner.SetRow,
  device: 'dev-1',
  subscriber: 's',
  status: 'deny',
  vip: undefined,
} as const;
const unset: OperatorChange = { ...denial, access: undefined };
const isPending = { ok: true, pendingNodes: ['node-b'] };

it('writes a denial that this node has already: nodes that did not confirm it are asked and named again', async () => {
  const { hub, written, operator } = node();
  for (const time of ['first', 'second']) expect(await operator.operate(deny), time).toMatchObject(isPending);
  expect(hub.status('dev-1', 's')).toBe('deny');
  expect(written).toEqual([[denial], [denial]]);
});

it.each([
  ['the row', { kind: ToOwner.RemoveRow, device: 'dev-1', subscriber: 's' }, [unset]],
  ['the device', { kind: ToOwner.Terminate, device: 'dev-1' }, [unset]],
  [
    'all of a subscriber',
    { kind: ToOwner.Kick, subscriber: 's', forget: true },
    [unset, { kind: 'vip', subscriber: 's', vip: false }],
  ],
] as const)('asks again who did not confirm that %s was removed', async (_, command, changes) => {
  const { hub, written, operator } = node();
  await operator.operate(deny);
  expect(await operator.operate(command)).toMatchObject(isPending);
  expect(hub.status('dev-1', 's')).toBeUndefined();
  expect(await operator.operate(command)).toMatchObject(isPending);
  expect(written).toEqual([[denial], changes, []]);
});

it('does only what is here when another node ends a subscriber everywhere', async () => {
  const { hub, written, operator } = node();
  await operator.operate(deny);
  const part = { kind: ToOwner.Kick, subscriber: 's', forget: false, isPart: true } as const;
  expect(await operator.operate(part)).toEqual({ ok: true });
  expect(hub.status('dev-1', 's')).toBe('deny');
  expect(await operator.operate({ ...part, subscriber: 'other' })).toMatchObject({ why: 'not_found' });
  expect(written).toEqual([[denial]]);
});

it('does only what is here when another node ends a device everywhere', async () => {
  const { hub, written, operator } = node();
  await operator.operate(deny);
  const part = { kind: ToOwner.Terminate, device: 'dev-1', isPart: true } as const;
  expect(await operator.operate(part)).toEqual({ ok: true });
  expect(await operator.operate(part)).toMatchObject({ ok: false, why: 'not_found' });
  expect(hub.status('dev-1', 's')).toBeUndefined();
  expect(written).toEqual([[denial]]);
});

it('lifts no denial by what the token of the subscriber forbids', async () => {
  const { hub, written, operator } = node();
  hub.connect('s', { devices: ['dev-2'] });
  await operator.operate(deny);
  const answer = await operator.operate({ ...deny, status: 'active' });
  expect(answer).toMatchObject({ ok: false, why: 'forbidden' });
  expect(written).toEqual([[denial]]);
  expect(hub.status('dev-1', 's')).toBe('deny');
});

it.each([
  ['the device', { kind: ToOwner.Terminate, device: 'dev-1' }],
  ['all of a subscriber', { kind: ToOwner.Kick, subscriber: 's', forget: true }],
] as const)(
  'denies as the bucket does, when that does not take it that %s was removed',
  async (_, command) => {
    const { hub, operator, bucket } = node();
    await operator.operate(deny);
    bucket.isFull = true;
    await expect(operator.operate(command)).rejects.toThrow('it is full');
    expect(hub.status('dev-1', 's')).toBe('deny');
  },
);

it('looks for a row in short parts of the table, between which its thread turns to others', async () => {
  const { hub, written, operator } = node();
  await operator.operate(deny);
  const { reader } = hub;
  const find = reader.subscriptionSlotsOfSubscriber.bind(reader);
  let turns = 0;
  const looks: number[] = [];
  reader.subscriptionSlotsOfSubscriber = (subscriber, from, limit) => {
    looks.push(turns);
    setImmediate(() => {
      turns += 1;
    });
    return from < 2 ? { slots: [], next: from + 1 } : find(subscriber, 0, limit);
  };
  await operator.operate({ ...deny, status: undefined, vip: true });
  expect(looks).toEqual([0, 1, 2]);
  expect(written).toEqual([[denial], [{ kind: 'vip', subscriber: 's', vip: true }]]);
});

it.each([
  ['the row goes', { kind: ToOwner.RemoveRow, device: 'dev-1', subscriber: 's' }, [unset]],
  ['the row is to be active', { ...deny, status: 'active' }, [unset]],
  ['the device ends', { kind: ToOwner.Terminate, device: 'dev-1' }, [unset]],
  [
    'the subscriber is forgotten',
    { kind: ToOwner.Kick, subscriber: 's', forget: true },
    [unset, { kind: 'vip', subscriber: 's', vip: false }],
  ],
] as const)(
  'lifts a denial for which there was no room in the table when %s',
  async (_, command, changes) => {
    const { written, operator, bucket } = node();
    bucket.pairs.push({ device: 'dev-1', subscriber: 's', access: 'deny' });
    expect(await operator.operate(command)).toMatchObject(isPending);
    expect(written).toEqual([changes]);
  },
);
