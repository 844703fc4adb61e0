/** What the table counts of each device: holders, those that wait, edges with interest, and rows that are left. */
import { deepStrictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Registry } from '../../src/owner/registry.ts';
import { RowState } from '../../src/presence/lifecycle.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { ALL_TYPES } from '../../src/wire/events.ts';
import { runs } from '../support/runs.ts';

const DEVICES = 2;
const SUBSCRIBERS = 3;
const EDGES = 3;
const PEER_EDGE = EDGES - 1; // of the link to other nodes
const ROWS = DEVICES * SUBSCRIBERS;

const states = [
  RowState.allow,
  RowState.active,
  RowState.silent,
  RowState.paused,
  RowState.disconnected,
] as const;
const pair = { device: fc.nat(DEVICES - 1), subscriber: fc.nat(SUBSCRIBERS - 1) };
const operation = fc.oneof(
  fc.record({
    ...pair,
    do: fc.constant('put' as const), // creates the row, or sets its state
    state: fc.constantFrom(...states, RowState.deny),
    granted: fc.boolean(),
    filtered: fc.boolean(),
  }),
  fc.record({ ...pair, do: fc.constant('grant' as const), granted: fc.boolean() }),
  fc.record({ ...pair, do: fc.constant('setTypes' as const), own: fc.constantFrom(0, 2) }),
  fc.record({ ...pair, do: fc.constant('hold' as const) }),
  fc.record({ ...pair, do: fc.constant('remove' as const) }),
  fc.record({ ...pair, do: fc.constant('move' as const), edge: fc.nat(EDGES - 2), always: fc.boolean() }),
  fc.record({ ...pair, do: fc.constant('peer' as const), kind: fc.nat(2) }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** A full table of peers, and beside it how many other nodes follow each device. */
class Bench {
  readonly memory = createPresence({ devices: DEVICES, subscribers: SUBSCRIBERS, subscriptions: ROWS });
  registry = this.open();
  /** Devices whose first listener came or whose last went, in order, and by the counts. */
  readonly told: number[] = [];
  readonly expected: number[] = [];
  levels: number[] = [];
  readonly peers = [0, 1, 2].map(() => [0, 0]);

  constructor() {
    for (let n = 0; n < DEVICES; n++) this.registry.ensureDeviceOf(`dev-${n}`);
    for (let n = 0; n < SUBSCRIBERS; n++) this.registry.ensureSubscriberOf(`s-${n}`);
    this.registry.devices.rows.wantsInterest[0] = 1; // the other one does not want to know
  }

  open(): Registry {
    const registry = new Registry(this.memory, EDGES);
    registry.interestChanged = (device) => this.told.push(device);
    registry.levelChanged = (device) => this.levels.push(device);
    return registry;
  }

  rowsOf(device: number): number[] {
    const rows: number[] = [];
    this.registry.forEachOfDevice(device, (row) => rows.push(row));
    return rows;
  }

  active(device: number): number {
    const isActive = (row: number): boolean => this.registry.rowState(row) === RowState.active;
    return this.rowsOf(device).filter(isActive).length + this.peers[0]![device]!;
  }

  apply(operation: Operation): void {
    const before = this.active(operation.device);
    this.#apply(operation);
    const isFirstOrLast = (before === 0) !== (this.active(operation.device) === 0);
    if (isFirstOrLast && operation.device === 0) this.expected.push(0);
  }

  #apply(operation: Operation): void {
    const { registry } = this;
    const { device, subscriber } = operation;
    const row = registry.findRow(device, subscriber);
    if (operation.do === 'peer') {
      const count = this.peers[operation.kind]!;
      const change = count[device]! > 0 ? -1 : 1;
      count[device]! += change;
      if (operation.kind === 0) registry.countPeer(device, PEER_EDGE, change);
      else if (operation.kind === 1) registry.countPeerWaiting(device, change);
      else registry.countPeerHolder(device, change);
    } else if (operation.do === 'move') {
      let hasActive = operation.always;
      registry.forEachOfSubscriber(subscriber, (each) => {
        hasActive ||= registry.rowState(each) === RowState.active;
      });
      registry.moveToEdge(subscriber, operation.edge, hasActive);
    } else if (operation.do === 'put' && row < 0) {
      const { state, granted, filtered } = operation;
      registry.createRow(device, subscriber, state, { granted, ownTypes: filtered ? 0 : 1 });
    } else if (row < 0) return;
    else if (operation.do === 'put') registry.setRowState(row, operation.state);
    else if (operation.do === 'grant') registry.setGranted(row, operation.granted);
    else if (operation.do === 'setTypes') registry.setTypes(row, operation.own, 3);
    else if (operation.do === 'hold') registry.setHeld(row);
    else registry.removeRow(row);
  }

  /** What the columns say, and what follows from the rows. */
  check(): void {
    const { registry } = this;
    const { rows } = registry.devices;
    for (let device = 0; device < DEVICES; device++) {
      const all = this.rowsOf(device);
      const holders = all.filter((row) => !registry.isFiltered(row) || registry.isGranted(row)).length;
      const waiting = all.filter((row) => registry.rowState(row) === RowState.disconnected).length;
      const interest = [0, 0, this.peers[0]![device]!];
      for (const row of all) {
        const subscriber = registry.subscriptions.rows.subscriber[row]!;
        if (registry.rowState(row) !== RowState.active) continue;
        interest[registry.subscribers.rows.edge[subscriber]!]! += 1;
      }
      const [, waits, holds] = this.peers.map((count) => count[device]!);
      deepStrictEqual(
        {
          interest: [...registry.interest.subarray(device * EDGES, (device + 1) * EDGES)],
          waiting: rows.waiting[device],
          holders: rows.holders[device],
          active: rows.active[device],
          peers: rows.peers[device],
          isHeld: registry.isHeld(device),
        },
        {
          interest,
          waiting: waiting + waits!,
          holders: holders + holds!,
          active: this.active(device),
          peers: this.peers[0]![device],
          isHeld: holders + holds! > 0,
        },
      );
    }
    deepStrictEqual(this.told, this.expected);
  }

  /** Another owner takes over; it knows nothing of other nodes yet. */
  replaceOwner(): void {
    this.registry = this.open();
    this.registry.adopt();
    for (const count of this.peers) count.fill(0);
    this.told.length = 0;
    this.expected.length = 0;
  }
}

it('each device is counted as its rows say, after every operation and after another owner took over', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const bench = new Bench();
      for (const each of operations) {
        bench.apply(each);
        bench.check();
      }
      bench.replaceOwner();
      bench.check();
    }),
    { numRuns: runs(100) },
  );
});

