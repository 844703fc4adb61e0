import { afterEach, describe, expect, it, vi } from 'vitest';
import { attachSlab, setHighWater } from '../../src/memory/layout.ts';
import { Registry } from '../../src/owner/registry.ts';
import { filterColumns } from '../../src/presence/columns.ts';
import { DeviceState, RowState, StateReason } from '../../src/presence/lifecycle.ts';
import { createPresence, FILTERED, GRANTED, rowStateOf } from '../../src/presence/memory.ts';
import { PresenceReader, type SlotPage } from '../../src/presence/reader.ts';

const text = (value: string): Uint8Array => Buffer.from(value);

/** The owner's side and a reader's of one table. */
function table(capacity = { devices: 10, subscribers: 10, subscriptions: 10 }) {
  const memory = createPresence(capacity);
  const registry = new Registry(memory, 2);
  return { memory, registry, reader: new PresenceReader(memory) };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a device', () => {
  it('is read as it stands in its row', () => {
    const { registry, reader } = table();
    const slot = registry.ensureDeviceOf('dev-1');
    registry.setDeviceState(slot, DeviceState.online, StateReason.connected);
    registry.setDeviceStatus(slot, text('charging'), 0, 8);
    registry.setGateway(slot, 'gw-1');
    const { rows } = registry.devices;
    Atomics.store(rows.lastSeen, slot, 1234n);
    Atomics.store(rows.session, slot, 77);
    rows.connectedAt[slot] = 5678;
    rows.seq[slot] = 2 ** 40;
    rows.epoch[slot] = 42;
    expect(reader.device(slot)).toEqual({
      device: 'dev-1',
      state: 'online',
      deviceStatus: 'charging',
      lastSeen: 1234,
      seq: 2 ** 40,
      epoch: 42,
      session: 77,
      gateway: 'gw-1',
      connectedAt: 5678,
      subscribers: { active: 0, inactive: 0, allow: 0, deny: 0 },
    });
    expect(reader.findDevice('dev-1')).toBe(slot);
    expect(reader.findDevice('dev-')).toBe(-1);
    expect([reader.deviceId(slot), reader.deviceStatus(slot)]).toEqual(['dev-1', 'charging']);
  });

  it('has no session, status, gateway nor time of connection that it does not have', () => {
    const { registry, reader } = table();
    const slot = registry.ensureDeviceOf('dev-1');
    registry.setDeviceState(slot, DeviceState.stale, StateReason.silent);
    registry.devices.rows.connectedAt[slot] = 5678; // of a connection that is over
    expect(reader.device(slot)).toMatchObject({
      state: 'stale',
      session: undefined,
      deviceStatus: undefined,
      gateway: undefined,
      connectedAt: undefined,
    });
    expect(reader.deviceStatus(slot)).toBe('');
  });

  it('is undefined once it is gone, and where there never was one', () => {
    const { registry, reader } = table();
    const slot = registry.ensureDeviceOf('dev-1');
    registry.setDeviceState(slot, DeviceState.offline, StateReason.closed);
    expect(reader.device(slot)?.state).toBe('offline');
    registry.freeDevice(slot);
    expect([reader.device(slot), reader.device(slot + 1)]).toEqual([undefined, undefined]);
    expect(reader.findDevice('dev-1')).toBe(-1);
  });

  it('counts its subscriptions by status, without those of other nodes', () => {
    const { registry, reader } = table();
    const device = registry.ensureDeviceOf('dev-1');
    const states = [
      RowState.active,
      RowState.active,
      RowState.paused,
      RowState.silent,
      RowState.allow,
      RowState.deny,
    ];
    for (const [n, state] of states.entries())
      registry.createRow(device, registry.ensureSubscriberOf(`sub-${n}`), state);
    registry.countPeer(device, 0, 1);
    expect(reader.device(device)?.subscribers).toEqual({ active: 2, inactive: 2, allow: 1, deny: 1 });
    expect((['active', 'inactive', 'allow', 'deny'] as const).map((which) => reader.total(which))).toEqual([
      2, 2, 1, 1,
    ]);
  });

  it('is found by a part of its id in any case, and by what it starts with as it is', () => {
    const { registry, reader } = table();
    const slot = registry.ensureDeviceOf('Site-A.1');
    expect(
      ['site-a', 'a.1', 'site-a.1', 'b'].map((part) => reader.deviceIdIncludes(slot, text(part))),
    ).toEqual([true, true, true, false]);
    expect(['', 'Site-', 'site-', '.1'].map((start) => reader.deviceIdStartsWith(slot, text(start)))).toEqual(
      [true, true, false, false],
    );
  });

  it('is never read while it is being written, and is given up if its owner died over it', () => {
    const { registry, reader } = table();
    const slot = registry.ensureDeviceOf('dev-1');
    registry.setDeviceState(slot, DeviceState.online, StateReason.connected);
    const { version } = registry.devices.rows;
    expect(version[slot]! & 1).toBe(0);
    version[slot]! += 1;
    expect(reader.device(slot)).toBeUndefined();
    version[slot]! += 1;
    expect(reader.device(slot)?.device).toBe('dev-1');
  });

  it('is read anew when it changed meanwhile', () => {
    const { registry, reader } = table();
    const slot = registry.ensureDeviceOf('dev-1');
    registry.setDeviceState(slot, DeviceState.online, StateReason.connected);
    registry.setDeviceStatus(slot, text('old'), 0, 3);
    // The owner writes between the reader's look at the state and its look at the status.
    const { load } = Atomics;
    let isWritten = false;
    vi.spyOn(Atomics, 'load').mockImplementation(((cells: Uint8Array, index: number) => {
      const value = load(cells, index);
      if (cells === reader.devices.rows.deviceState && !isWritten) {
        isWritten = true;
        registry.setDeviceState(slot, DeviceState.stale, StateReason.silent);
        registry.setDeviceStatus(slot, text('new'), 0, 3);
      }
      return value;
    }) as never);
    expect(reader.device(slot)).toMatchObject({ state: 'stale', deviceStatus: 'new' });
  });
});

