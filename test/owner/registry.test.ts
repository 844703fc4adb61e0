import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Registry } from '../../src/owner/registry.ts';
import {
  DeviceState,
  type DeviceStateName,
  deviceStateNames,
  RowState,
  type RowStateName,
} from '../../src/presence/lifecycle.ts';
import { createPresence, type PresenceCapacity } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import { runs } from '../support/runs.ts';

const WORKERS = 3;
const ALL = 1000; // more than any page holds here

/** Device ids take two arena units, subscriber ids one. */
const deviceIds = Array.from({ length: 9 }, (_, index) => `device-${'ü'.repeat(14)}-${index}`);
const subscriberIds = Array.from({ length: 9 }, (_, index) => `user-${index}`);
const texts = ['ok', 'läuft', 'charging, 97 %', 'a status of two units', 'noch ein längerer Text'];

const statusByState: Readonly<Record<RowStateName, 'allow' | 'active' | 'inactive' | 'deny' | undefined>> = {
  none: undefined,
  allow: 'allow',
  active: 'active',
  silent: 'inactive',
  paused: 'inactive',
  disconnected: 'inactive',
  deny: 'deny',
};

interface ModelRow {
  readonly device: string;
  readonly subscriber: string;
  state: Exclude<RowStateName, 'none'>;
  granted: boolean;
}

class Model {
  readonly devices = new Map<string, { state: DeviceStateName; text: string }>();
  readonly subscribers = new Map<string, { worker: number }>();
  readonly rows = new Map<string, ModelRow>();
}

const pick = fc.nat(8);
const rowState = fc.constantFrom('allow', 'active', 'silent', 'paused', 'disconnected', 'deny' as const);
const operation = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('ensureDevice' as const), device: pick }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('ensureSubscriber' as const),
      subscriber: pick,
      worker: fc.nat(WORKERS - 1),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('put' as const), // creates the row, or sets its state
      device: pick,
      subscriber: pick,
      state: rowState,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('grant' as const),
      device: pick,
      subscriber: pick,
      granted: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('remove' as const), device: pick, subscriber: pick }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('removeAllOfDevice' as const), device: pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('freeDevice' as const), device: pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('freeSubscriber' as const), subscriber: pick }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('setDeviceStatus' as const),
      device: pick,
      text: fc.constantFrom(...texts),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('setDeviceState' as const),
      device: pick,
      state: fc.constantFrom('online', 'stale', 'offline' as const),
    }),
  },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

const capacities: fc.Arbitrary<PresenceCapacity> = fc.record({
  devices: fc.integer({ min: 1, max: 7 }),
  subscribers: fc.integer({ min: 1, max: 7 }),
  subscriptions: fc.integer({ min: 1, max: 16 }),
});

/** 32-byte units: the first holds 26 bytes of the text, each other 28. */
function arenaBytes(text: string): number {
  return 32 * (1 + Math.max(0, Math.ceil((Buffer.byteLength(text) - 26) / 28)));
}

/** Calls `by` with the text as bytes that do not start at 0. */
function bytesOf<T>(text: string, by: (bytes: Uint8Array, start: number, length: number) => T): T {
  const bytes = Buffer.from(`<>${text}<>`);
  return by(bytes, 2, bytes.length - 4);
}

class Table {
  readonly registry: Registry;
  readonly reader: PresenceReader;
  readonly model = new Model();
  readonly capacity: PresenceCapacity;

  constructor(capacity: PresenceCapacity) {
    const memory = createPresence(capacity);
    this.capacity = capacity;
    this.registry = new Registry(memory, WORKERS);
    this.reader = new PresenceReader(memory);
  }

  device(id: string): number {
    return bytesOf(id, (...of) => this.registry.findDevice(...of));
  }

  subscriber(id: string): number {
    return bytesOf(id, (...of) => this.registry.findSubscriber(...of));
  }

  ensureDevice(id: string): number {
    return bytesOf(id, (...of) => this.registry.ensureDevice(...of));
  }