describe('a cluster', () => {
  it('is told of each device of which subscriptions want something else', () => {
    const { registry, levels } = new Bench();
    const row = registry.createRow(1, 0, RowState.paused);
    registry.setHeld(row); // as it was
    expect(levels.splice(0)).toEqual([1]);
    registry.setTypes(row, 0, 3);
    expect(levels.splice(0)).toEqual([1]);
    registry.setGranted(row, true);
    registry.setGranted(row, true);
    expect(levels.splice(0)).toEqual([1]);
    registry.setHeld(row);
    expect(levels.splice(0)).toEqual([]);
    registry.setRowState(row, RowState.active);
    expect(levels.splice(0)).toEqual([1, 1]);
  });
});

describe('a device that wants to know whether anybody listens', () => {
  it('is told of another node as the first listener and the last, and of none between', () => {
    const { registry, told } = new Bench();
    registry.countPeer(0, PEER_EDGE, 1);
    registry.countPeer(0, PEER_EDGE, -1);
    expect(told.splice(0)).toEqual([0, 0]);
    registry.createRow(0, 0, RowState.active);
    registry.countPeer(0, PEER_EDGE, 1);
    registry.countPeer(0, PEER_EDGE, -1);
    expect(told).toEqual([0]);
  });

  it('is told of the first listener here and of the last, and of none between', () => {
    const { registry, told } = new Bench();
    const rows = [0, 1].map((subscriber) => registry.createRow(0, subscriber, RowState.active));
    expect(told.splice(0)).toEqual([0]);
    registry.removeRow(rows[0]!);
    expect(told).toEqual([]);
    registry.removeRow(rows[1]!);
    expect(told).toEqual([0]);
  });
});

it('A device is told of nothing when its only listener is put into the state that it has', () => {
  const { registry, told } = new Bench();
  const row = registry.createRow(0, 0, RowState.active);
  expect(told.splice(0)).toEqual([0]);
  registry.setRowState(row, RowState.active);
  expect(told).toEqual([]);
});

describe('a subscriber that comes to another edge', () => {
  it('takes along there what it follows actively, and nothing else', () => {
    const { registry } = new Bench();
    registry.createRow(0, 0, RowState.paused);
    registry.createRow(1, 0, RowState.active);
    registry.createRow(1, 1, RowState.active);
    registry.moveToEdge(0, 1, true);
    expect([...registry.interest]).toEqual([0, 0, 0, 1, 1, 0]);
    registry.moveToEdge(0, 2, true);
    expect([...registry.interest]).toEqual([0, 0, 0, 1, 0, 1]);
    registry.moveToEdge(0, 0, true);
    expect([...registry.interest]).toEqual([0, 0, 0, 2, 0, 0]);
  });
});