describe('a subscriber', () => {
  it('is read as it stands in its row', () => {
    const { registry, reader } = table();
    const slot = registry.ensureSubscriberOf('Sub-1');
    registry.createRow(registry.ensureDeviceOf('dev-1'), slot, RowState.active);
    const { rows } = registry.subscribers;
    expect(reader.subscriber(slot)).toEqual({
      subscriber: 'Sub-1',
      lastSeen: 0,
      vip: false,
      connected: false,
      rowCount: 1,
    });
    expect(reader.sessionOfSubscriber(slot)).toBeUndefined();
    Atomics.store(rows.session, slot, 9);
    Atomics.store(rows.lastSeen, slot, 55n);
    for (const vip of [1, 2, 3]) {
      Atomics.store(rows.vip, slot, vip);
      expect(reader.subscriber(slot)).toMatchObject({ lastSeen: 55, vip: true, connected: true });
    }
    expect(reader.sessionOfSubscriber(slot)).toBe(9);
    expect(reader.findSubscriber('Sub-1')).toBe(slot);
    expect(reader.findSubscriber('sub-1')).toBe(-1);
    expect([
      reader.subscriberIdIncludes(slot, text('sub')),
      reader.subscriberIdIncludes(slot, text('x')),
    ]).toEqual([true, false]);
  });

  it('is undefined once it is gone', () => {
    const { registry, reader } = table();
    const slot = registry.ensureSubscriberOf('sub-1');
    registry.freeSubscriber(slot);
    expect(reader.subscriber(slot)).toBeUndefined();
  });
});

describe('a subscription', () => {
  it.each([
    ['allow', RowState.allow, undefined],
    ['active', RowState.active, undefined],
    ['inactive', RowState.silent, 'silent'],
    ['inactive', RowState.paused, 'paused'],
    ['inactive', RowState.disconnected, 'disconnected'],
    ['deny', RowState.deny, undefined],
  ] as const)('is read as %s, of row state %i', (status, state, reason) => {
    const { registry, reader } = table();
    const [device, subscriber] = [registry.ensureDeviceOf('dev-1'), registry.ensureSubscriberOf('sub-1')];
    const row = registry.createRow(device, subscriber, state);
    expect(reader.subscription(row)).toEqual({ device, subscriber, status, reason });
    registry.removeRow(row);
    expect(reader.subscription(row)).toBeUndefined();
  });

  it('is read whatever else its cell says, and says what an operator set', () => {
    const { registry, reader } = table();
    const row = registry.createRow(
      registry.ensureDeviceOf('dev-1'),
      registry.ensureSubscriberOf('sub-1'),
      RowState.active,
    );
    const { rowState } = registry.subscriptions.rows;
    expect(reader.accessOf(row)).toBeUndefined();
    rowState[row] = RowState.paused | GRANTED | FILTERED;
    expect(reader.subscription(row)).toMatchObject({ status: 'inactive', reason: 'paused' });
    expect(reader.accessOf(row)).toBe('allow');
    rowState[row] = RowState.active | FILTERED;
    expect(reader.accessOf(row)).toBeUndefined();
    for (const flags of [0, GRANTED, FILTERED]) {
      rowState[row] = RowState.deny | flags;
      expect(reader.accessOf(row)).toBe('deny');
    }
    for (const state of Object.values(RowState)) expect(rowStateOf(state | GRANTED | FILTERED)).toBe(state);
  });
});

