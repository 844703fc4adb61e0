/** Devices that are terminated, another node's, or whose owner has died: `devices.ts`. */
import { describe, expect, it } from 'vitest';
import { closes } from '../../src/codes.ts';
import { NONE } from '../../src/presence/columns.ts';
import { DeviceState } from '../../src/presence/lifecycle.ts';
import { type Join, NO_WILL } from '../../src/records/requests.ts';
import { EventType } from '../../src/wire/events.ts';
import { nameOfSession as name } from './noted-link.ts';
import { type Coming, OwnerParts } from './owner-parts.ts';

const STALE_MS = 60_000;
const GRACE_MS = 15_000;
const REMOVED_MS = 300_000;

function connected(coming: Coming = {}) {
  const parts = new OwnerParts();
  const session = parts.device('dev-1', coming);
  parts.told();
  return { parts, session, rows: parts.registry.devices.rows };
}

describe('a device that is terminated', () => {
  it('is closed and free', () => {
    const { parts, session } = connected();
    parts.devices.terminate(0);
    expect(parts.told()).toEqual([`close ${name(session)} 4009`]);
    expect([parts.state('dev-1'), parts.deviceTimers.count, parts.devices.sessionsOf(0)]).toEqual([
      'free',
      0,
      [],
    ]);
  });

  it('is free where it was not connected', () => {
    const { parts, session } = connected();
    parts.devices.leave(session, true);
    parts.devices.terminate(0);
    expect([parts.told(), parts.state('dev-1'), parts.deviceTimers.count]).toEqual([[], 'free', 0]);
  });

  it('takes those with it that wait for it to leave', () => {
    const { parts, session } = connected();
    const [next, gone] = [parts.device('dev-1', { edge: 1 }), parts.device('dev-1', { edge: 1 })];
    parts.devices.leave(gone, true, true);
    parts.told();
    parts.devices.terminate(0);
    expect(parts.told()).toEqual([
      `close ${name(session)} 4009`,
      `close ${name(next)} 4009`,
      `close ${name(gone)} 4009`,
      `left ${name(gone)}`,
    ]);
    expect(parts.devices.sessionsOf(1)).toEqual([]);
  });

  it('leaves no will to the next device in its slot, nor does one that waited for it', () => {
    const { parts, session } = connected();
    const next = parts.device('dev-1', { edge: 1 });
    for (const owner of [session, next])
      parts.devices.will({ ...NO_WILL, session: owner, type: EventType.message, delayMs: 1000 });
    parts.devices.terminate(0);
    const other = parts.device('dev-2');
    expect(parts.registry.deviceOf('dev-2')).toBe(0);
    parts.devices.leave(other, false);
    parts.pass(1010);
    expect(parts.state('dev-2')).toBe('online');
    const again = parts.join('device', 'dev-3');
    parts.devices.join({ ...again, session: next });
    parts.devices.leave(next, false);
    parts.pass(1010);
    expect(parts.state('dev-3')).toBe('online');
  });

  it('leaves no will to another owner', () => {
    const { parts, session } = connected();
    parts.devices.will({ ...NO_WILL, session, type: EventType.message });
    parts.notes.flush();
    expect([...parts.estate.wills.keys()]).toEqual(['dev-1']);
    parts.devices.terminate(0);
    parts.notes.flush();
    expect(parts.estate.wills.size).toBe(0);
  });

  it('is gone for the cluster, too', () => {
    const { parts, session } = connected();
    const terminated = (slot: number): void => void parts.lines.push(`terminated ${slot}`);
    parts.devices.homes = { terminated } as unknown as typeof parts.devices.homes;
    parts.devices.terminate(0);
    expect(parts.told()).toEqual([`close ${name(session)} 4009`, 'terminated 0']);
  });
});

it('a device that connected before the one that has its row is replaced by that', () => {
  const { parts, session } = connected({ ticket: 2 });
  const older = parts.device('dev-1', { ticket: 1, edge: 1 });
  expect(parts.told()).toEqual([`close ${name(older)} 4004`]);
  expect([parts.devices.sessionsOf(0), parts.devices.sessionsOf(1)]).toEqual([[session], []]);
});

describe('a device that is another node’s now', () => {
  it('loses its connection, and nothing is broadcast', () => {
    const { parts, session, rows } = connected({ gateway: 'gw' });
    parts.ask(parts.subscriber('s'), 'subscribe', ['dev-1']);
    parts.told();
    parts.devices.surrender(0, closes.replaced);
    expect([parts.told(), rows.gateway[0]]).toEqual([[`close ${name(session)} 4004`], 0]);
    expect([rows.session[0], parts.state('dev-1'), parts.deviceTimers.count]).toEqual([NONE, 'online', 0]);
    expect(parts.devices.sessionsOf(0)).toEqual([]);
  });

  it('has nothing to lose where it was not connected', () => {
    const { parts, session } = connected();
    parts.devices.leave(session, true);
    parts.devices.surrender(0, closes.replaced);
    expect([parts.told(), parts.deviceTimers.count]).toEqual([[], 0]);
  });
});

