import { describe, expect, it } from 'vitest';
import { Restorer } from '../../src/owner/restorer.ts';
import { Numbering, Vip } from '../../src/presence/columns.ts';
import type { PresenceCapacity } from '../../src/presence/memory.ts';
import { OwnerParts, TIMES } from './owner-parts.ts';

function setUp(capacity: Partial<PresenceCapacity> = {}) {
  const parts = new OwnerParts({ capacity, historyBytes: 1024 * 1024 });
  const { registry, devices, history, access, timers: wheel, clock } = parts;
  const restorer = new Restorer({ registry, devices, history, access, wheel, clock, settings: TIMES });
  return { parts, restorer, registry, rows: registry.devices.rows };
}

const device = (
  id: string,
  more: { seq?: number; lastSeen?: number; status?: string; epoch?: number } = {},
) => ({ kind: 'device', device: id, seq: 0, lastSeen: 0, status: '', ...more }) as const;
const pair = (id: string, access: 'allow' | 'deny', subscriber = 's') =>
  ({ kind: 'pair', device: id, subscriber, access }) as const;

describe('a device of a snapshot', () => {
  it('is offline, with its numbering, its status, and when it was seen', () => {
    const { parts, restorer, registry, rows } = setUp();
    const lastSeen = parts.clock.wallMs - 5000;
    rows.home[0] = Numbering.elsewhere;
    const saved = device('dev-1', { seq: 41, lastSeen, status: 'läuft', epoch: 9 });
    expect(restorer.restore(saved)).toBeUndefined();
    expect([parts.state('dev-1'), registry.deviceStatus(0)]).toEqual(['offline', 'läuft']);
    expect([rows.seq[0], rows.epoch[0], rows.keptSeq[0]]).toEqual([41, 9, 41]);
    expect([rows.lastSeen[0], rows.known[0], rows.home[0]]).toEqual([
      BigInt(parts.clock.nowMs - 5000),
      1,
      Numbering.here,
    ]);
    parts.pass(TIMES.deviceRemoveAfterMs - 10);
    expect(parts.state('dev-1')).toBe('offline');
    parts.pass(20);
    expect(parts.state('dev-1')).toBe('free');
  });

  it.each([{ seq: 1 }, { lastSeen: 1 }, { status: 'ok' }])('was there, as %j says', (more) => {
    const { restorer, rows } = setUp();
    restorer.restore(device('dev-1', more));
    expect(rows.known[0]).toBe(1);
  });

  it('of which nothing is known has only been named', () => {
    const { restorer, rows } = setUp();
    restorer.restore(device('dev-1'));
    expect([rows.known[0], rows.lastSeen[0], rows.epoch[0]! > 0]).toEqual([0, 0n, true]);
  });

  it('is one as long where its owner dies meanwhile', () => {
    const { parts, restorer } = setUp();
    restorer.restore({ kind: 'vip', subscriber: 's' });
    parts.pass(1000);
    const next = parts.another();
    next.pass(TIMES.subscriberRemoveAfterMs - 10);
    expect(next.knows('s')).toBe(true);
    next.pass(10);
    expect(next.knows('s')).toBe(false);
  });

  it('finds no room', () => {
    const { restorer, registry } = setUp({ devices: 1 });
    restorer.restore(device('dev-1'));
    const message = (id: string): string => `no room for device "${id}" (DAT_MAX_DEVICES is 1)`;
    expect(restorer.restore(device('dev-2'))).toBe(message('dev-2'));
    expect(restorer.restore(pair('dev-2', 'deny'))).toBe(message('dev-2'));
    registry.setDeviceStatus = () => false;
    expect(restorer.restore(device('dev-1', { status: 'ok' }))).toBe(message('dev-1'));
  });
});

describe('a vip of a snapshot', () => {
  it('is one of operators, for as long as one that is lost may come back', () => {
    const { parts, restorer, registry } = setUp();
    expect(restorer.restore({ kind: 'vip', subscriber: 's' })).toBeUndefined();
    expect(registry.subscribers.rows.vip[0]).toBe(Vip.operator);
    parts.pass(TIMES.subscriberRemoveAfterMs - 10);
    expect(parts.knows('s')).toBe(true);
    parts.pass(10);
    expect(parts.knows('s')).toBe(false);
  });

  it('finds no room', () => {
    const { restorer } = setUp({ subscribers: 1 });
    restorer.restore({ kind: 'vip', subscriber: 's' });
    const message = 'no room for subscriber "other" (DAT_MAX_SUBSCRIBERS is 1)';
    expect(restorer.restore({ kind: 'vip', subscriber: 'other' })).toBe(message);
    expect(restorer.restore(pair('dev-1', 'deny', 'other'))).toBe(message);
  });
});

describe('a pair of a snapshot', () => {
  it.each(['allow', 'deny'] as const)('is what an operator set it to: %s', (access) => {
    const { parts, restorer, registry } = setUp();
    expect(restorer.restore(pair('dev-1', access))).toBeUndefined();
    expect(parts.status('dev-1', 's')).toBe(access);
    expect(registry.isGranted(parts.row('dev-1', 's'))).toBe(access === 'allow');
  });

  it.each([
    ['allow', 'deny'],
    ['deny', 'allow'],
    ['deny', 'deny'],
  ] as const)('that is there twice, as %s and as %s, is denied', (one, other) => {
    const { parts, restorer, registry } = setUp();
    restorer.restore(pair('dev-1', one));
    expect(restorer.restore(pair('dev-1', other))).toBeUndefined();
    expect([parts.status('dev-1', 's'), registry.isGranted(parts.row('dev-1', 's'))]).toEqual([
      'deny',
      false,
    ]);
  });

  it('holds on to its device', () => {
    const { parts, restorer } = setUp();
    restorer.restore(device('dev-1'));
    restorer.restore(pair('dev-1', 'allow'));
    expect(parts.deviceTimers.count).toBe(0);
  });

  it('finds no room', () => {
    const { restorer } = setUp({ subscriptions: 1 });
    restorer.restore(pair('dev-1', 'allow'));
    expect(restorer.restore(pair('dev-2', 'allow'))).toBe(
      'no room for the pair "dev-2" and "s" (DAT_MAX_SUBSCRIPTIONS is 1)',
    );
  });
});

it('the rules of a snapshot are in force', () => {
  const { parts, restorer } = setUp();
  restorer.setRules([{ device: 'dev-1', subscriber: '*', access: 'deny' }]);
  expect([parts.access.decide('dev-1', 's'), parts.access.decide('dev-2', 's')]).toEqual(['deny', 'allow']);
});

it('no other row is known', () => {
  const { restorer } = setUp();
  expect(() => restorer.restore({ kind: 'planet' } as never)).toThrow(
    'unknown snapshot row {"kind":"planet"}',
  );
});
