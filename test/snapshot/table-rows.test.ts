import { afterEach, describe, expect, it, vi } from 'vitest';
import { Registry } from '../../src/owner/registry.ts';
import { Numbering, Vip } from '../../src/presence/columns.ts';
import { DeviceState, RowState, StateReason } from '../../src/presence/lifecycle.ts';
import { createPresence, FILTERED, GRANTED } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import { tableRows } from '../../src/snapshot/table-rows.ts';
import { FakeClock } from '../support/fake-clock.ts';

function table() {
  const memory = createPresence({ devices: 10, subscribers: 10, subscriptions: 20 });
  const registry = new Registry(memory, 1);
  const reader = new PresenceReader(memory);
  const clock = new FakeClock();
  const device = (id: string, state: DeviceState = DeviceState.offline): number => {
    const slot = registry.ensureDeviceOf(id);
    registry.setDeviceState(slot, state, StateReason.none);
    return slot;
  };
  const rows = (isLast = false) => [...tableRows(reader, [], clock, isLast)];
  return { registry, reader, clock, device, rows };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a device in a snapshot', () => {
  it.each([DeviceState.online, DeviceState.stale, DeviceState.offline])(
    'is saved with its number, its status and when it was seen, in whatever state (%i)',
    (state) => {
      const { registry, clock, device, rows } = table();
      const slot = device('dev-1', state);
      registry.devices.rows.seq[slot] = 41;
      registry.devices.rows.lastSeen[slot] = BigInt(clock.nowMs - 2500);
      registry.setDeviceStatus(slot, Buffer.from('lädt'), 0, Buffer.byteLength('lädt'));
      expect(rows()).toEqual([
        { kind: 'device', device: 'dev-1', seq: 41, lastSeen: clock.wallMs - 2500, status: 'lädt' },
      ]);
    },
  );

  it('that has never been seen and told nothing says so', () => {
    const { device, rows } = table();
    device('dev-1');
    expect(rows()).toEqual([{ kind: 'device', device: 'dev-1', seq: 0, lastSeen: 0, status: '' }]);
  });

  it('has its epoch in the last snapshot of a hub alone', () => {
    const { registry, device, rows } = table();
    registry.devices.rows.epoch[device('dev-1')] = 77;
    expect(rows()[0]).not.toHaveProperty('epoch');
    expect(rows(true)[0]).toMatchObject({ epoch: 77 });
  });

  it.each([Numbering.claimed, Numbering.elsewhere])(
    'has no epoch where this node does not number its events (%i): others go on in it',
    (home) => {
      const { registry, device, rows } = table();
      registry.devices.rows.home[device('dev-1')] = home;
      expect(rows(true)[0]).not.toHaveProperty('epoch');
    },
  );

  it('is not saved once it is gone', () => {
    const { registry, device, rows } = table();
    const slot = device('gone');
    device('there');
    registry.freeDevice(slot);
    expect(rows()).toMatchObject([{ device: 'there' }]);
  });
});

describe('a vip in a snapshot', () => {
  it('is one that an operator named, and not one that only its token did', () => {
    const { registry, rows } = table();
    for (const [id, vip] of [
      ['none', 0],
      ['operator', Vip.operator],
      ['token', Vip.token],
      ['both', Vip.operator | Vip.token],
    ] as const)
      registry.subscribers.rows.vip[registry.ensureSubscriberOf(id)] = vip;
    expect(rows()).toEqual([
      { kind: 'vip', subscriber: 'operator' },
      { kind: 'vip', subscriber: 'both' },
    ]);
  });

  it('is not saved once it is gone', () => {
    const { registry, rows } = table();
    const slot = registry.ensureSubscriberOf('gone');
    registry.subscribers.rows.vip[slot] = Vip.operator;
    registry.freeSubscriber(slot);
    registry.subscribers.rows.vip[slot] = Vip.operator; // whatever its row still says
    expect(rows()).toEqual([]);
  });
});