  ensureSubscriber(id: string): number {
    return bytesOf(id, (...of) => this.registry.ensureSubscriber(...of));
  }

  row(device: string, subscriber: string): number {
    return this.registry.findRow(this.device(device), this.subscriber(subscriber));
  }

  apply(op: Operation): void {
    const { registry, model, capacity } = this;
    const device = 'device' in op ? deviceIds[op.device]! : '';
    const subscriber = 'subscriber' in op ? subscriberIds[op.subscriber]! : '';
    const key = `${device}/${subscriber}`;
    switch (op.do) {
      case 'ensureDevice': {
        const known = model.devices.has(device);
        const before = this.device(device);
        const slot = this.ensureDevice(device);
        if (known) strictEqual(slot, before);
        else strictEqual(slot >= 0, model.devices.size < capacity.devices);
        if (!known && slot >= 0) model.devices.set(device, { state: 'offline', text: '' });
        return;
      }
      case 'ensureSubscriber': {
        const known = model.subscribers.has(subscriber);
        const before = this.subscriber(subscriber);
        const slot = this.ensureSubscriber(subscriber);
        if (known) strictEqual(slot, before);
        else strictEqual(slot >= 0, model.subscribers.size < capacity.subscribers);
        if (known || slot < 0) return;
        registry.subscribers.rows.edge[slot] = op.worker;
        model.subscribers.set(subscriber, { worker: op.worker });
        return;
      }
      case 'put': {
        if (!model.devices.has(device) || !model.subscribers.has(subscriber)) return;
        const known = model.rows.get(key);
        if (known !== undefined) {
          registry.setRowState(this.row(device, subscriber), RowState[op.state]);
          known.state = op.state;
          return;
        }
        const row = registry.createRow(this.device(device), this.subscriber(subscriber), RowState[op.state]);
        strictEqual(row >= 0, model.rows.size < capacity.subscriptions);
        if (row >= 0) model.rows.set(key, { device, subscriber, state: op.state, granted: false });
        return;
      }
      case 'grant': {
        const known = model.rows.get(key);
        if (known === undefined) return;
        registry.setGranted(this.row(device, subscriber), op.granted);
        known.granted = op.granted;
        return;
      }
      case 'remove': {
        if (!model.rows.delete(key)) return;
        const row = this.row(device, subscriber);
        const generation = registry.subscriptions.rows.generation[row];
        registry.removeRow(row);
        ok(registry.subscriptions.rows.generation[row] !== generation);
        strictEqual(this.reader.subscription(row), undefined);
        return;
      }
      case 'removeAllOfDevice': {
        if (!model.devices.has(device)) return;
        registry.forEachOfDevice(this.device(device), (row) => registry.removeRow(row));
        for (const [name, row] of model.rows) if (row.device === device) model.rows.delete(name);
        return;
      }
      case 'freeDevice': {
        const slot = this.device(device);
        if (slot < 0 || registry.hasRows(slot)) return;
        const generation = registry.devices.rows.generation[slot];
        registry.freeDevice(slot);
        ok(registry.devices.rows.generation[slot] !== generation);
        strictEqual(this.reader.device(slot), undefined);
        model.devices.delete(device);
        return;
      }
      case 'freeSubscriber': {
        const slot = this.subscriber(subscriber);
        if (slot < 0 || [...model.rows.values()].some((row) => row.subscriber === subscriber)) return;
        const generation = registry.subscribers.rows.generation[slot];
        registry.freeSubscriber(slot);
        ok(registry.subscribers.rows.generation[slot] !== generation);
        strictEqual(this.reader.subscriber(slot), undefined);
        model.subscribers.delete(subscriber);
        return;
      }
      case 'setDeviceStatus': {
        const known = model.devices.get(device);
        if (known === undefined) return;
        const slot = this.device(device);
        bytesOf(op.text, (...text) => registry.setDeviceStatus(slot, ...text));
        known.text = op.text;
        return;
      }
      case 'setDeviceState': {
        const known = model.devices.get(device);
        if (known === undefined) return;
        registry.setDeviceState(this.device(device), DeviceState[op.state]);
        known.state = op.state;
        return;
      }
      default:
        throw new Error(`unknown operation: ${JSON.stringify(op satisfies never)}`);
    }
  }

