import { describe, expect, it } from 'vitest';
import type { Wheel } from '../../src/memory/wheel.ts';
import type { Filters } from '../../src/owner/filters.ts';
import { OperatorRows } from '../../src/owner/operator-rows.ts';
import { Registry } from '../../src/owner/registry.ts';
import type { Subscriptions } from '../../src/owner/subscriptions.ts';
import { type Input, RowState, type RowStateName } from '../../src/presence/lifecycle.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { Notice } from '../../src/records/replies.ts';
import { ALL_TYPES } from '../../src/wire/events.ts';
import { FakeClock } from '../support/fake-clock.ts';

const SESSION = 64;
const REMOVE_AFTER_MS = 300_000;
const noticeNames = Object.entries(Notice);
const nameOf = (wanted: number): string => noticeNames.find(([, notice]) => notice === wanted)![0];
const stateNames = Object.entries(RowState);
const stateOf = (wanted: number): string => stateNames.find(([, state]) => state === wanted)![0];

/** One device and one subscriber; what is asked of others is written down. */
function setUp({ connected = true, subscriptions: capacity = 2 } = {}) {
  const registry = new Registry(createPresence({ devices: 2, subscribers: 1, subscriptions: capacity }), 1);
  const [device, subscriber] = [registry.ensureDeviceOf('dev-1'), registry.ensureSubscriberOf('s-1')];
  if (connected) registry.subscribers.rows.session[subscriber] = SESSION;
  const done: string[] = [];
  const passedOver: number[] = [];
  const timers = new Map<number, number>();
  const clock = new FakeClock();
  const rows = new OperatorRows({
    registry,
    subscriptions: {
      tell: (_: number, notice: Notice, __: number, after: number) =>
        done.push(`tell ${nameOf(notice)} ${stateOf(after)}`),
      move: (_: number, after: number) => done.push(`move ${stateOf(after)}`),
      attach: () => done.push('attach'),
    } as unknown as Subscriptions,
    filters: { rematch: () => done.push('rematch'), removed: () => {} } as unknown as Filters,
    sweeps: { passOver: (_, passed) => passedOver.push(passed) },
    wheel: {
      isSet: (slot: number) => timers.has(slot),
      set: (slot: number, dueMs: number) => void timers.set(slot, dueMs),
    } as unknown as Wheel,
    clock,
    settings: { subscriberRemoveAfterMs: REMOVE_AFTER_MS },
  });
  return { registry, device, subscriber, done, passedOver, timers, clock, rows };
}