describe('a filter', () => {
  it.each([
    ['active', RowState.active, undefined],
    ['inactive', RowState.silent, 'silent'],
    ['inactive', RowState.paused, 'paused'],
    ['inactive', RowState.disconnected, 'disconnected'],
  ] as const)('is read as %s, of state %i, with its star', (status, state, reason) => {
    const { registry, reader } = table();
    const subscriber = registry.ensureSubscriberOf('sub-1');
    const slot = registry.filters.create(subscriber, 'site-', state, 3);
    expect(reader.filter(slot)).toEqual({ subscriber, filter: 'site-*', status, reason });
    registry.filters.remove(slot);
    expect(reader.filter(slot)).toBeUndefined();
  });

  it('of every device is a star', () => {
    const { registry, reader } = table();
    const slot = registry.filters.create(registry.ensureSubscriberOf('sub-1'), '', RowState.active, 3);
    expect(reader.filter(slot)?.filter).toBe('*');
  });

  it.each([
    ['goes', RowState.none, 0, undefined],
    ['goes and comes with another text', RowState.active, 1, 'other-*'],
  ] as const)('is read anew when it %s meanwhile', (_, state, generations, text) => {
    const { registry, reader } = table();
    const subscriber = registry.ensureSubscriberOf('sub-1');
    const slot = registry.filters.create(subscriber, 'site-', RowState.active, 3);
    const other = registry.filters.create(subscriber, 'other-', RowState.active, 3);
    const { rows } = reader.filters;
    const load = Atomics.load;
    let isOver = false;
    vi.spyOn(Atomics, 'load').mockImplementation(((array: Uint32Array, index: number) => {
      const value = load(array, index);
      if (array !== rows.prefix || isOver) return value;
      isOver = true;
      rows.state[slot] = state;
      rows.generation[slot]! += generations;
      rows.prefix[slot] = rows.prefix[other]!;
      return value;
    }) as typeof Atomics.load);
    expect(reader.filter(slot)?.filter).toBe(text);
  });

  it('that never comes to rest is given up', () => {
    const { registry, reader } = table();
    const slot = registry.filters.create(registry.ensureSubscriberOf('sub-1'), 'site-', RowState.active, 3);
    const { rows } = reader.filters;
    const load = Atomics.load;
    vi.spyOn(Atomics, 'load').mockImplementation(((array: Uint16Array, index: number) => {
      if (array === rows.generation) rows.generation[slot]! += 1;
      return load(array, index);
    }) as typeof Atomics.load);
    expect(reader.filter(slot)).toBeUndefined();
  });

  it('is found among those of its subscriber, in pages', () => {
    const { registry, reader } = table();
    const [one, other] = [registry.ensureSubscriberOf('sub-1'), registry.ensureSubscriberOf('sub-2')];
    const slots = ['a', 'b', 'c'].map((prefix) => registry.filters.create(one, prefix, RowState.active, 3));
    registry.filters.create(other, 'a', RowState.active, 3);
    registry.filters.remove(slots[1]!);
    expect(reader.filterSlotsOfSubscriber(one, 0, 10)).toEqual({
      slots: [slots[0], slots[2]],
      next: undefined,
    });
    expect(reader.filterSlotsOfSubscriber(one, 0, 1)).toEqual({ slots: [slots[0]], next: slots[2] });
    expect(reader.filterSlotsOfSubscriber(one, slots[2]!, 1)).toEqual({ slots: [slots[2]], next: undefined });
  });
});

