import { describe, expect, it } from 'vitest';
import { Registry } from '../../src/owner/registry.ts';
import { DeviceState, RowState, StateReason } from '../../src/presence/lifecycle.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import { type DeviceChange, DeviceChanges, type FoundChange } from '../../src/webhooks/changes.ts';
import { FakeClock } from '../support/fake-clock.ts';

const { online, stale, offline } = DeviceState;
const { connected, silent, closed } = StateReason;

function setUp(capacity = 64) {
  const memory = createPresence({ devices: capacity, subscribers: 64, subscriptions: 256 });
  const registry = new Registry(memory, 1);
  const clock = new FakeClock();
  const presence = new PresenceReader(memory);
  let changes = new DeviceChanges(presence, clock);
  return {
    registry,
    clock,
    /** Takes what is there as told. */
    begin: () => {
      changes = new DeviceChanges(presence, clock);
    },
    set: (id: string, state: DeviceState, reason: number): number => {
      const slot = registry.ensureDeviceOf(id);
      registry.setDeviceState(slot, state, reason);
      return slot;
    },
    subscribe: (device: string, subscriber: string) =>
      registry.createRow(
        registry.ensureDeviceOf(device),
        registry.ensureSubscriberOf(subscriber),
        RowState.active,
      ),
    /** What is to be told now; told, unless the receiver does not take it. */
    look: (isTaken = true): DeviceChange[] => {
      const { found } = changes.find(0, 1000, 100_000);
      if (isTaken) changes.told(found);
      return found.map(({ change }) => change);
    },
    find: (from: number, limit: number, slots: number) => changes.find(from, limit, slots),
    told: (found: readonly FoundChange[]) => changes.told(found),
  };
}

describe('the changes of devices', () => {
  it('are none of what was there at the start', () => {
    const { set, begin, look } = setUp();
    set('dev-1', online, connected);
    begin();
    expect(look()).toEqual([]);
  });

  it('tell of each new state once, with why', () => {
    const { set, look, clock } = setUp();
    set('dev-1', online, connected);
    const none = { active: 0, inactive: 0, allow: 0, deny: 0 };
    expect(look()).toEqual([
      { device: 'dev-1', state: 'online', reason: 'connected', at: clock.wallNow(), subscribers: none },
    ]);
    expect(look()).toEqual([]);
    set('dev-1', stale, silent);
    expect(look()).toMatchObject([{ state: 'stale', reason: 'silent' }]);
    set('dev-1', offline, closed);
    expect(look()).toMatchObject([{ state: 'offline', reason: 'closed' }]);
    expect(look()).toEqual([]);
  });

  it('are none where a device went and came back between two looks', () => {
    const { set, look } = setUp();
    set('dev-1', online, connected);
    look();
    for (let n = 0; n < 100; n++) {
      set('dev-1', offline, closed);
      set('dev-1', online, connected);
    }
    expect(look()).toEqual([]);
  });

  it('stay until they were told', () => {
    const { set, look } = setUp();
    set('dev-1', online, connected);
    expect(look(false)).toHaveLength(1);
    set('dev-1', offline, closed);
    expect(look(false)).toMatchObject([{ state: 'offline' }]);
    expect(look()).toMatchObject([{ state: 'offline' }]);
    expect(look()).toEqual([]);
  });

  it('tell of subscriptions, by how many there are of each status', () => {
    const { registry, set, subscribe, look } = setUp();
    set('dev-1', online, connected);
    look();
    const row = subscribe('dev-1', 's-1');
    expect(look()).toMatchObject([
      { device: 'dev-1', state: 'online', subscribers: { active: 1, inactive: 0 } },
    ]);
    registry.setRowState(row, RowState.paused);
    expect(look()).toMatchObject([{ subscribers: { active: 0, inactive: 1 } }]);
    registry.removeRow(row);
    expect(look()).toMatchObject([{ subscribers: { active: 0, inactive: 0 } }]);
  });

  it('tell of a device that nobody has seen, once it is subscribed to', () => {
    const { subscribe, look } = setUp();
    subscribe('dev-1', 's-1');
    expect(look()).toMatchObject([
      { device: 'dev-1', state: 'offline', reason: null, subscribers: { active: 1 } },
    ]);
  });

  it('tell of a connected device that was removed', () => {
    const { registry, set, look } = setUp();
    const slot = set('dev-1', online, connected);
    look();
    registry.freeDevice(slot);
    expect(look()).toMatchObject([{ device: 'dev-1', state: 'offline', reason: 'removed' }]);
    expect(look()).toEqual([]);
  });

  it('tell of a device that was followed, and left the table with its last subscription', () => {
    const { registry, subscribe, look } = setUp();
    const row = subscribe('dev-1', 's-1');
    look();
    registry.removeRow(row);
    registry.freeDevice(registry.deviceOf('dev-1'));
    expect(look()).toMatchObject([
      { device: 'dev-1', state: 'offline', reason: 'removed', subscribers: { active: 0 } },
    ]);
    expect(look()).toEqual([]);
  });

  it('tell of both where another device is in its row by then', () => {
    const { registry, set, look } = setUp(1);
    const slot = set('dev-1', online, connected);
    look();
    registry.freeDevice(slot);
    expect(set('dev-2', online, connected)).toBe(slot);
    expect(look().map(({ device, state }) => [device, state])).toEqual([
      ['dev-1', 'offline'],
      ['dev-2', 'online'],
    ]);
    expect(look()).toEqual([]);
  });

  it('tell only where a device is now, where that is another row', () => {
    const { registry, set, look } = setUp();
    set('dev-0', online, connected);
    const slot = set('dev-1', online, connected);
    look();
    registry.freeDevice(slot);
    set('dev-2', online, connected);
    set('dev-1', stale, silent);
    const told = look().filter(({ device }) => device === 'dev-1');
    expect(told).toMatchObject([{ state: 'stale' }]);
    expect(look()).toEqual([]);
  });

  it('tell nothing of an offline device that left the table', () => {
    const { registry, set, look } = setUp();
    const slot = set('dev-1', offline, closed);
    look();
    registry.freeDevice(slot);
    expect(look()).toEqual([]);
    set('dev-2', online, connected);
    expect(look()).toMatchObject([{ device: 'dev-2' }]);
  });

  it('are at most as many as were asked for, where a row has another device by then', () => {
    const { registry, set, look, find, told } = setUp();
    const slot = set('dev-1', online, connected);
    look();
    registry.freeDevice(slot);
    expect(set('dev-2', online, connected)).toBe(slot);
    const { found, next } = find(0, 1, 100);
    expect([found.map(({ change }) => change.device), next]).toEqual([['dev-1'], slot]);
    told(found);
    expect(find(slot, 1, 100).found.map(({ change }) => change.device)).toEqual(['dev-2']);
  });

  it('are found part by part', () => {
    const { set, find } = setUp();
    for (let n = 0; n < 10; n++) set(`dev-${n}`, online, connected);
    const first = find(0, 4, 100);
    expect([first.found.length, first.next]).toEqual([4, 4]);
    const second = find(4, 100, 3);
    expect([second.found.length, second.next]).toEqual([3, 7]);
    const last = find(7, 100, 100);
    expect([last.found.length, last.next]).toEqual([3, undefined]);
  });
});