it('the sessions of an edge are those that are in and those that wait', () => {
  const parts = new OwnerParts();
  const [one, other] = [parts.device('dev-1'), parts.device('dev-2', { edge: 1 })];
  const waiting = parts.device('dev-1', { edge: 1 });
  expect(parts.devices.sessionsOf(0)).toEqual([one]);
  expect(parts.devices.sessionsOf(1)).toEqual([waiting, other]);
});

/** A device whose owner dies after so long. */
function takenOver(coming: Coming = {}, before: (parts: OwnerParts, session: number) => void = () => {}) {
  const first = new OwnerParts();
  const join = first.join('device', 'dev-1', coming);
  first.devices.join(join);
  before(first, join.session);
  const parts = first.another();
  const rejoin = (change: Partial<Join> = {}): void => parts.devices.rejoin({ ...join, ...change });
  return { parts, first, join, rejoin, session: name(join.session), rows: parts.registry.devices.rows };
}

describe('a device whose owner has died', () => {
  it('is what it was where its edge still holds it', () => {
    const { parts, rejoin } = takenOver({}, (first) => first.pass(20_000));
    expect(parts.devices.unconfirmedOf(0)).toEqual([64]);
    expect(parts.deviceTimers.dueMs(0)).toBe(parts.clock.nowMs + STALE_MS - 20_000);
    rejoin({ again: true });
    expect([parts.told(), parts.devices.unconfirmedOf(0), parts.state('dev-1')]).toEqual([[], [], 'online']);
    parts.pass(STALE_MS - 20_010);
    expect(parts.state('dev-1')).toBe('online');
    parts.pass(10);
    expect(parts.state('dev-1')).toBe('stale');
  });

  it('may be as silent as its protocol says', () => {
    const { parts, rejoin } = takenOver({ silenceMsMin: 90_000 });
    rejoin({ again: true });
    parts.pass(89_990);
    expect(parts.state('dev-1')).toBe('online');
    parts.pass(10);
    expect(parts.state('dev-1')).toBe('stale');
  });

  it('is let in where nobody has told it yet', () => {
    const { parts, rejoin, session, first } = takenOver({ gateway: 'gw' }, (before) => {
      before.registry.setDeviceState(0, DeviceState.offline);
      before.registry.setGateway(0, '');
      before.registry.devices.rows.known[0] = 0;
    });
    expect(first.state('dev-1')).toBe('offline');
    parts.ask(parts.subscriber('s'), 'subscribe', ['dev-*', 'dev-1']);
    parts.told();
    rejoin();
    expect(parts.told()).toEqual([
      `joined ${session} slot-0`,
      'page 2@0 dev-* dev-1=active',
      'attach 2@0 dev-1 0',
      'event dev-1 1 status {"state":"online","reason":"connected"}',
    ]);
    expect(parts.registry.devices.rows.gateway[0]).not.toBe(0);
    rejoin();
    expect(parts.told()).toEqual([]);
    parts.pass(STALE_MS - 10);
    expect(parts.state('dev-1')).toBe('online');
  });

  it('joins where nobody has heard of it, once the older connection of its edge is through', () => {
    const { parts, session } = takenOver();
    const next = parts.join('device', 'dev-1');
    parts.devices.rejoin(next);
    expect(parts.told()).toEqual([`release ${session}`]);
    parts.devices.rejoin(next);
    expect(parts.devices.sessionsOf(0)).toEqual([next.session, 64]);
    parts.devices.leave(64, false);
    expect(parts.told()).toEqual([`joined ${name(next.session)} slot-0`]);
  });

  it('had been replaced or terminated: its edge is to close it', () => {
    const { parts } = takenOver();
    const old = parts.join('device', 'dev-1', { again: true, edge: 1 });
    parts.devices.rejoin(old);
    expect(parts.told()).toEqual([`close ${name(old.session)} 4004`]);
    parts.devices.leave(64, true);
    parts.devices.rejoin(old);
    const unknown = parts.join('device', 'unknown', { again: true });
    parts.devices.rejoin(unknown);
    expect(parts.told()).toEqual([`close ${name(old.session)} 4009`, `close ${name(unknown.session)} 4009`]);
  });

  it('has its whole grace again where it is lost', () => {
    const { parts } = takenOver({}, (first, session) => {
      first.devices.leave(session, false);
      first.pass(10_000);
    });
    parts.pass(GRACE_MS - 10);
    expect(parts.state('dev-1')).toBe('online');
    parts.pass(10);
    expect(parts.state('dev-1')).toBe('offline');
  });

  it('is removed in time where it is offline and nobody follows it', () => {
    const { parts } = takenOver({}, (first, session) => first.devices.leave(session, true));
    parts.pass(REMOVED_MS - 10);
    expect(parts.state('dev-1')).toBe('offline');
    parts.pass(20);
    expect(parts.state('dev-1')).toBe('free');
  });

  it('is the only one that its edge is to name, though the table is full', () => {
    const first = new OwnerParts({ capacity: { devices: 1 } });
    const session = first.device('dev-1');
    const parts = first.another();
    expect([parts.devices.unconfirmedOf(0), parts.deviceTimers.count]).toEqual([[session], 1]);
  });

  it('has no timer once its row is free', () => {
    const { parts } = takenOver({}, (first) => {
      first.device('dev-2');
      first.device('dev-3');
      first.devices.terminate(1);
    });
    expect(parts.deviceTimers.count).toBe(2);
  });
});