describe('pages of slots', () => {
  // More slots than two scans of either kind look at, and what is looked for at the edges of the scans.
  const DEVICES = 20_000;
  const ROWS = 140_000;
  const devicesAt = [0, 8191, 8192, 16_383, 16_384, 19_999];
  const rowsAt = [3, 65_535, 65_536, 131_071, 131_072, 139_999];
  const { registry, reader } = table({ devices: DEVICES, subscribers: DEVICES, subscriptions: ROWS });
  const { devices, subscribers, subscriptions } = registry;
  for (const slab of [devices, subscribers, subscriptions]) setHighWater(slab, slab.capacity);
  devices.rows.deviceState.fill(DeviceState.offline);
  subscribers.rows.used.fill(1);
  subscriptions.rows.rowState.fill(RowState.active);
  for (const slot of devicesAt) devices.rows.deviceState[slot] = DeviceState.online;
  for (const row of rowsAt) subscriptions.rows.device[row] = 7;
  for (const row of rowsAt) subscriptions.rows.subscriber[row] = 8;

  /** Follows the pages to the last. @returns the slots of each */
  function pages(page: (from: number) => SlotPage): (readonly number[])[] {
    const found: (readonly number[])[] = [];
    for (let from: number | undefined = 0; from !== undefined; ) {
      const { slots, next } = page(from);
      found.push(slots);
      from = next;
    }
    return found;
  }
  const isOnline = (state: number): boolean => state === DeviceState.online;

  it('look at 8192 devices each, whether they find any or not', () => {
    expect(pages((from) => reader.deviceSlots(from, 100, isOnline))).toEqual([
      [0, 8191],
      [8192, 16_383],
      [16_384, 19_999],
    ]);
    expect(pages((from) => reader.deviceSlots(from, 100, () => false))).toEqual([[], [], []]);
  });

  it('are full where the scan finds enough, and name each slot once', () => {
    expect(pages((from) => reader.deviceSlots(from, 1, isOnline)).flat()).toEqual(devicesAt);
    expect(reader.deviceSlots(0, 2, () => true)).toEqual({ slots: [0, 1], next: 2 });
    expect(reader.deviceSlots(19_998, 2, () => true)).toEqual({ slots: [19_998, 19_999], next: undefined });
    expect(reader.deviceSlots(19_997, 2, () => true)).toEqual({ slots: [19_997, 19_998], next: 19_999 });
    expect(reader.deviceSlots(20_000, 2, () => true)).toEqual({ slots: [], next: undefined });
  });

  it('are asked of devices that are there alone, with their state', () => {
    devices.rows.deviceState[5] = DeviceState.free;
    const asked: [number, number][] = [];
    reader.deviceSlots(4, 3, (state, slot) => asked.push([state, slot]) > 0);
    expect(asked.slice(0, 2)).toEqual([
      [DeviceState.offline, 4],
      [DeviceState.offline, 6],
    ]);
    devices.rows.deviceState[5] = DeviceState.offline;
  });

  it('look at 8192 subscribers each, and name those that are there', () => {
    subscribers.rows.used[1] = 0;
    const sought = new Set([1, 2, 8191, 8192, 19_999]);
    expect(pages((from) => reader.subscriberSlots(from, 100, (slot) => sought.has(slot)))).toEqual([
      [2, 8191],
      [8192],
      [19_999],
    ]);
  });

  it('look at 65,536 subscriptions each, of a device or of a subscriber', () => {
    const inScans = [
      [3, 65_535],
      [65_536, 131_071],
      [131_072, 139_999],
    ];
    expect(pages((from) => reader.subscriptionSlotsOfDevice(7, from, 100))).toEqual(inScans);
    expect(pages((from) => reader.subscriptionSlotsOfSubscriber(8, from, 100))).toEqual(inScans);
    expect(pages((from) => reader.subscriptionSlotsOfDevice(7, from, 1)).flat()).toEqual(rowsAt);
    subscriptions.rows.rowState[3] = RowState.none;
    expect(pages((from) => reader.subscriptionSlotsOfDevice(7, from, 100)).flat()).toEqual(rowsAt.slice(1));
    expect(pages((from) => reader.subscriptionSlotsOfSubscriber(8, from, 100)).flat()).toEqual(
      rowsAt.slice(1),
    );
    subscriptions.rows.rowState[3] = RowState.active;
  });

  it('go through all subscriptions in parts', () => {
    subscriptions.rows.rowState[1] = RowState.none;
    subscriptions.rows.rowState[2] = RowState.deny | GRANTED;
    const seen: [number, string][] = [];
    const ends: (number | undefined)[] = [];
    let count = 0;
    for (let from: number | undefined = 0; from !== undefined; ) {
      from = reader.eachSubscription(from, (subscriber, status) => {
        if (count < 3) seen.push([subscriber, status]);
        count += 1;
      });
      ends.push(from);
    }
    expect(ends).toEqual([65_536, 131_072, undefined]);
    expect(count).toBe(ROWS - 1);
    expect(seen).toEqual([
      [0, 'active'],
      [0, 'deny'],
      [8, 'active'],
    ]);
  });

  it('end where the table was never used', () => {
    const fresh = table();
    fresh.registry.createRow(
      fresh.registry.ensureDeviceOf('dev-1'),
      fresh.registry.ensureSubscriberOf('sub-1'),
      RowState.active,
    );
    expect(fresh.reader.deviceSlots(0, 10, () => true)).toEqual({ slots: [0], next: undefined });
    expect(fresh.reader.subscriberSlots(0, 10, () => true)).toEqual({ slots: [0], next: undefined });
    expect(fresh.reader.subscriptionSlotsOfDevice(0, 0, 10)).toEqual({ slots: [0], next: undefined });
    expect(fresh.reader.eachSubscription(0, () => {})).toBeUndefined();
  });
});

