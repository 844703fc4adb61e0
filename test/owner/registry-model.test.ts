import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Registry } from '../../src/owner/registry.ts';
import { RowState, statusOf } from '../../src/presence/lifecycle.ts';
import { createPresence, PresenceReader } from '../../src/presence/table.ts';

const WORKERS = 2;
const capacity = { devices: 6, subscribers: 5, subscriptions: 12 };
const states = [
  RowState.allow,
  RowState.active,
  RowState.silent,
  RowState.paused,
  RowState.disconnected,
  RowState.deny,
];

const name = (prefix: string, index: number): string => `${prefix}${'x'.repeat((index * 37) % 120)}${index}`;
const deviceName = (index: number): string => name('d', index);
const subscriberName = (index: number): string => name('s', index);

interface Model {
  readonly devices: Set<number>;
  readonly subscribers: Set<number>;
  readonly rows: Map<string, { device: number; subscriber: number; state: RowState }>;
}

const device = fc.integer({ min: 0, max: 9 });
const subscriber = fc.integer({ min: 0, max: 7 });
const step = fc.oneof(
  fc.record({ do: fc.constant('put' as const), device, subscriber, state: fc.constantFrom(...states) }),
  fc.record({ do: fc.constant('remove' as const), device, subscriber }),
  fc.record({ do: fc.constant('freeDevice' as const), device }),
  fc.record({ do: fc.constant('freeSubscriber' as const), subscriber }),
);