describe('a pair in a snapshot', () => {
  const subscribed = [RowState.active, RowState.silent, RowState.paused, RowState.disconnected];
  const flags = [0, GRANTED, FILTERED, GRANTED | FILTERED];
  const expected = (state: number, flag: number): string | undefined => {
    if (state === RowState.deny) return 'deny';
    return state === RowState.allow || (flag & GRANTED) !== 0 ? 'allow' : undefined;
  };

  it.each(
    [RowState.allow, ...subscribed, RowState.deny].flatMap((state) => flags.map((flag) => [state, flag])),
  )('is what an operator set, of row state %i with flags %i', (state, flag) => {
    const { registry, device, rows } = table();
    const row = registry.createRow(device('dev-1'), registry.ensureSubscriberOf('sub-1'), state as RowState);
    registry.subscriptions.rows.rowState[row] = state! | flag!;
    const access = expected(state!, flag!);
    const pairs = rows().filter(({ kind }) => kind === 'pair');
    expect(pairs).toEqual(
      access === undefined ? [] : [{ kind: 'pair', device: 'dev-1', subscriber: 'sub-1', access }],
    );
  });

  it('is not saved once it is removed, whatever flag its row still has', () => {
    const { registry, device, rows } = table();
    const row = registry.createRow(device('dev-1'), registry.ensureSubscriberOf('sub-1'), RowState.deny);
    registry.removeRow(row);
    registry.subscriptions.rows.rowState[row] = GRANTED;
    expect(rows()).toMatchObject([{ kind: 'device' }]);
  });

  it('is read again when its row became another one meanwhile', () => {
    const { registry, reader, device, rows } = table();
    const slot = device('dev-1');
    device('dev-2');
    const [one, other] = ['sub-1', 'sub-2'].map((id) => registry.ensureSubscriberOf(id));
    const row = registry.createRow(slot, one!, RowState.deny);
    const { subscriber } = reader;
    let isChanged = false;
    // Between the reader's looks at the row and at its ends the owner gives the row to another pair.
    vi.spyOn(reader, 'subscriber').mockImplementation((at) => {
      if (!isChanged) {
        isChanged = true;
        registry.removeRow(row);
        expect(registry.createRow(registry.deviceOf('dev-2'), other!, RowState.allow)).toBe(row);
      }
      return subscriber.call(reader, at);
    });
    expect(rows().filter(({ kind }) => kind === 'pair')).toEqual([
      { kind: 'pair', device: 'dev-2', subscriber: 'sub-2', access: 'allow' },
    ]);
  });

  it('that lost its flag or its generation meanwhile is read again, too', () => {
    const { registry, reader, device, rows } = table();
    const row = registry.createRow(device('dev-1'), registry.ensureSubscriberOf('sub-1'), RowState.deny);
    const { rowState, generation } = registry.subscriptions.rows;
    const { subscriber } = reader;
    for (const change of [() => (rowState[row] = RowState.allow), () => Atomics.add(generation, row, 1)]) {
      let looks = 0;
      rowState[row] = RowState.deny;
      vi.spyOn(reader, 'subscriber').mockImplementation((at) => {
        looks += 1;
        if (looks === 1) change();
        return subscriber.call(reader, at);
      });
      const access = rowState[row] === RowState.deny ? 'deny' : 'allow';
      expect(rows().filter(({ kind }) => kind === 'pair')).toMatchObject([{ kind: 'pair' }]);
      expect([looks, access]).toEqual([2, 'deny']);
    }
  });

  it('without its ends is a bug', () => {
    const { registry, device, rows } = table();
    const slot = device('dev-1');
    registry.createRow(slot, registry.ensureSubscriberOf('sub-1'), RowState.deny);
    registry.devices.rows.deviceState[slot] = DeviceState.free;
    expect(rows).toThrow(/^row 0 has lost its ends$/);
  });
});

