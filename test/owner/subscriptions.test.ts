import { describe, expect, it } from 'vitest';
import { AccessRules } from '../../src/access/rules.ts';
import { isSubscribed, noticeOf } from '../../src/owner/subscriptions.ts';
import { DeviceState, RowState, type RowStateName } from '../../src/presence/lifecycle.ts';
import { Notice, readEntries } from '../../src/records/replies.ts';
import { ALL_TYPES } from '../../src/wire/events.ts';
import { OwnerParts, type PartsOptions } from './owner-parts.ts';

/** A device, a subscriber and their row, of which nobody has been told. */
function pair(
  state: RowState,
  options: PartsOptions & {
    covers?: string[];
    connected?: boolean;
    granted?: boolean;
    ownTypes?: number;
  } = {},
) {
  const { covers, connected = true, granted = false, ownTypes = ALL_TYPES } = options;
  const parts = new OwnerParts(options);
  parts.device('dev-1');
  const session = parts.subscriber('s', covers && { covers });
  const [device, subscriber] = [parts.registry.deviceOf('dev-1'), parts.registry.subscriberOf('s')];
  const row = parts.registry.createRow(device, subscriber, state, { granted, types: ALL_TYPES, ownTypes });
  if (!connected) {
    parts.subscribers.leave(session);
    if (row >= 0) parts.registry.setRowState(row, state); // as if it had not been told yet
  }
  parts.told();
  return { ...parts, parts, subscriptions: parts.subscriptions, device, subscriber, row, session };
}

describe('a row that changes its state', () => {
  it.each<[RowStateName, RowStateName, readonly string[]]>([
    ['active', 'paused', ['detach 2@0 dev-1']],
    ['active', 'deny', ['detach 2@0 dev-1']],
    ['active', 'none', ['detach 2@0 dev-1']],
    ['active', 'active', []],
    ['paused', 'active', ['attach 2@0 dev-1 0']],
    ['allow', 'active', ['attach 2@0 dev-1 0']],
    ['paused', 'silent', []],
    ['paused', 'none', []],
  ])('from %s to %s lets the session know what it gets', (before, after, told) => {
    const { parts, subscriptions, row } = pair(RowState[before]);
    subscriptions.move(row, RowState[after]);
    expect(parts.status('dev-1', 's')).toBe(after);
    expect(parts.told()).toEqual(told);
  });

  it.each<[RowStateName, RowStateName]>([
    ['active', 'disconnected'],
    ['disconnected', 'active'],
    ['active', 'none'],
  ])('from %s to %s tells nobody where its subscriber is not connected', (before, after) => {
    const { parts, subscriptions, row } = pair(RowState[before], { connected: false });
    subscriptions.move(row, RowState[after]);
    expect([parts.status('dev-1', 's'), parts.told()]).toEqual([after, []]);
  });

  it('lets go of its device when it goes', () => {
    const { parts, subscriptions, registry } = pair(RowState.active);
    const unused = registry.ensureDeviceOf('unused');
    const row = registry.createRow(unused, registry.subscriberOf('s'), RowState.paused);
    subscriptions.move(row, RowState.allow);
    parts.pass(10);
    expect(parts.state('unused')).toBe('offline');
    subscriptions.move(row, RowState.none);
    parts.pass(10);
    expect(parts.state('unused')).toBe('free');
  });

  it.each<[RowStateName, boolean]>([
    ['paused', true],
    ['active', true],
    ['allow', false],
    ['deny', false],
  ])('to %s is still only a filter’s: %s', (after, isFiltered) => {
    const { subscriptions, registry, row } = pair(RowState.silent, { ownTypes: 0 });
    subscriptions.move(row, RowState[after]);
    expect(registry.isFiltered(row)).toBe(isFiltered);
  });
});

