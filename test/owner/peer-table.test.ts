import { describe, expect, it } from 'vitest';
import { Registry } from '../../src/owner/registry.ts';
import { DeviceState, RowState, StateReason } from '../../src/presence/lifecycle.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';

const EDGES = 2;

function setUp(capacity = { devices: 3, subscribers: 2, subscriptions: 4 }) {
  const memory = createPresence(capacity);
  const registry = new Registry(memory, EDGES);
  return { registry, reader: new PresenceReader(memory), rows: registry.devices.rows };
}

const bytes = (text: string): [Uint8Array, number, number] => [Buffer.from(text), 0, Buffer.byteLength(text)];

describe('devices that no device has used', () => {
  it('are counted until one does, or they are gone', () => {
    const { registry } = setUp();
    const slots = ['dev-1', 'dev-2', 'dev-3'].map((id) => registry.ensureDeviceOf(id));
    registry.ensureDeviceOf('dev-1');
    expect(registry.unusedCount).toBe(3);
    registry.setKnown(slots[0]!);
    registry.setKnown(slots[0]!);
    expect([registry.unusedCount, registry.devices.rows.known[slots[0]!]]).toEqual([2, 1]);
    registry.freeDevice(slots[0]!);
    expect(registry.unusedCount).toBe(2);
    registry.freeDevice(slots[1]!);
    expect(registry.unusedCount).toBe(1);
  });

  it('are not known when they come into the slot of one that was', () => {
    const { registry, rows } = setUp();
    registry.setKnown(registry.ensureDeviceOf('dev-1'));
    registry.freeDevice(0);
    expect([registry.ensureDeviceOf('dev-2'), rows.known[0], registry.unusedCount]).toEqual([0, 0, 1]);
  });
});

describe('a device in a slot that was used before', () => {
  it('has no subscriptions of other nodes, whatever the one before had', () => {
    const { registry, rows } = setUp();
    registry.ensureDeviceOf('dev-1');
    registry.countPeer(0, 1, 1);
    registry.countPeerWaiting(0, 1);
    registry.countPeerHolder(0, 1);
    registry.freeDevice(0);
    registry.ensureDeviceOf('dev-2');
    expect([rows.active[0], rows.peers[0], rows.waiting[0], registry.isHeld(0)]).toEqual([0, 0, 0, false]);
  });

  it('counts for no state, and has no text, until it is there', () => {
    const { registry, reader, rows } = setUp();
    registry.ensureDeviceOf('dev-1');
    registry.setDeviceState(0, DeviceState.online, StateReason.connected);
    registry.setGateway(0, 'gw');
    registry.setDeviceStatus(0, ...bytes('ok'));
    const used = reader.capacityUsed().texts.used;
    registry.freeDevice(0);
    expect(reader.capacityUsed().texts.used).toBeLessThan(used - 2);
    expect([reader.total('online'), rows.deviceState[0], rows.gateway[0]]).toEqual([0, DeviceState.free, 0]);
    registry.ensureDeviceOf('dev-2');
    expect([reader.total('offline'), rows.stateReason[0]]).toEqual([1, StateReason.none]);
  });

  it('is numbered in an epoch of its own, above 0', () => {
    const { registry, rows } = setUp();
    registry.ensureDeviceOf('dev-1');
    const epochs = [rows.epoch[0]!];
    registry.beginEpoch(0);
    epochs.push(rows.epoch[0]!);
    expect(new Set(epochs).size).toBe(2);
    expect(epochs.every((epoch) => Number.isSafeInteger(epoch) && epoch > 0)).toBe(true);
  });
});

it('an id for which there is no room takes no slot', () => {
  const memory = createPresence({ devices: 1, subscribers: 1, subscriptions: 1 });
  // A table always has room for its texts; this one has one unit left for all of them.
  const registry = new Registry({ ...memory, arena: new SharedArrayBuffer(2 * 32) }, EDGES);
  expect(registry.ensureDeviceOf('d'.repeat(60))).toBe(-1);
  expect([registry.unusedCount, registry.ensureDeviceOf('d')]).toEqual([0, 0]);
});