  /** Compares everything the table shows with the model. */
  check(): void {
    const { reader, model, capacity } = this;
    const { texts: textBytes, ...used } = reader.capacityUsed();
    const stored = [
      ...model.devices.keys(),
      ...[...model.devices.values()].flatMap(({ text }) => (text === '' ? [] : [text])),
      ...model.subscribers.keys(),
    ];
    strictEqual(
      textBytes.used,
      stored.reduce((sum, text) => sum + arenaBytes(text), 0),
    );
    deepStrictEqual(used, {
      devices: { used: model.devices.size, capacity: capacity.devices },
      subscribers: { used: model.subscribers.size, capacity: capacity.subscribers },
      subscriptions: { used: model.rows.size, capacity: capacity.subscriptions },
    });
    const rows = [...model.rows.values()];
    for (const status of ['allow', 'active', 'inactive', 'deny'] as const) {
      strictEqual(reader.total(status), rows.filter(({ state }) => statusByState[state] === status).length);
    }
    for (const state of deviceStateNames) {
      if (state === 'free') continue;
      const count = [...model.devices.values()].filter((device) => device.state === state).length;
      strictEqual(reader.total(state), count);
      const { slots } = reader.deviceSlots(0, ALL, (cell) => cell === DeviceState[state]);
      strictEqual(slots.length, count);
    }
    for (const id of deviceIds) this.#checkDevice(id, rows);
    for (const id of subscriberIds) this.#checkSubscriber(id, rows);
    for (const row of rows) this.#checkRow(row);
    this.#checkPairs();
  }

  #checkDevice(id: string, rows: readonly ModelRow[]): void {
    const { registry, reader, model } = this;
    const slot = this.device(id);
    strictEqual(reader.findDevice(id), slot);
    const expected = model.devices.get(id);
    strictEqual(slot >= 0, expected !== undefined);
    if (expected === undefined) return;
    const own = rows.filter((row) => row.device === id);
    const subscribers = { active: 0, inactive: 0, allow: 0, deny: 0 };
    const interest = Array<number>(WORKERS).fill(0);
    for (const { subscriber, state } of own) {
      subscribers[statusByState[state]!] += 1;
      if (state === 'active') interest[model.subscribers.get(subscriber)!.worker]! += 1;
    }
    deepStrictEqual(reader.device(slot), {
      device: id,
      state: expected.state,
      deviceStatus: expected.text || undefined,
      lastSeen: 0,
      seq: 0,
      epoch: registry.devices.rows.epoch[slot],
      session: undefined,
      connectedAt: undefined,
      gateway: undefined,
      subscribers,
    });
    strictEqual(registry.deviceId(slot), id);
    strictEqual(registry.deviceStatus(slot), expected.text);
    strictEqual(registry.hasRows(slot), own.length > 0);
    deepStrictEqual([...registry.interest.subarray(slot * WORKERS, (slot + 1) * WORKERS)], interest);
    const listed: string[] = [];
    registry.forEachOfDevice(slot, (row, subscriber) => {
      strictEqual(registry.findRow(slot, subscriber), row);
      listed.push(registry.subscriberId(subscriber));
    });
    deepStrictEqual(listed.sort(), own.map(({ subscriber }) => subscriber).sort());
    strictEqual(reader.subscriptionSlotsOfDevice(slot, 0, ALL).slots.length, own.length);
  }

  #checkSubscriber(id: string, rows: readonly ModelRow[]): void {
    const { registry, reader, model } = this;
    const slot = this.subscriber(id);
    strictEqual(reader.findSubscriber(id), slot);
    strictEqual(slot >= 0, model.subscribers.has(id));
    if (slot < 0) return;
    const own = rows.filter((row) => row.subscriber === id);
    deepStrictEqual(reader.subscriber(slot), {
      subscriber: id,
      lastSeen: 0,
      vip: false,
      connected: false,
      rowCount: own.length,
    });
    const listed: string[] = [];
    registry.forEachOfSubscriber(slot, (row, device) => {
      strictEqual(registry.findRow(device, slot), row);
      listed.push(registry.deviceId(device));
    });
    deepStrictEqual(listed.sort(), own.map(({ device }) => device).sort());
    strictEqual(reader.subscriptionSlotsOfSubscriber(slot, 0, ALL).slots.length, own.length);
  }

  #checkRow({ device, subscriber, state, granted }: ModelRow): void {
    const { registry, reader } = this;
    const row = this.row(device, subscriber);
    strictEqual(registry.rowState(row), RowState[state]);
    strictEqual(registry.isGranted(row), granted);
    const status = statusByState[state];
    deepStrictEqual(reader.subscription(row), {
      device: this.device(device),
      subscriber: this.subscriber(subscriber),
      status,
      reason: status === 'inactive' ? state : undefined,
    });
  }

  /** A pair has a row exactly when the model says so. */
  #checkPairs(): void {
    for (const device of this.model.devices.keys()) {
      for (const subscriber of this.model.subscribers.keys()) {
        strictEqual(this.row(device, subscriber) >= 0, this.model.rows.has(`${device}/${subscriber}`));
      }
    }
  }
}

