import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ACCESS_RULES_MAX } from '../../src/limits.ts';
import { ToOwner } from '../../src/records/commands.ts';
import { previousOf, writeSnapshot } from '../../src/snapshot/files.ts';
import { encodeSnapshot, type SnapshotRow } from '../../src/snapshot/format.ts';
import { tableRows } from '../../src/snapshot/table-rows.ts';
import { OwnerHarness } from '../owner/owner-harness.ts';
import { runs } from '../support/runs.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { replaceInFs, watchFs } from './file-system.ts';
import { device, pair, restore, restored, rowsOf, saved, WALL_MS } from './restore-harness.ts';

describe('a restored hub', () => {
  it('has each device offline, with its status and the number of its last event', () => {
    const hub = new OwnerHarness();
    restored(hub, saved([device('dev-1', 41, 'charging', WALL_MS - 5000)]));
    const row = hub.reader.device(hub.reader.findDevice('dev-1'));
    expect(row).toMatchObject({ device: 'dev-1', state: 'offline', seq: 41, deviceStatus: 'charging' });
    const session = hub.connect('s');
    expect(hub.ask(session, 'subscribe', ['dev-1']).devices).toEqual([
      {
        device: 'dev-1',
        status: 'active',
        state: 'offline',
        lastSeen: WALL_MS - 5000,
        seq: 41,
        epoch: expect.any(String),
        deviceStatus: 'charging',
      },
    ]);
    expect(hub.publish('dev-1')).toBe(42);
  });

  it('keeps the epoch of the newest snapshot, and of none that another one followed', () => {
    const epochOf = (hub: OwnerHarness) => hub.reader.device(hub.reader.findDevice('dev-1'))!.epoch;
    const ended = { ...device('dev-1', 41), epoch: 7 } as SnapshotRow;
    const hub = new OwnerHarness();
    restored(hub, saved([ended]));
    expect(epochOf(hub)).toBe(7);
    const file = saved([ended], [device('dev-1', 50)]);
    rmSync(file);
    const older = new OwnerHarness();
    expect(restored(older, file).from).toBe(previousOf(file));
    expect(epochOf(older)).not.toBe(7);
  });

  it('knows when a device was seen before its machine started, and none that is still to come', () => {
    const hub = new OwnerHarness();
    const long = WALL_MS - 2 * hub.clock.nowMs;
    restored(
      hub,
      saved([
        device('never'),
        device('long-ago', 1, '', long),
        device('at-the-start', 1, '', WALL_MS - hub.clock.nowMs),
        device('ahead', 1, '', WALL_MS + 60_000),
      ]),
    );
    const session = hub.connect('s');
    const { devices } = hub.ask(session, 'subscribe', ['never', 'long-ago', 'at-the-start', 'ahead']);
    expect(devices).toMatchObject([
      { lastSeen: 0 },
      { lastSeen: long },
      { lastSeen: WALL_MS - hub.clock.nowMs - 1 },
      { lastSeen: WALL_MS },
    ]);
  });

  it('removes a device in time like any that is offline, but none that an operator pinned', () => {
    const hub = new OwnerHarness({ deviceRemoveAfterMs: 10_000 });
    restored(hub, saved([device('gone', 3), device('pinned', 4), pair('deny', 'pinned', 's')]));
    hub.pass(9_000);
    expect(hub.reader.findDevice('gone')).toBeGreaterThanOrEqual(0);
    hub.pass(2_000);
    expect(hub.reader.findDevice('gone')).toBe(-1);
    hub.pass(60_000);
    expect(hub.reader.device(hub.reader.findDevice('pinned'))).toMatchObject({ seq: 4 });
  });

  it('goes on with the numbers when the device is back', () => {
    const hub = new OwnerHarness();
    restored(hub, saved([device('dev-1', 41, 'charging')]));
    const session = hub.connect('s');
    hub.ask(session, 'subscribe', ['dev-1']);
    hub.received();
    hub.connectDevice('dev-1');
    expect(hub.received()).toEqual([{ kind: 'event', device: 'dev-1', seq: 42 }]);
  });

  it('denies what was denied and grants what was granted', () => {
    const hub = new OwnerHarness({ defaultAccess: 'deny' });
    restored(hub, saved([pair('allow', 'dev-1', 's'), pair('deny', 'dev-2', 's')]));
    expect(hub.status('dev-1', 's')).toBe('allow');
    expect(hub.status('dev-2', 's')).toBe('deny');
    const session = hub.connect('s');
    for (let round = 0; round < 2; round++) {
      const { devices, errors } = hub.ask(session, 'subscribe', ['dev-1', 'dev-2', 'dev-3']);
      expect(devices).toMatchObject([{ device: 'dev-1' }]);
      expect(errors?.map(({ device: name }) => name)).toEqual(['dev-2', 'dev-3']);
      hub.ask(session, 'unsubscribe', ['dev-1']);
    }
  });

  it('obeys the rules that were in force', () => {
    const hub = new OwnerHarness();
    const rules = [{ device: 'dev-*', subscriber: '*', access: 'deny' as const }];
    const file = saved([...rules.map((rule) => ({ kind: 'rule' as const, ...rule }))]);
    expect(restored(hub, file).rules).toEqual(rules);
    const session = hub.connect('s');
    expect(hub.ask(session, 'subscribe', ['dev-1']).errors).toMatchObject([{ code: 103 }]);
  });

  it('keeps a vip for as long as a lost subscriber may come back', () => {
    const hub = new OwnerHarness({ subscriberRemoveAfterMs: 10_000 });
    restored(
      hub,
      saved([
        { kind: 'vip', subscriber: 'in-time' },
        { kind: 'vip', subscriber: 'late' },
      ]),
    );
    hub.pass(9_000);
    hub.connect('in-time');
    hub.pass(2_000);
    expect(hub.reader.subscriber(hub.reader.findSubscriber('in-time'))).toMatchObject({ vip: true });
    expect(hub.reader.findSubscriber('late')).toBe(-1);
  });

  it('denies a pair that was saved twice while it was changed, in whatever order', () => {
    for (const accesses of [
      ['deny', 'allow'],
      ['allow', 'deny'],
    ] as const) {
      const hub = new OwnerHarness();
      restored(hub, saved(accesses.map((access) => pair(access, 'dev-1', 's'))));
      expect(hub.status('dev-1', 's')).toBe('deny');
      expect(rowsOf(hub)).toContain(JSON.stringify(pair('deny', 'dev-1', 's')));
    }
  });

  it('has after any history of an operator what the hub before it had', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.record({
        status: fc.constantFrom('allow', 'active', 'inactive', 'deny', undefined),
        vip: fc.constantFrom(true, false, undefined),
        of: name,
        on: name,
      }),
      fc.record({ subscribe: name, of: name }),
      fc.record({ event: name }),
      fc.record({ remove: name, of: name }),
    );
    const directory = temporaryDirectory();
    const file = join(directory, 'snapshot');
    const capacity = { devices: 4, subscribers: 4, subscriptions: 9 };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const hub = new OwnerHarness({ capacity });
        for (const one of steps) {
          if ('on' in one) {
            const { on, of, status, vip } = one;
            hub.owner.operate({ kind: ToOwner.SetRow, device: on, subscriber: of, status, vip });
          } else if ('subscribe' in one) hub.ask(hub.connect(one.of), 'subscribe', [one.subscribe]);
          else if ('event' in one) hub.publish(one.event);
          else hub.owner.operate({ kind: ToOwner.RemoveRow, device: one.remove, subscriber: one.of });
        }
        writeSnapshot(file, encodeSnapshot(WALL_MS, tableRows(hub.reader, [], hub.clock, false)));
        const next = new OwnerHarness({ capacity });
        restored(next, file);
        expect(rowsOf(next)).toEqual(rowsOf(hub));
        for (const on of ['a', 'b', 'c']) {
          for (const of of ['a', 'b', 'c']) {
            const before = hub.status(on, of) ?? 'none';
            const after = next.status(on, of) ?? 'none';
            expect(after === 'deny').toBe(before === 'deny');
            if (before === 'allow') expect(after).toBe('allow');
            expect(['none', 'allow', 'deny']).toContain(after);
          }
        }
      }),
      { numRuns: runs(100) },
    );
  });
});

