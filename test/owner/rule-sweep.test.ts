import { describe, expect, it } from 'vitest';
import type { AccessRule } from '../../src/access/rules.ts';
import { SWEEP_ROWS_MAX } from '../../src/limits.ts';
import { RuleSweep } from '../../src/owner/rule-sweep.ts';
import type { Subscribers } from '../../src/owner/subscribers.ts';
import { RowsHarness, type RowsOptions } from './rows-harness.ts';

const deny = (device: string): AccessRule => ({ device, subscriber: '*', access: 'deny' });
const denied = { notice: 'deniedByRule', filters: [], more: false };

/** A table, and what its sweep finds idle. */
function setUp(options: RowsOptions = {}) {
  const hub = new RowsHarness(options);
  const idle: number[] = [];
  const subscribers = { freeIfIdle: (slot: number) => idle.push(slot) } as unknown as Subscribers;
  return { hub, idle, sweep: new RuleSweep(hub.registry, hub.subscriptions, subscribers, hub.access) };
}

describe('access rules that are put in force', () => {
  it('remove what they deny: its subscribers are told, then nothing more is delivered', () => {
    const { hub, idle, sweep } = setUp();
    const [one, other] = [hub.connect('one'), hub.connect('other')];
    for (const device of ['a-1', 'b', 'a-2']) hub.row(device, 'one', 'active');
    hub.row('a-1', 'other', 'paused');
    expect(sweep.begin([deny('a-*')], false)).toEqual({ removed: 3, next: undefined });
    expect(hub.told(one)).toEqual([
      { ...denied, devices: ['a-1 none', 'a-2 none'] },
      { detach: 'a-1' },
      { detach: 'a-2' },
    ]);
    expect(hub.told(other)).toEqual([{ ...denied, devices: ['a-1 none'] }]);
    expect([hub.states('one'), hub.states('other')]).toEqual([['b active'], []]);
    expect(idle).toEqual(['one', 'other'].map((id) => hub.subscriber(id)));
  });

  it('hold for every subscribe at once, and the ones before are known', () => {
    const { hub, sweep } = setUp({ rules: [deny('b')] });
    const first = hub.access.rules;
    expect(sweep.before).toBe(first);
    sweep.begin([deny('a')], false);
    expect([hub.access.decide('a', 's'), hub.access.decide('b', 's')]).toEqual(['deny', 'allow']);
    expect([sweep.before === first, sweep.isDryRun]).toEqual([true, false]);
    const second = hub.access.rules;
    sweep.begin([], false);
    expect(sweep.before).toBe(second);
  });

  it('leave what operators set, and what they allowed', () => {
    const { hub, idle, sweep } = setUp();
    hub.row('a', 's', 'active', { granted: true });
    hub.row('b', 's', 'deny');
    hub.row('c', 's', 'allow');
    expect(sweep.begin([deny('*')], false).removed).toBe(0);
    expect([hub.states('s'), idle]).toEqual([['a active', 'b deny', 'c allow'], []]);
  });

  it('remove what a subscriber kept that is gone, without a word', () => {
    const { hub, sweep } = setUp();
    const session = hub.connect('s');
    hub.row('a', 's', 'disconnected');
    hub.disconnect('s');
    expect(sweep.begin([deny('*')], false).removed).toBe(1);
    expect([hub.states('s'), hub.told(session)]).toEqual([[], []]);
  });

  it.each([
    [SWEEP_ROWS_MAX, [SWEEP_ROWS_MAX]],
    [SWEEP_ROWS_MAX + 1, [SWEEP_ROWS_MAX, 1]],
  ])('go through %i subscriptions in parts', (count, parts) => {
    const { hub, sweep } = setUp({ capacity: { devices: count, subscriptions: count } });
    for (let n = 0; n < count; n++) hub.row(`d-${n}`, 's', 'active');
    const removed: number[] = [];
    let part = sweep.begin([deny('*')], false);
    for (; part.next !== undefined; part = sweep.part(part.next)) removed.push(part.removed);
    expect([...removed, part.removed]).toEqual(parts);
    expect(hub.states('s')).toEqual([]);
  });
});

describe('access rules that are tried out', () => {
  it('are counted and change nothing', () => {
    const { hub, idle, sweep } = setUp();
    const session = hub.connect('s');
    for (const device of ['a', 'b']) hub.row(device, 's', 'active');
    const { rules } = hub.access;
    expect(sweep.isDryRun).toBe(false);
    expect(sweep.begin([deny('a')], true)).toEqual({ removed: 1, next: undefined });
    expect([sweep.isDryRun, hub.access.rules === rules, sweep.before === rules]).toEqual([true, true, true]);
    expect([hub.states('s'), hub.told(session), idle]).toEqual([['a active', 'b active'], [], []]);
  });

  it('are not those that come into force afterwards', () => {
    const { hub, sweep } = setUp();
    hub.row('a', 's', 'active');
    sweep.begin([deny('*')], true);
    expect(sweep.begin([deny('b')], false).removed).toBe(0);
    expect([sweep.isDryRun, hub.states('s')]).toEqual([false, ['a active']]);
  });
});
