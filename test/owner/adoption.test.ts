import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { NO_TEXT } from '../../src/memory/arena.ts';
import { highWater, usedCount } from '../../src/memory/layout.ts';
import { Registry } from '../../src/owner/registry.ts';
import { NONE } from '../../src/presence/columns.ts';
import { DeviceState, RowState, statusOf } from '../../src/presence/lifecycle.ts';
import { createPresence, type PresenceMemory, Total } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import { runs } from '../support/runs.ts';
import { dieAtWrite } from './die-at-write.ts';

const WORKERS = 2;
const CAPACITY = { devices: 6, subscribers: 6, subscriptions: 12 };
const bytes = (text: string): Uint8Array => Buffer.from(text);
const idOf = (kind: string, n: number): string => `${kind}-${n}${'x'.repeat(n * 7)}`;

type Step = readonly [what: number, device: number, subscriber: number, state: number];
const steps = fc.array(fc.tuple(fc.nat(9), fc.nat(7), fc.nat(7), fc.integer({ min: 1, max: 6 })), {
  minLength: 1,
  maxLength: 60,
});

function carryOut(registry: Registry, [what, d, s, state]: Step): void {
  const device = bytes(idOf('device', d));
  const subscriber = bytes(idOf('subscriber', s));
  const deviceSlot = registry.findDevice(device, 0, device.length);
  const subscriberSlot = registry.findSubscriber(subscriber, 0, subscriber.length);
  const row = deviceSlot < 0 || subscriberSlot < 0 ? -1 : registry.findRow(deviceSlot, subscriberSlot);
  if (what <= 1) registry.ensureDevice(device, 0, device.length);
  else if (what <= 3) registry.ensureSubscriber(subscriber, 0, subscriber.length);
  else if (what === 4 && deviceSlot >= 0) {
    const status = bytes('charging '.repeat(state));
    registry.setDeviceStatus(deviceSlot, status, 0, status.length);
  } else if (what === 5 && deviceSlot >= 0)
    registry.setDeviceState(deviceSlot, (1 + (state % 3)) as DeviceState);
  else if (what === 6 && deviceSlot >= 0 && !registry.hasRows(deviceSlot)) registry.freeDevice(deviceSlot);
  else if (what === 7 && subscriberSlot >= 0 && registry.subscribers.rows.firstRow[subscriberSlot] === NONE)
    registry.freeSubscriber(subscriberSlot);
  else if (what === 8 && row >= 0) registry.removeRow(row);
  else if (row >= 0) registry.setRowState(row, state as RowState);
  else if (deviceSlot >= 0 && subscriberSlot >= 0)
    registry.createRow(deviceSlot, subscriberSlot, state as RowState);
}