describe('a row', () => {
  it.each(['allow', 'deny'] as const)('that an operator sets to %s asks for nothing', (state) => {
    const { registry } = new Bench();
    const row = registry.createRow(0, 0, RowState[state]);
    const { types, ownTypes } = registry.subscriptions.rows;
    expect([types[row], ownTypes[row], registry.isFiltered(row)]).toEqual([0, 0, false]);
    expect(registry.isHeld(0)).toBe(true);
  });

  it('is of all types and by id, where nobody says otherwise', () => {
    const { registry } = new Bench();
    const row = registry.createRow(0, 0, RowState.active);
    const { types, ownTypes } = registry.subscriptions.rows;
    expect([types[row], ownTypes[row], registry.isFiltered(row), registry.isGranted(row)]).toEqual([
      ALL_TYPES,
      ALL_TYPES,
      false,
      false,
    ]);
    const other = registry.createRow(0, 1, RowState.active, { types: 2 });
    expect([types[other], ownTypes[other]]).toEqual([2, 2]);
  });

  it('holds on to its device as long as it is there, unless only filters follow', () => {
    const { registry } = new Bench();
    const filtered = registry.createRow(0, 0, RowState.active, { ownTypes: 0 });
    const own = registry.createRow(0, 1, RowState.active);
    registry.removeRow(filtered);
    expect(registry.devices.rows.holders[0]).toBe(1);
    registry.removeRow(own);
    expect(registry.devices.rows.holders[0]).toBe(0);
  });

  it('keeps what its subscriber asked for while it is denied, and nothing of it once it is merely allowed', () => {
    const { registry } = new Bench();
    const row = registry.createRow(0, 0, RowState.active, { types: 3, ownTypes: 1 });
    const { types, ownTypes } = registry.subscriptions.rows;
    for (const [state, kept] of [
      ['deny', [3, 1]],
      ['allow', [0, 0]],
    ] as const) {
      registry.setRowState(row, RowState[state]);
      registry.setHeld(row);
      expect([types[row], ownTypes[row]]).toEqual(kept);
    }
  });

  it('is not made of what is reserved, but takes of it where it was reserved for it', () => {
    const { registry } = new Bench();
    registry.reserve(1, ROWS - 1);
    expect([registry.freeRows, registry.rowCount(0), registry.rowCount(1)]).toEqual([1, 0, ROWS - 1]);
    registry.createRow(0, 0, RowState.active);
    expect([registry.freeRows, registry.createRow(0, 1, RowState.active)]).toEqual([0, -1]);
    expect(registry.createRow(0, 1, RowState.active, { reserved: true })).toBeGreaterThan(0);
    expect([registry.reservedRows, registry.freeRows]).toEqual([ROWS - 2, 0]);
    expect([registry.rowCount(0), registry.rowCount(1)]).toEqual([1, ROWS - 1]);
    registry.reserve(1, 2 - ROWS);
    expect([registry.reservedRows, registry.rowCount(1)]).toEqual([0, 1]);
  });

  it('finds no room, reserved or not, where there is none', () => {
    const memory = createPresence({ devices: 2, subscribers: 1, subscriptions: 1 });
    const registry = new Registry(memory, EDGES);
    const devices = ['dev-1', 'dev-2'].map((id) => registry.ensureDeviceOf(id));
    registry.ensureSubscriberOf('s');
    registry.createRow(devices[0]!, 0, RowState.active);
    expect(registry.createRow(devices[1]!, 0, RowState.active)).toBe(-1);
    expect(registry.createRow(devices[1]!, 0, RowState.active, { reserved: true })).toBe(-1);
    expect([registry.reservedRows, registry.hasRows(devices[1]!)]).toEqual([0, false]);
  });
});

describe('another owner', () => {
  it('knows which ids no device has used', () => {
    const memory = createPresence({ devices: 4, subscribers: 1, subscriptions: 1 });
    const first = new Registry(memory, EDGES);
    for (const id of ['dev-1', 'dev-2', 'dev-3', 'dev-4']) first.ensureDeviceOf(id);
    first.setKnown(1);
    first.freeDevice(2);
    const registry = new Registry(memory, EDGES);
    registry.unusedCount = 9; // as if it had counted
    registry.adopt();
    expect(registry.unusedCount).toBe(2);
  });

  it('knows which gateways devices are connected by, and lets go of them with the last', () => {
    const memory = createPresence({ devices: 4, subscribers: 1, subscriptions: 1 });
    const first = new Registry(memory, EDGES);
    for (const id of ['dev-1', 'dev-2', 'dev-3']) {
      const slot = first.ensureDeviceOf(id);
      first.devices.rows.session[slot] = 64;
      if (id !== 'dev-3') first.setGateway(slot, 'gw');
    }
    const registry = new Registry(memory, EDGES);
    registry.adopt();
    const { gateway } = registry.devices.rows;
    const chunk = gateway[0];
    registry.setGateway(2, 'gw');
    expect([gateway[1], gateway[2]]).toEqual([chunk, chunk]);
    registry.setGateway(0, '');
    registry.setGateway(1, '');
    registry.setGateway(2, 'other');
    registry.setGateway(1, 'x'.repeat(2));
    expect(registry.texts.text(gateway[2]!)).toBe('other');
    expect(gateway[1]).toBe(chunk); // its room is free again
  });
});