describe('the changes of a page', () => {
  it('happen at its end, in their order and once', () => {
    const { parts, subscriptions, row, registry } = pair(RowState.paused);
    const page = subscriptions.begin();
    page.change(row, RowState.active);
    page.change(row, RowState.silent);
    expect(registry.rowState(row)).toBe(RowState.paused);
    subscriptions.end(page);
    expect(parts.told()).toEqual(['attach 2@0 dev-1 0', 'detach 2@0 dev-1']);
    subscriptions.move(row, RowState.paused);
    subscriptions.end(subscriptions.begin());
    expect(registry.rowState(row)).toBe(RowState.paused);
  });

  it('attach a row that is active already, and leave another that is as it should be', () => {
    const active = pair(RowState.active);
    active.subscriptions.settle(active.row, RowState.active);
    expect(active.parts.told()).toEqual(['attach 2@0 dev-1 0']);
    const paused = pair(RowState.paused);
    paused.subscriptions.settle(paused.row, RowState.paused);
    expect(paused.parts.told()).toEqual([]);
  });

  it('name a device as it is at that moment', () => {
    const { parts, subscriptions, registry, device } = pair(RowState.active);
    parts.clock.advance(1500);
    parts.say(64, { status: 'läuft', slot: device }); // two bytes for one letter
    const page = subscriptions.begin();
    subscriptions.describe(page, device, RowState.silent);
    const { epoch, generation } = registry.devices.rows;
    expect(readEntries(page.entries.take())).toEqual([
      {
        device: 'dev-1',
        deviceSlot: device,
        rowState: RowState.silent,
        deviceState: DeviceState.online,
        lastSeen: parts.clock.wallMs - 1500,
        seq: 1,
        epoch: epoch[device],
        generation: generation[device],
        deviceStatus: 'läuft',
      },
    ]);
  });
});

describe('a session from which on it gets events', () => {
  it('is told the number of the last one, and of which types they are', () => {
    const { parts, subscriptions, registry, row, device } = pair(RowState.active);
    registry.devices.rows.seq[device] = 7;
    registry.setTypes(row, 2, 6);
    subscriptions.attach(row);
    expect(parts.told()).toEqual(['attach 2@0 dev-1 7 types-6']);
  });

  it('is told when other types are asked for, unless it gets none now', () => {
    const { parts, subscriptions, registry, row } = pair(RowState.active);
    subscriptions.setTypes(row, 2, 4);
    expect(parts.told()).toEqual(['attach 2@0 dev-1 0 types-6']);
    subscriptions.setTypes(row, 4, 2); // the same together
    expect(parts.told()).toEqual([]);
    expect([registry.subscriptions.rows.types[row], registry.subscriptions.rows.ownTypes[row]]).toEqual([
      6, 4,
    ]);
    subscriptions.move(row, RowState.paused);
    parts.told();
    subscriptions.setTypes(row, 0, 2);
    expect([parts.told(), registry.isFiltered(row)]).toEqual([[], true]);
  });
});

const rule = (access: 'allow' | 'deny') => ({ device: 'dev-*', subscriber: 's', access });
const uncovered = { covers: ['other'] };
const covered = { covers: ['dev-*'] };
const byDefault = { defaultAccess: 'deny' } as const;
const byRule = { rules: [rule('deny')] };
const allowedByRule = { ...byDefault, rules: [rule('allow')] };
const granted = { granted: true };

describe('the events of a pair with a row', () => {
  it.each([
    [{}, true],
    [covered, true],
    [uncovered, false],
    [{ ...uncovered, ...granted }, false],
    [byDefault, false],
    [byRule, false],
    [allowedByRule, true],
    [{ ...byDefault, ...granted }, true],
    [{ ...byRule, ...granted }, true],
    [{ ...byRule, ...granted, ...covered }, true],
  ])('may be delivered where token, rules and operators let them: %j %s', (options, expected) => {
    const { subscriptions, row, subscriber, device } = pair(RowState.paused, options);
    expect(subscriptions.mayDeliver(row)).toBe(expected);
    expect(subscriptions.mayFollow(subscriber, device, row)).toBe(expected);
  });

  it('are not followed where an operator denies them', () => {
    const { subscriptions, row, subscriber, device } = pair(RowState.deny);
    expect(subscriptions.mayFollow(subscriber, device, row)).toBe(false);
  });
});