/** Whatever is counted, listed or looked up agrees with the rows. */
function expectWhole(memory: PresenceMemory, registry: Registry): void {
  const { devices, subscribers, subscriptions, interest } = registry;
  const totals = new Uint32Array(memory.totals);
  const counted = new Uint32Array(totals.length);
  const interested = new Uint32Array(interest.length);
  const byDevice = new Map<number, number[]>();
  const bySubscriber = new Map<number, number[]>();
  const rowCounts = Array.from({ length: devices.capacity }, () => ({
    allow: 0,
    active: 0,
    inactive: 0,
    deny: 0,
  }));
  for (let row = 0; row < highWater(subscriptions); row++) {
    const state = registry.rowState(row);
    if (state === RowState.none) continue;
    const device = subscriptions.rows.device[row]!;
    const subscriber = subscriptions.rows.subscriber[row]!;
    byDevice.set(device, [...(byDevice.get(device) ?? []), row]);
    bySubscriber.set(subscriber, [...(bySubscriber.get(subscriber) ?? []), row]);
    expect(registry.findRow(device, subscriber)).toBe(row);
    const status = statusOf(state)!;
    rowCounts[device]![status] += 1;
    counted[Total[status]]! += 1;
    if (status === 'active') interested[device * WORKERS + subscribers.rows.edge[subscriber]!]! += 1;
  }
  let usedDevices = 0;
  for (let slot = 0; slot < highWater(devices); slot++) {
    expect(devices.rows.version[slot]! & 1).toBe(0);
    const state = devices.rows.deviceState[slot]!;
    if (state === DeviceState.free) {
      expect(devices.rows.id[slot]).toBe(NO_TEXT);
      continue;
    }
    usedDevices += 1;
    counted[state]! += 1;
    const id = bytes(registry.deviceId(slot));
    expect(registry.findDevice(id, 0, id.length)).toBe(slot);
    const { allow, active, inactive, deny } = devices.rows;
    const counts = { allow: allow[slot], active: active[slot], inactive: inactive[slot], deny: deny[slot] };
    expect(counts).toEqual(rowCounts[slot]);
    const listed: number[] = [];
    registry.forEachOfDevice(slot, (row) => listed.push(row));
    expect(listed.sort()).toEqual((byDevice.get(slot) ?? []).sort());
  }
  let usedSubscribers = 0;
  for (let slot = 0; slot < highWater(subscribers); slot++) {
    expect(subscribers.rows.version[slot]! & 1).toBe(0);
    if (subscribers.rows.used[slot] === 0) continue;
    usedSubscribers += 1;
    const id = bytes(registry.subscriberId(slot));
    expect(registry.findSubscriber(id, 0, id.length)).toBe(slot);
    const listed: number[] = [];
    registry.forEachOfSubscriber(slot, (row) => listed.push(row));
    expect(listed.sort()).toEqual((bySubscriber.get(slot) ?? []).sort());
    expect(subscribers.rows.rowCount[slot]).toBe(listed.length);
  }
  expect([usedCount(devices), usedCount(subscribers)]).toEqual([usedDevices, usedSubscribers]);
  expect(usedCount(subscriptions)).toBe([...byDevice.values()].flat().length);
  expect(totals).toEqual(counted);
  expect(interest).toEqual(interested);
}

/** What an operator or a subscriber could see: ids, statuses of devices and of pairs. */
function seen(memory: PresenceMemory, registry: Registry): Record<string, string> {
  const reader = new PresenceReader(memory);
  const all: Record<string, string> = {};
  for (let slot = 0; slot < highWater(registry.devices); slot++) {
    const device = reader.device(slot);
    if (device === undefined) continue;
    all[device.device] = `${registry.devices.rows.deviceState[slot]} ${registry.deviceStatus(slot)}`;
    registry.forEachOfDevice(slot, (row, subscriber) => {
      all[`${device.device} × ${registry.subscriberId(subscriber)}`] = String(registry.rowState(row));
    });
  }
  for (let slot = 0; slot < highWater(registry.subscribers); slot++) {
    if (registry.subscribers.rows.used[slot] === 1) all[registry.subscriberId(slot)] = 'there';
  }
  return all;
}

describe('a table whose owner died in the middle of a write', () => {
  it('is whole again once another has adopted it, shows what it showed before or after, and goes on', () => {
    let died = 0;
    fc.assert(
      fc.property(steps, fc.nat(300), steps, (before, writes, after) => {
        const memory = createPresence(CAPACITY);
        const registry = new Registry(memory, WORKERS);
        let shown = seen(memory, registry);
        let last: Step | undefined;
        const hasDied = dieAtWrite(writes, () => {
          for (const step of before) {
            last = step;
            carryOut(registry, step);
            shown = seen(memory, registry);
          }
          last = undefined;
        });
        if (hasDied) died += 1;
        const heir = new Registry(memory, WORKERS);
        heir.adopt();
        expectWhole(memory, heir);
        const found = seen(memory, heir);
        if (last === undefined) expect(found).toEqual(shown);
        else {
          // Of all that the step did not touch nothing is different.
          const [, d, s] = last;
          const touched = new Set([idOf('device', d), idOf('subscriber', s)]);
          const others = (all: Record<string, string>) =>
            Object.fromEntries(
              Object.entries(all).filter(([name]) => !name.split(' × ').some((id) => touched.has(id))),
            );
          expect(others(found)).toEqual(others(shown));
        }
        for (const step of after) carryOut(heir, step);
        expectWhole(memory, heir);
      }),
      { numRuns: runs(400) },
    );
    expect(died, 'owners that died in the middle').toBeGreaterThan(runs(50));
  });
});