describe("an operator's word on a subscription", () => {
  it.each<[RowStateName, Input, boolean, readonly string[]]>([
    ['allow', 'operatorActive', true, ['tell operatorActive active', 'move active']],
    ['active', 'operatorActive', true, ['move active']],
    ['active', 'operatorAllow', true, ['move active']],
    ['active', 'operatorInactive', true, ['tell operatorInactive paused', 'move paused']],
    ['active', 'operatorDeny', true, ['tell deniedByOperator deny', 'move deny']],
    ['active', 'operatorRemove', true, ['tell removedByOperator none', 'move none']],
    ['paused', 'operatorActive', true, ['tell operatorActive active', 'move active']],
    ['allow', 'operatorDeny', true, ['move deny']],
    ['allow', 'operatorRemove', true, ['move none']],
    ['deny', 'operatorActive', true, ['tell operatorActive active', 'move active']],
    ['deny', 'operatorAllow', true, ['move allow', 'rematch']],
    ['deny', 'operatorRemove', true, ['move none', 'rematch']],
    ['deny', 'operatorDeny', true, ['move deny']],
    ['allow', 'operatorActive', false, ['tell operatorInactive disconnected', 'move disconnected']],
    ['disconnected', 'operatorInactive', false, ['tell operatorInactive paused', 'move paused']],
    ['disconnected', 'operatorActive', false, ['move disconnected']],
  ])('moves one that is %s by %s, connected: %s', (state, input, connected, expected) => {
    const { registry, device, subscriber, done, rows } = setUp({ connected });
    const row = registry.createRow(device, subscriber, RowState[state]);
    expect(rows.input(row, input)).toBe(input === 'operatorRemove' ? -1 : row);
    expect(done).toEqual(expected);
  });

  it.each<[Input, boolean]>([
    ['operatorActive', true],
    ['operatorAllow', false],
    ['operatorInactive', false],
    ['operatorDeny', false],
  ])('by %s takes it out of what is still to be held: %s', (input, isOut) => {
    const { registry, device, subscriber, passedOver, rows } = setUp();
    const row = registry.createRow(device, subscriber, RowState.disconnected);
    rows.input(row, input);
    expect(passedOver).toEqual(isOut ? [row] : []);
  });

  it('asks for all types where none were asked for, and leaves those that were', () => {
    const typesAfter = (state: RowState, types: number, ...inputs: readonly Input[]): number => {
      const { registry, device, subscriber, rows } = setUp();
      const row = registry.createRow(device, subscriber, state, { types, ownTypes: types });
      for (const input of inputs) rows.input(row, input);
      return registry.subscriptions.rows.types[row]!;
    };
    expect(typesAfter(RowState.allow, 0, 'operatorActive')).toBe(ALL_TYPES);
    expect(typesAfter(RowState.deny, 0, 'operatorInactive')).toBe(ALL_TYPES);
    expect(typesAfter(RowState.active, 1, 'operatorInactive')).toBe(1);
    expect(typesAfter(RowState.active, 1, 'operatorDeny', 'operatorActive')).toBe(1);
  });

  it('sets the time after which a subscriber that is not connected is forgotten, unless it runs', () => {
    const { registry, device, subscriber, timers, clock, rows } = setUp({ connected: false });
    const row = registry.createRow(device, subscriber, RowState.allow);
    rows.input(row, 'operatorDeny');
    expect([...timers]).toEqual([[subscriber, clock.nowMs + REMOVE_AFTER_MS]]);
    clock.advance(1000);
    rows.input(row, 'operatorInactive');
    expect([...timers]).toEqual([[subscriber, clock.nowMs - 1000 + REMOVE_AFTER_MS]]);
  });

  it('sets no time for one that is connected, nor for a row that is gone', () => {
    const here = setUp();
    here.rows.input(here.registry.createRow(here.device, here.subscriber, RowState.allow), 'operatorDeny');
    const away = setUp({ connected: false });
    away.rows.input(away.registry.createRow(away.device, away.subscriber, RowState.deny), 'operatorRemove');
    expect([here.timers.size, away.timers.size]).toEqual([0, 0]);
  });
});

describe("an operator's word on a pair without a row", () => {
  it.each<[Input, boolean, RowStateName, readonly string[]]>([
    ['operatorActive', true, 'active', ['tell operatorActive active', 'attach']],
    ['operatorInactive', true, 'paused', ['tell operatorInactive paused']],
    ['operatorAllow', true, 'allow', []],
    ['operatorDeny', true, 'deny', []],
    ['operatorActive', false, 'disconnected', ['tell operatorInactive disconnected']],
    ['operatorDeny', false, 'deny', []],
  ])('%s, connected: %s, makes one that is %s', (input, connected, state, expected) => {
    const { registry, device, subscriber, done, timers, clock, rows } = setUp({ connected });
    const row = rows.make(device, subscriber, input);
    expect([registry.rowState(row), registry.isGranted(row)]).toEqual([RowState[state], state === 'allow']);
    expect(done).toEqual(expected);
    expect([...timers]).toEqual(connected ? [] : [[subscriber, clock.nowMs + REMOVE_AFTER_MS]]);
  });

  it('leaves a time that runs as it is', () => {
    const { device, subscriber, timers, rows } = setUp({ connected: false });
    timers.set(subscriber, 5);
    rows.make(device, subscriber, 'operatorActive');
    expect(timers.get(subscriber)).toBe(5);
  });

  it('does nothing where the table is full', () => {
    const { registry, device, subscriber, done, timers, rows } = setUp({
      connected: false,
      subscriptions: 1,
    });
    rows.make(device, subscriber, 'operatorAllow');
    timers.clear();
    expect(rows.make(registry.ensureDeviceOf('dev-2'), subscriber, 'operatorActive')).toBe(-1);
    expect([done, timers.size]).toEqual([[], 0]);
  });
});