describe('what a device says of itself', () => {
  it('stands there until it says something else', () => {
    const { registry, rows } = setUp();
    registry.ensureDeviceOf('dev-1');
    expect(registry.setDeviceStatus(0, ...bytes('idle'))).toBe(true);
    const [chunk, version] = [rows.deviceStatus[0], rows.version[0]];
    expect(registry.setDeviceStatus(0, ...bytes('idle'))).toBe(true);
    expect([rows.deviceStatus[0], rows.version[0]]).toEqual([chunk, version]);
    expect(registry.setDeviceStatus(0, ...bytes('busy'))).toBe(true);
    expect([registry.deviceStatus(0), rows.version[0]]).toEqual(['busy', version! + 2]);
  });

  it('is a part of what it was given', () => {
    const { registry } = setUp();
    registry.ensureDeviceOf('dev-1');
    registry.setDeviceStatus(0, Buffer.from('is idle now'), 3, 4);
    expect(registry.deviceStatus(0)).toBe('idle');
  });
});

describe('the gateway of a device', () => {
  it('is the one by which it is connected, or none', () => {
    const { registry, reader, rows } = setUp();
    registry.ensureDeviceOf('dev-1');
    const version = rows.version[0]!;
    registry.setGateway(0, '');
    expect([reader.device(0)?.gateway, rows.version[0]]).toEqual([undefined, version]);
    registry.setGateway(0, 'gw-1');
    expect([reader.device(0)?.gateway, rows.version[0]]).toEqual(['gw-1', version + 2]);
    registry.setGateway(0, 'gw-2');
    expect(reader.device(0)?.gateway).toBe('gw-2');
    registry.setGateway(0, '');
    expect([reader.device(0)?.gateway, rows.gateway[0]]).toEqual([undefined, 0]);
  });

  it('takes room once, however many devices have it, and none when the last has gone', () => {
    const { registry, reader } = setUp();
    const used = (): number => reader.capacityUsed().texts.used;
    for (const id of ['dev-1', 'dev-2']) registry.ensureDeviceOf(id);
    const without = used();
    registry.setGateway(0, 'gw');
    const once = used();
    registry.setGateway(1, 'gw');
    expect([used(), once > without]).toEqual([once, true]);
    registry.setGateway(0, '');
    expect(used()).toBe(once);
    registry.freeDevice(1);
    expect(used()).toBeLessThan(without);
  });
});

it('a device and a subscriber have rows as long as one names them', () => {
  const { registry } = setUp();
  const [device, subscriber] = [registry.ensureDeviceOf('dev-1'), registry.ensureSubscriberOf('s')];
  const both = (): boolean[] => [registry.hasRows(device), registry.hasRowsOf(subscriber)];
  expect(both()).toEqual([false, false]);
  const row = registry.createRow(device, subscriber, RowState.allow);
  expect(both()).toEqual([true, true]);
  registry.removeRow(row);
  expect(both()).toEqual([false, false]);
});

it('an id starts with what it starts with', () => {
  const { registry } = setUp();
  const slot = registry.ensureDeviceOf('dev-1');
  const startsWith = (prefix: string): boolean => registry.idStartsWith(slot, Buffer.from(prefix));
  expect(['', 'dev-', 'dev-1', 'dev-10', 'ev'].map(startsWith)).toEqual([true, true, true, false, false]);
});

describe('a subscriber in a slot that was used before', () => {
  it('starts with nothing', () => {
    const { registry } = setUp();
    const slot = registry.ensureSubscriberOf('s-1');
    const { rows } = registry.subscribers;
    rows.lastSeen[slot] = 5n;
    rows.session[slot] = 64;
    for (const column of [rows.edge, rows.vip, rows.silent]) column[slot] = 1;
    registry.freeSubscriber(slot);
    expect([rows.used[slot], registry.subscriberOf('s-1')]).toEqual([0, -1]);
    expect(registry.ensureSubscriberOf('s-2')).toBe(slot);
    const { lastSeen, edge, vip, silent, used, rowCount, filterCount } = rows;
    expect(
      [lastSeen, edge, vip, silent, used, rowCount, filterCount].map((column) => Number(column[slot])),
    ).toEqual([0, 0, 0, 0, 1, 0, 0]);
    expect([registry.subscriberId(slot), registry.ensureSubscriberOf('s-2')]).toEqual(['s-2', slot]);
  });
});