it('a table that is taken over shows its readers at every moment what it showed before', () => {
  const memory = createPresence(CAPACITY);
  const first = new Registry(memory, WORKERS);
  for (const n of [0, 1, 2]) first.ensureDeviceOf(idOf('device', n));
  for (const n of [0, 1, 2]) first.ensureSubscriberOf(idOf('subscriber', n));
  const states = [RowState.active, RowState.disconnected, RowState.deny];
  for (const [n, state] of states.entries()) for (const device of [0, 1]) first.createRow(device, n, state);
  first.setDeviceState(1, DeviceState.online);
  const reader = new PresenceReader(memory);
  const slots = [0, 1, 2];
  const look = () => ({
    devices: slots.map((slot) => [reader.findDevice(idOf('device', slot)), reader.device(slot)]),
    waiting: slots.map((slot) => reader.devices.rows.waiting[slot]),
    subscribers: slots.map((slot) => [
      reader.findSubscriber(idOf('subscriber', slot)),
      reader.subscriber(slot),
    ]),
    totals: Object.keys(Total).map((total) => reader.total(total as keyof typeof Total)),
  });
  const before = look();
  expect(before.devices[1]).toMatchObject([1, { subscribers: { active: 1, inactive: 1, deny: 1 } }]);
  const heir = new Registry(memory, WORKERS);
  let writes = 0;
  for (const name of ['store', 'add', 'sub'] as const) {
    const write = Atomics[name] as (...args: unknown[]) => unknown;
    vi.spyOn(Atomics, name).mockImplementation(((...args: unknown[]) => {
      const result = write.call(Atomics, ...args);
      writes += 1;
      expect(look()).toEqual(before);
      return result;
    }) as never);
  }
  try {
    heir.adopt();
  } finally {
    vi.restoreAllMocks();
  }
  expect(writes).toBeGreaterThan(0);
  expectWhole(memory, heir);
});

describe('what an owner left half done', () => {
  /** A device and a subscriber with a row, and the registry of the owner that takes over. */
  function takenOver(spoil: (first: Registry) => unknown) {
    const memory = createPresence(CAPACITY);
    const first = new Registry(memory, WORKERS);
    for (const n of [0, 1]) {
      first.ensureDeviceOf(idOf('device', n));
      first.ensureSubscriberOf(idOf('subscriber', n));
      first.createRow(n, n, RowState.active);
    }
    spoil(first);
    const heir = new Registry(memory, WORKERS);
    heir.adopt();
    return { heir, reader: new PresenceReader(memory) };
  }

  it.each<[string, (first: Registry) => unknown]>([
    ['device', (first) => first.devices.rows.deviceState.fill(DeviceState.free, 0, 1)],
    ['subscriber', (first) => first.subscribers.rows.used.fill(0, 0, 1)],
    ['subscription', (first) => first.subscriptions.rows.rowState.fill(RowState.none, 0, 1)],
  ])('is no subscription where its %s is not there', (_, spoil) => {
    const { heir, reader } = takenOver(spoil);
    expect([heir.rowState(0), heir.rowState(1)]).toEqual([RowState.none, RowState.active]);
    expect([heir.hasRows(0), heir.hasRowsOf(0), heir.hasRows(1), heir.hasRowsOf(1)]).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect([heir.findRow(1, 1), heir.freeRows]).toEqual([1, CAPACITY.subscriptions - 1]);
    expect(reader.total('active')).toBe(1);
  });

  it('is no peer where its id is not there', () => {
    const { heir } = takenOver(({ devices, subscribers }) => {
      devices.rows.id[0] = NO_TEXT;
      subscribers.rows.id[0] = NO_TEXT;
    });
    expect([heir.devices.rows.deviceState[0], heir.subscribers.rows.used[0]]).toEqual([DeviceState.free, 0]);
    expect([heir.rowState(0), heir.hasRows(1)]).toEqual([RowState.none, true]);
  });

  it('is no gateway of a device that is not connected any more', () => {
    const { heir } = takenOver((first) => {
      first.devices.rows.session[1] = 64;
      for (const slot of [0, 1]) first.setGateway(slot, 'gw');
    });
    const { gateway } = heir.devices.rows;
    expect([gateway[0], gateway[1] === NO_TEXT]).toEqual([NO_TEXT, false]);
    const gone = takenOver((first) => {
      first.devices.rows.session[0] = 64;
      first.setGateway(0, 'gw');
      first.devices.rows.deviceState[0] = DeviceState.free;
    });
    expect(gone.heir.devices.rows.gateway[0]).toBe(NO_TEXT);
  });
});