describe('a row that its owner is writing', () => {
  /** The owner marks the row, and goes on once the reader has waited so often. @returns each wait, ms */
  function stopped(version: Uint16Array, slot: number, waitsMax: number, goOn = () => {}): unknown[] {
    const waits: unknown[] = [];
    Atomics.add(version, slot, 1);
    vi.spyOn(Atomics, 'wait').mockImplementation(((
      _word: Int32Array,
      _at: number,
      value: number,
      ms: number,
    ) => {
      expect(value).toBe(0); // a wait for another value would be over at once
      waits.push(ms);
      if (waits.length !== waitsMax) return 'timed-out';
      goOn();
      Atomics.add(version, slot, 1);
      return 'timed-out';
    }) as typeof Atomics.wait);
    return waits;
  }

  it('is waited for: a device', () => {
    const { reader, device, rows } = table();
    const waits = stopped(reader.devices.rows.version, device('dev-1'), 3);
    expect(rows()).toMatchObject([{ device: 'dev-1' }]);
    expect(waits).toEqual([1, 1, 1]);
  });

  it('is waited for: a device that is being made or freed', () => {
    const { registry, reader, device, rows } = table();
    const slot = device('dev-1');
    const { deviceState, version } = reader.devices.rows;
    deviceState[slot] = DeviceState.free;
    const waits = stopped(version, slot, 2, () => {
      deviceState[slot] = DeviceState.online;
      registry.devices.rows.seq[slot] = 41;
    });
    expect(rows()).toMatchObject([{ device: 'dev-1', seq: 41 }]);
    expect(waits).toEqual([1, 1]);
    stopped(version, slot, 2, () => {
      deviceState[slot] = DeviceState.free;
    });
    expect(rows()).toEqual([]);
  });

  it('is waited for: a vip, one that is being made too', () => {
    const { registry, reader, rows } = table();
    const slot = registry.ensureSubscriberOf('sub-1');
    const { vip, version, used } = reader.subscribers.rows;
    vip[slot] = Vip.operator;
    const waits = stopped(version, slot, 3);
    expect(rows()).toEqual([{ kind: 'vip', subscriber: 'sub-1' }]);
    expect(waits).toHaveLength(3);
    used[slot] = 0;
    stopped(version, slot, 2, () => {
      used[slot] = 1;
    });
    expect(rows()).toEqual([{ kind: 'vip', subscriber: 'sub-1' }]);
  });

  it('is read once more when the owner was done just after the reader had given up', () => {
    const { registry, reader, device, rows } = table();
    device('dev-1');
    const slot = registry.ensureSubscriberOf('sub-1');
    registry.subscribers.rows.vip[slot] = Vip.operator;
    vi.spyOn(Atomics, 'wait').mockReturnValue('timed-out');
    vi.spyOn(reader, 'device').mockReturnValueOnce(undefined);
    vi.spyOn(reader, 'subscriber').mockReturnValueOnce(undefined);
    expect(rows()).toMatchObject([{ device: 'dev-1' }, { subscriber: 'sub-1' }]);
  });

  it('is waited for for two seconds: then its owner has stopped in the middle of it', () => {
    const { reader, device, rows } = table();
    const waits = stopped(reader.devices.rows.version, device('dev-1'), 2001);
    expect(() => rows()).toThrow(
      new Error('the presence table cannot be read: its owner stopped in the middle of a row'),
    );
    expect(waits).toHaveLength(2000);
  });
});

it('saves rules, devices, vips and pairs in this order', () => {
  const { registry, reader, clock, device } = table();
  const slot = registry.ensureSubscriberOf('sub-1');
  registry.subscribers.rows.vip[slot] = Vip.operator;
  registry.createRow(device('dev-1'), slot, RowState.deny);
  const rule = { device: 'lab-*', subscriber: '*', access: 'deny' } as const;
  expect([...tableRows(reader, [rule], clock, false)].map(({ kind }) => kind)).toEqual([
    'rule',
    'device',
    'vip',
    'pair',
  ]);
});