describe('the snapshot that is restored', () => {
  it('is the newest', () => {
    const hub = new OwnerHarness();
    const file = saved([device('older')], [device('newer')]);
    expect(restored(hub, file)).toEqual({
      ok: true,
      from: file,
      atMs: WALL_MS + 1,
      rowCount: 1,
      rules: [],
      warnings: [],
    });
    expect(hub.reader.findDevice('newer')).toBe(0);
    expect(hub.reader.findDevice('older')).toBe(-1);
  });

  it('is none at a first start', () => {
    const file = join(temporaryDirectory(), 'snapshot');
    expect(restored(new OwnerHarness(), file)).toEqual({
      ok: true,
      from: undefined,
      atMs: 0,
      rowCount: 0,
      rules: [],
      warnings: [],
    });
  });

  it('is the one before when the newest is missing, with a warning', () => {
    const hub = new OwnerHarness();
    const file = saved([device('older')], [device('newer')]);
    rmSync(file);
    const { from, warnings } = restored(hub, file);
    expect(from).toBe(previousOf(file));
    expect(warnings).toEqual([`${file} is missing; restored the snapshot before it, ${file}.prev`]);
    expect(hub.reader.findDevice('older')).toBe(0);
  });

  it('is the one before when the newest is not whole, which is kept out of its way, with a warning', () => {
    const hub = new OwnerHarness();
    const file = saved([device('older')], [device('newer')]);
    writeFileSync(file, 'half');
    const { from, warnings } = restored(hub, file);
    expect(from).toBe(previousOf(file));
    expect(warnings).toEqual([
      `${file} is cut off: its last line is not the end of a snapshot; kept it as ${file}.corrupt and restored the ` +
        `snapshot before it, ${file}.prev`,
    ]);
    expect(hub.reader.findDevice('older')).toBe(0);
    writeSnapshot(file, encodeSnapshot(WALL_MS, [device('newest')]));
    expect(readdirSync(join(file, '..')).sort()).toEqual(['snapshot', 'snapshot.corrupt', 'snapshot.prev']);
    writeFileSync(file, '');
    expect(restored(new OwnerHarness(), file).from).toBe(previousOf(file));
  });

  it('is none when neither is whole, and the hub does not start', () => {
    const hub = new OwnerHarness();
    const file = saved([device('older')], [device('newer')]);
    writeFileSync(file, 'half');
    writeFileSync(previousOf(file), '');
    expect(restore(hub, file)).toEqual({
      ok: false,
      message:
        `no snapshot can be restored: ${file} is cut off: its last line is not the end of a snapshot; ` +
        `${file}.prev is empty (DAT_SNAPSHOT_ON_CORRUPT=empty starts without, denials forgotten)`,
    });
    expect(readdirSync(join(file, '..')).sort()).toEqual(['snapshot', 'snapshot.prev']);
    rmSync(file);
    expect(restore(hub, file)).toMatchObject({ ok: false });
    rmSync(previousOf(file));
    writeFileSync(file, '');
    expect(restore(hub, file)).toMatchObject({ ok: false });
    expect(hub.reader.findDevice('newer')).toBe(-1);
  });

  it('is none when neither is whole and the hub is told to start empty, with a warning', () => {
    const hub = new OwnerHarness();
    const file = saved([device('older')], [device('newer')]);
    writeFileSync(file, 'half');
    writeFileSync(previousOf(file), '');
    const { from, rowCount, warnings } = restored(hub, file, 'empty');
    expect({ from, rowCount }).toEqual({ from: undefined, rowCount: 0 });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^no snapshot can be restored: .* starting empty, denials forgotten$/);
    expect(readdirSync(join(file, '..')).sort()).toEqual(['snapshot.corrupt', 'snapshot.prev']);
  });

  it('is the one before when the hub is told to start empty and that one is whole', () => {
    const file = saved([pair('deny', 'dev-1', 's')], [device('newer')]);
    writeFileSync(file, 'half');
    const hub = new OwnerHarness();
    expect(restored(hub, file, 'empty').from).toBe(previousOf(file));
    expect(hub.status('dev-1', 's')).toBe('deny');
  });

  it('is the one before when the newest cannot be read, with the error as a warning', () => {
    const hub = new OwnerHarness();
    const file = saved([device('older')], [device('newer')]);
    rmSync(file);
    mkdirSync(file);
    const { from, warnings } = restored(hub, file);
    expect(from).toBe(previousOf(file));
    expect(warnings[0]).toContain(`${file} cannot be read: EISDIR; kept it as ${file}.corrupt`);
  });

  it('is none when nothing can be read of either, without a file to keep', () => {
    const file = saved([device('older')], [device('newer')]);
    writeFileSync(previousOf(file), 'half');
    rmSync(file);
    const { warnings } = restored(new OwnerHarness(), file, 'empty');
    expect(warnings).toEqual([
      `no snapshot can be restored: ${file}.prev is cut off: its last line is not the end of a snapshot; ` +
        'starting empty, denials forgotten',
    ]);
  });

  it('is closed again, whether it fits or not', () => {
    const file = saved([device('a'), device('b')]);
    const { open, calls } = watchFs();
    restored(new OwnerHarness(), file);
    const capacity = { devices: 1, subscribers: 1, subscriptions: 1 };
    expect(restore(new OwnerHarness({ capacity }), file)).toMatchObject({ ok: false });
    expect([open(), calls.filter((call) => call === `close ${file}`).length]).toEqual([[], 2]);
  });

  it('is not taken for damaged when the hub itself has a bug', () => {
    const file = saved([device('older')], [device('newer')]);
    replaceInFs('readSync', () => () => {
      throw new TypeError('a bug');
    });
    expect(() => restore(new OwnerHarness(), file)).toThrow(new TypeError('a bug'));
    expect(readdirSync(join(file, '..')).sort()).toEqual(['snapshot', 'snapshot.prev']);
  });

  it.each([
    ['devices', [device('a'), device('b'), device('c')], 'no room for device "c" (DAT_MAX_DEVICES is 2)'],
    [
      'subscribers',
      [pair('deny', 'a', 'x'), { kind: 'vip', subscriber: 'y' }, { kind: 'vip', subscriber: 'z' }],
      'no room for subscriber "z" (DAT_MAX_SUBSCRIBERS is 2)',
    ],
    [
      'pairs',
      [pair('deny', 'a', 'x'), pair('deny', 'a', 'y'), pair('allow', 'b', 'x'), pair('deny', 'b', 'y')],
      'no room for the pair "b" and "y" (DAT_MAX_SUBSCRIPTIONS is 3)',
    ],
  ] satisfies [string, SnapshotRow[], string][])(
    'is refused when the table has not room for its %s',
    (_, rows, message) => {
      const hub = new OwnerHarness({ capacity: { devices: 2, subscribers: 2, subscriptions: 3 } });
      const file = saved([], rows);
      for (const onCorrupt of ['refuse', 'empty'] as const) {
        const refused = { ok: false, message: `snapshot ${file} does not fit: ${message}` };
        expect(restore(hub, file, onCorrupt)).toEqual(refused);
      }
    },
  );

  it('is refused when it holds more rules than there may be', () => {
    const rule: SnapshotRow = { kind: 'rule', device: '*', subscriber: '*', access: 'deny' };
    const most = restored(new OwnerHarness(), saved(Array.from({ length: ACCESS_RULES_MAX }, () => rule)));
    expect(most.rules).toHaveLength(ACCESS_RULES_MAX);
    const file = saved(Array.from({ length: ACCESS_RULES_MAX + 1 }, () => rule));
    expect(restore(new OwnerHarness(), file)).toMatchObject({
      ok: false,
      message: expect.stringMatching(/257 access rules, at most 256$/),
    });
  });
});

describe('the rows of a snapshot', () => {
  it('leave out what is only the subscribers’ own', () => {
    const hub = new OwnerHarness();
    const session = hub.connect('s');
    hub.ask(session, 'subscribe', ['dev-1', 'dev-2']);
    hub.setRow('dev-1', 's', 'allow');
    expect(rowsOf(hub)).toEqual([
      JSON.stringify(device('dev-1')),
      JSON.stringify(device('dev-2')),
      JSON.stringify(pair('allow', 'dev-1', 's')),
    ]);
  });

  it('name the rules in order, first of all', () => {
    const rules = (['deny', 'allow'] as const).map((access) => ({ device: 'd*', subscriber: '*', access }));
    const rows = [...tableRows(new OwnerHarness().reader, rules, new OwnerHarness().clock, false)];
    expect(rows).toEqual(rules.map((rule) => ({ kind: 'rule', ...rule })));
  });
});