describe('the presence table', () => {
  it('agrees with plain maps after every one of many random operations, full tables included', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const memory = createPresence(capacity);
        const registry = new Registry(memory, WORKERS);
        const reader = new PresenceReader(memory);
        const model: Model = { devices: new Set(), subscribers: new Set(), rows: new Map() };
        for (const action of steps) {
          apply(registry, model, action);
          check(registry, reader, model);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('bumps the generation of a freed slot, so that a stale handle is noticed', () => {
    const registry = new Registry(createPresence(capacity), WORKERS);
    const id = Buffer.from('dev');
    const slot = registry.ensureDevice(id, 0, id.length);
    const before = registry.devices.rows.generation[slot];
    registry.freeDevice(slot);
    expect(registry.devices.rows.generation[slot]).not.toBe(before);
    expect(registry.findDevice(id, 0, id.length)).toBe(-1);
  });
});

type Action = typeof step extends fc.Arbitrary<infer T> ? T : never;

function ensure(registry: Registry, kind: 'Device' | 'Subscriber', id: string): number {
  const bytes = Buffer.from(id);
  return kind === 'Device'
    ? registry.ensureDevice(bytes, 0, bytes.length)
    : registry.ensureSubscriber(bytes, 0, bytes.length);
}

function apply(registry: Registry, model: Model, action: Action): void {
  const key = 'device' in action && 'subscriber' in action ? `${action.device}/${action.subscriber}` : '';
  if (action.do === 'put') {
    const deviceSlot = ensure(registry, 'Device', deviceName(action.device));
    expect(deviceSlot >= 0).toBe(model.devices.has(action.device) || model.devices.size < capacity.devices);
    if (deviceSlot < 0) return;
    model.devices.add(action.device);
    const subscriberSlot = ensure(registry, 'Subscriber', subscriberName(action.subscriber));
    expect(subscriberSlot >= 0).toBe(
      model.subscribers.has(action.subscriber) || model.subscribers.size < capacity.subscribers,
    );
    if (subscriberSlot < 0) return;
    if (!model.subscribers.has(action.subscriber)) {
      registry.subscribers.rows.worker[subscriberSlot] = action.subscriber % WORKERS;
    }
    model.subscribers.add(action.subscriber);
    const row = registry.findRow(deviceSlot, subscriberSlot);
    expect(row >= 0).toBe(model.rows.has(key));
    if (row >= 0) {
      registry.setRowState(row, action.state);
    } else {
      const made = registry.createRow(deviceSlot, subscriberSlot, action.state);
      expect(made >= 0).toBe(model.rows.size < capacity.subscriptions);
      if (made < 0) return;
    }
    model.rows.set(key, { device: action.device, subscriber: action.subscriber, state: action.state });
  } else if (action.do === 'remove') {
    if (!model.rows.delete(key)) return;
    const deviceSlot = ensure(registry, 'Device', deviceName(action.device));
    const subscriberSlot = ensure(registry, 'Subscriber', subscriberName(action.subscriber));
    registry.removeRow(registry.findRow(deviceSlot, subscriberSlot));
  } else if (action.do === 'freeDevice') {
    if (!model.devices.has(action.device)) return;
    const slot = ensure(registry, 'Device', deviceName(action.device));
    if ([...model.rows.values()].some((row) => row.device === action.device)) {
      expect(() => registry.freeDevice(slot)).toThrow();
    } else {
      registry.freeDevice(slot);
      model.devices.delete(action.device);
    }
  } else {
    if (!model.subscribers.has(action.subscriber)) return;
    const slot = ensure(registry, 'Subscriber', subscriberName(action.subscriber));
    if ([...model.rows.values()].some((row) => row.subscriber === action.subscriber)) {
      expect(() => registry.freeSubscriber(slot)).toThrow();
    } else {
      registry.freeSubscriber(slot);
      model.subscribers.delete(action.subscriber);
    }
  }
}

function check(registry: Registry, reader: PresenceReader, model: Model): void {
  const rows = [...model.rows.values()];
  expect(reader.capacityUsed()).toEqual({
    devices: { used: model.devices.size, capacity: capacity.devices },
    subscribers: { used: model.subscribers.size, capacity: capacity.subscribers },
    subscriptions: { used: rows.length, capacity: capacity.subscriptions },
  });
  const count = (of: typeof rows, status: string): number =>
    of.filter(({ state }) => statusOf(state) === status).length;
  for (const status of ['allow', 'active', 'inactive', 'deny'] as const) {
    expect(reader.total(status)).toBe(count(rows, status));
  }
  for (let index = 0; index < 10; index++) {
    const slot = reader.findDevice(deviceName(index));
    expect(slot >= 0).toBe(model.devices.has(index));
    if (slot < 0) continue;
    const own = rows.filter((row) => row.device === index);
    expect(reader.device(slot)).toMatchObject({
      device: deviceName(index),
      subscribers: {
        allow: count(own, 'allow'),
        active: count(own, 'active'),
        inactive: count(own, 'inactive'),
        deny: count(own, 'deny'),
      },
    });
    const listed: string[] = [];
    registry.forEachOfDevice(slot, (_row, of) => listed.push(registry.subscriberId(of)));
    expect(listed.sort()).toEqual(own.map((row) => subscriberName(row.subscriber)).sort());
    expect(reader.subscriptionSlotsOfDevice(slot, 0, 100).slots).toHaveLength(own.length);
    for (let worker = 0; worker < WORKERS; worker++) {
      const interested = own.filter(
        (row) => row.state === RowState.active && row.subscriber % WORKERS === worker,
      );
      expect(registry.interest[slot * WORKERS + worker]).toBe(interested.length);
    }
  }
  for (let index = 0; index < 8; index++) {
    const slot = reader.findSubscriber(subscriberName(index));
    expect(slot >= 0).toBe(model.subscribers.has(index));
    if (slot < 0) continue;
    const own = rows.filter((row) => row.subscriber === index);
    expect(reader.subscriber(slot)).toMatchObject({
      subscriber: subscriberName(index),
      rowCount: own.length,
    });
    const listed: string[] = [];
    registry.forEachOfSubscriber(slot, (_row, of) => listed.push(registry.deviceId(of)));
    expect(listed.sort()).toEqual(own.map((row) => deviceName(row.device)).sort());
  }
}