const tiny: PresenceCapacity = { devices: 1, subscribers: 2, subscriptions: 1 };

describe('the registry', () => {
  it('shows after every random operation exactly what plain maps show', () => {
    fc.assert(
      fc.property(
        capacities,
        fc.array(operation, { minLength: 1, maxLength: 100, size: 'max' }),
        (capacity, operations) => {
          const table = new Table(capacity);
          table.check();
          for (const op of operations) {
            table.apply(op);
            table.check();
          }
        },
      ),
      { numRuns: runs(250) },
    );
  });

  it('refuses a device, a subscriber and a row beyond its capacity and changes nothing', () => {
    const table = new Table(tiny);
    table.apply({ do: 'ensureDevice', device: 0 });
    table.apply({ do: 'ensureSubscriber', subscriber: 0, worker: 1 });
    table.apply({ do: 'ensureSubscriber', subscriber: 1, worker: 2 });
    table.apply({ do: 'put', device: 0, subscriber: 0, state: 'active' });
    expect(table.ensureDevice(deviceIds[1]!)).toBe(-1);
    expect(table.ensureSubscriber(subscriberIds[2]!)).toBe(-1);
    const [device, subscriber] = [table.device(deviceIds[0]!), table.subscriber(subscriberIds[1]!)];
    expect(table.registry.createRow(device, subscriber, RowState.active)).toBe(-1);
    table.check();
  });

  it('gives a freed slot another generation and no longer finds its id', () => {
    const table = new Table(tiny);
    const { registry } = table;
    const first = table.ensureDevice('first');
    const generation = registry.devices.rows.generation[first];
    registry.freeDevice(first);
    expect(table.device('first')).toBe(-1);
    const second = table.ensureDevice('second');
    expect(second).toBe(first);
    expect(registry.devices.rows.generation[second]).not.toBe(generation);
    expect(registry.deviceId(second)).toBe('second');
  });

  it('starts a reused slot as a fresh row, without what its last owner left', () => {
    const table = new Table(tiny);
    const { registry, reader } = table;
    const slot = table.ensureDevice('first');
    bytesOf('busy', (...text) => registry.setDeviceStatus(slot, ...text));
    registry.setDeviceState(slot, DeviceState.online);
    registry.devices.rows.seq[slot] = 7;
    registry.devices.rows.lastSeen[slot] = 99n;
    registry.devices.rows.session[slot] = 3;
    const first = registry.devices.rows.epoch[slot];
    registry.freeDevice(slot);
    const second = reader.device(table.ensureDevice('second'));
    expect(second?.epoch).not.toBe(first);
    expect(second).toEqual({
      device: 'second',
      state: 'offline',
      deviceStatus: undefined,
      lastSeen: 0,
      seq: 0,
      epoch: expect.any(Number),
      session: undefined,
      connectedAt: undefined,
      gateway: undefined,
      subscribers: { active: 0, inactive: 0, allow: 0, deny: 0 },
    });
  });

  it('tells of a device before its row is there, and before it goes', () => {
    const { registry } = new Table(tiny);
    const told: string[] = [];
    const stateOf = (slot: number): string => deviceStateNames[registry.devices.rows.deviceState[slot]!]!;
    registry.deviceMade = (slot) => told.push(`made while ${stateOf(slot)}`);
    registry.deviceFreed = (slot) => told.push(`freed while ${stateOf(slot)}`);
    registry.freeDevice(bytesOf('d', (...id) => registry.ensureDevice(...id)));
    expect(told).toEqual(['made while free', 'freed while offline']);
  });

  it('forgets the grant of a row with the row', () => {
    const table = new Table({ devices: 1, subscribers: 1, subscriptions: 1 });
    const [device, subscriber] = [table.ensureDevice('d'), table.ensureSubscriber('s')];
    const { registry } = table;
    const row = registry.createRow(device, subscriber, RowState.allow);
    registry.setGranted(row, true);
    registry.setRowState(row, RowState.active);
    expect(registry.isGranted(row)).toBe(true);
    registry.removeRow(row);
    expect(registry.isGranted(registry.createRow(device, subscriber, RowState.active))).toBe(false);
  });

  it('throws when a device or a subscriber is freed that still has rows', () => {
    const table = new Table(tiny);
    const [device, subscriber] = [table.ensureDevice('d'), table.ensureSubscriber('s')];
    table.registry.createRow(device, subscriber, RowState.active);
    expect(() => table.registry.freeDevice(device)).toThrow(/with subscriptions/);
    expect(() => table.registry.freeSubscriber(subscriber)).toThrow(/with subscriptions/);
  });

  it('lets the visitor of a list remove the row that it is given', () => {
    const table = new Table({ devices: 3, subscribers: 3, subscriptions: 9 });
    const devices = [0, 1, 2].map((n) => table.ensureDevice(`d${n}`));
    const subscribers = [0, 1, 2].map((n) => table.ensureSubscriber(`s${n}`));
    for (const device of devices) {
      for (const subscriber of subscribers) table.registry.createRow(device, subscriber, RowState.active);
    }
    let visited = 0;
    table.registry.forEachOfSubscriber(subscribers[1]!, (row) => {
      visited += 1;
      table.registry.removeRow(row);
    });
    expect(visited).toBe(3);
    expect(table.reader.subscriber(subscribers[1]!)?.rowCount).toBe(0);
    expect(table.reader.total('active')).toBe(6);
  });

  it('says so and keeps the old status when there is no room for a new one, and refuses such an id', () => {
    const memory = createPresence({ devices: 2, subscribers: 1, subscriptions: 1 });
    // A table always has room for its texts; this one has four units left for all of them.
    const registry = new Registry({ ...memory, arena: new SharedArrayBuffer(5 * 32) }, WORKERS);
    const slot = bytesOf('d', (...id) => registry.ensureDevice(...id));
    const set = (text: string): boolean =>
      bytesOf(text, (...bytes) => registry.setDeviceStatus(slot, ...bytes));
    expect(set('old')).toBe(true);
    expect(set('x'.repeat(55))).toBe(false);
    expect(registry.deviceStatus(slot)).toBe('old');
    expect(set('x'.repeat(54))).toBe(true);
    expect(bytesOf('s'.repeat(27), (...id) => registry.ensureSubscriber(...id))).toBe(-1);
    expect(registry.subscribers.rows.used[0]).toBe(0);
    expect(bytesOf('s', (...id) => registry.ensureSubscriber(...id))).toBe(0);
  });
});