it.each([
  [{}, true],
  [covered, true],
  [uncovered, false],
  [byDefault, false],
  [{ ...byDefault, ...covered }, false],
  [byRule, false],
  [allowedByRule, true],
  [{ ...allowedByRule, ...uncovered }, false],
  [{ rules: [{ ...rule('deny'), subscriber: 'another' }] }, true],
])('a pair without a row may be followed where token and rules let it: %j %s', (options, expected) => {
  const { subscriptions, registry, row, subscriber, device } = pair(RowState.paused, options);
  registry.removeRow(row);
  expect(subscriptions.mayFollow(subscriber, device, -1)).toBe(expected);
});

it.each([
  [granted, false],
  [{ ...granted, ...byRule }, true],
  [{ ...granted, ...byDefault }, true],
  [{ ...granted, ...allowedByRule }, true], // the rule may go
  [byRule, false],
  [byDefault, false],
])(
  'a grant outlives its subscription where the pair may be denied without it: %j %s',
  (options, expected) => {
    const { subscriptions, row } = pair(RowState.active, options);
    expect(subscriptions.outlives(row)).toBe(expected);
  },
);

describe('what rules say of a row', () => {
  it.each([
    [{}, 'allow'],
    [byDefault, 'deny'],
    [byRule, 'deny'],
    [allowedByRule, 'allow'],
    [{ ...byRule, ...granted }, 'deny'],
  ])('is the first that matches, else the default: %j %s', (options, access) => {
    const { subscriptions, row } = pair(RowState.active, options);
    expect(subscriptions.decide(row)).toBe(access);
  });

  it('can be asked of others than those in force', () => {
    const { subscriptions, row } = pair(RowState.active);
    expect(subscriptions.decide(row, new AccessRules([rule('deny')]))).toBe('deny');
    const { subscriptions: denying, row: other } = pair(RowState.active, byRule);
    expect(denying.decide(other, new AccessRules([]))).toBe('allow');
  });
});

describe('a notice of one device', () => {
  it('goes to a subscriber that is connected, and there is nothing more to come', () => {
    const { parts, subscriptions, subscriber, device } = pair(RowState.active);
    subscriptions.tell(subscriber, Notice.silent, device, RowState.silent);
    expect(parts.told()).toEqual(['notice 2@0 silent dev-1=silent']);
    subscriptions.tell(subscriber, Notice.heard, device, RowState.active);
    expect(parts.told()).toEqual(['notice 2@0 heard dev-1=active']);
  });

  it('goes to nobody else', () => {
    const { parts, subscriptions, subscriber, device } = pair(RowState.active, { connected: false });
    subscriptions.tell(subscriber, Notice.silent, device, RowState.silent);
    expect(parts.told()).toEqual([]);
  });
});

it('a row is a subscription while it is active or inactive', () => {
  const subscribed = Object.entries(RowState).filter(([, state]) => isSubscribed(state));
  expect(subscribed.map(([name]) => name)).toEqual(['active', 'silent', 'paused', 'disconnected']);
});

it.each([
  ['allow', 'active', 'operatorActive', 'operatorActive'],
  ['active', 'paused', 'operatorInactive', 'operatorInactive'],
  ['none', 'disconnected', 'operatorActive', 'operatorInactive'],
  ['active', 'deny', 'operatorDeny', 'deniedByOperator'],
  ['silent', 'none', 'operatorRemove', 'removedByOperator'],
  ['allow', 'deny', 'operatorDeny', undefined],
  ['deny', 'none', 'operatorRemove', undefined],
  ['none', 'allow', 'operatorAllow', undefined],
] as const)('from %s to %s by %s the subscriber is told: %s', (before, after, input, notice) => {
  expect(noticeOf(RowState[before], RowState[after], input)).toBe(notice && Notice[notice]);
});