describe('the table', () => {
  it('has room for as many filters as subscribers, and for a thousand at least', () => {
    const filters = (subscribers: number) =>
      attachSlab(filterColumns, createPresence({ devices: 1, subscribers, subscriptions: 1 }).filters)
        .capacity;
    expect([filters(5), filters(1024), filters(1025)]).toEqual([1024, 1024, 1025]);
  });

  it('says how full it is', () => {
    const { registry, reader } = table({ devices: 4, subscribers: 5, subscriptions: 6 });
    const before = reader.capacityUsed().texts;
    registry.createRow(
      registry.ensureDeviceOf('dev-1'),
      registry.ensureSubscriberOf('sub-1'),
      RowState.active,
    );
    registry.ensureDeviceOf('dev-2');
    const used = reader.capacityUsed();
    expect(used).toMatchObject({
      devices: { used: 2, capacity: 4 },
      subscribers: { used: 1, capacity: 5 },
      subscriptions: { used: 1, capacity: 6 },
    });
    expect(used.texts.capacity).toBe(before.capacity);
    expect(used.texts.used).toBeGreaterThan(before.used);
  });

  it('holds the longest texts of all rows at once, and of one more gateway and status while they change', () => {
    const filters = 1024;
    const { registry, reader } = table({ devices: 3, subscribers: filters, subscriptions: 1 });
    const longest = (kind: string, n: number) => `${kind}${n}`.padEnd(128, 'x');
    for (let n = 0; n < 3; n++) {
      const slot = registry.ensureDeviceOf(longest('d', n));
      registry.setGateway(slot, longest('g', n));
      expect(registry.setDeviceStatus(slot, Buffer.alloc(256, 's'), 0, 256)).toBe(true);
    }
    for (let n = 0; n < filters; n++) {
      const subscriber = registry.ensureSubscriberOf(longest('s', n));
      const filter = registry.filters.create(subscriber, longest('f', n), RowState.active, 3);
      expect([subscriber < 0, filter < 0]).toEqual([false, false]);
    }
    expect(registry.setDeviceStatus(0, Buffer.alloc(256, 't'), 0, 256)).toBe(true);
    registry.setGateway(0, longest('h', 0));
    expect(reader.device(0)?.gateway).toBe(longest('h', 0));
  });

  it('holds the longest id of each peer, and the longest gateway and status of each device', () => {
    const { registry } = table({ devices: 2, subscribers: 2, subscriptions: 1 });
    for (let n = 0; n < 2; n++) {
      const slot = registry.ensureDeviceOf(`d${n}`.padEnd(128, 'x'));
      registry.setGateway(slot, `g${n}`.padEnd(128, 'x'));
      expect(registry.setDeviceStatus(slot, Buffer.alloc(256, 's'), 0, 256)).toBe(true);
      expect(registry.ensureSubscriberOf(`s${n}`.padEnd(128, 'x'))).toBeGreaterThanOrEqual(0);
      expect(registry.setDeviceStatus(slot, Buffer.alloc(256, 't'), 0, 256)).toBe(true);
    }
  });
});
