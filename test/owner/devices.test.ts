import { afterEach, describe, expect, it, vi } from 'vitest';
import { WILLS_BYTES_MIN } from '../../src/limits.ts';
import { NONE } from '../../src/presence/columns.ts';
import { DeviceState, stateReasonNames } from '../../src/presence/lifecycle.ts';
import type { Will } from '../../src/records/requests.ts';
import { EventType } from '../../src/wire/events.ts';
import { nameOfSession as name } from './noted-link.ts';
import { OwnerHarness } from './owner-harness.ts';
import { type Coming, OwnerParts, type PartsOptions } from './owner-parts.ts';

const STALE_MS = 60_000;
const GRACE_MS = 15_000;
const REMOVED_MS = 300_000;

afterEach(() => {
  vi.restoreAllMocks();
});

/**
 * A frame comes in while the owner finds the device stale. The edge stores when it heard it, then looks whether the
 * device is stale and tells the owner if so; each of the two happens at one of the owner's moments: 0 before its look
 * at the time, 1 after it, 2 after it stored stale, 3 after its second look.
 */
function heardWhileFoundStale(storesAt: number, looksAt: number) {
  const hub = new OwnerHarness({ subscriberInactiveAfterMs: 1e9, subscriberRemoveAfterMs: 1e9 });
  hub.ask(hub.connect('sub-1'), 'subscribe', ['dev-1']);
  const session = hub.connectDevice('dev-1');
  hub.received();
  hub.clock.nowMs += STALE_MS + 500;
  const slot = hub.reader.findDevice('dev-1');
  const { lastSeen, deviceState } = hub.reader.devices.rows;
  const { load, store } = Atomics;
  let moment = 0;
  let mustTell = false;
  const edge = (): void => {
    if (storesAt === moment) store(lastSeen, slot, BigInt(hub.clock.nowMs));
    if (looksAt === moment && load(deviceState, slot) === DeviceState.stale) mustTell = true;
  };
  const passed = (): void => {
    moment += 1;
    edge();
  };
  edge();
  const isOf = (cells: unknown, other: BigInt64Array | Uint8Array, index: unknown): boolean =>
    (cells as Uint8Array).buffer === other.buffer &&
    (cells as Uint8Array).byteOffset === other.byteOffset &&
    index === slot;
  vi.spyOn(Atomics, 'load').mockImplementation(((cells: Uint8Array, index: number) => {
    const value = load(cells, index);
    if (isOf(cells, lastSeen, index) && (moment === 0 || moment === 2)) passed();
    return value;
  }) as never);
  vi.spyOn(Atomics, 'store').mockImplementation(((cells: Uint8Array, index: number, value: number) => {
    store(cells, index, value);
    if (isOf(cells, deviceState, index) && value === DeviceState.stale && moment === 1) passed();
    return value;
  }) as never);
  hub.poll();
  vi.restoreAllMocks();
  // The owner did not come so far: it had seen the time, and let the device be.
  for (const at of [storesAt, looksAt]) {
    if (at <= moment) continue;
    if (at === storesAt) store(lastSeen, slot, BigInt(hub.clock.nowMs));
    if (at === looksAt && load(deviceState, slot) === DeviceState.stale) mustTell = true;
  }
  if (mustTell) hub.heard(session);
  const states = hub.received().filter(({ kind }) => kind === 'event').length;
  return { state: hub.reader.device(slot)?.state, states, moments: moment, hub };
}

describe('a device that is heard at the moment at which it is found stale', () => {
  const moments = [0, 1, 2, 3];
  it.each(
    moments.flatMap((stores) => moments.filter((looks) => looks >= stores).map((looks) => [stores, looks])),
  )('is online in the end: stored at %i, looked at %i', (stores, looks) => {
    const { state, states, hub } = heardWhileFoundStale(stores, looks);
    expect(state).toBe('online');
    expect(states % 2).toBe(0); // stale and online again, or nothing
    hub.pass(STALE_MS - 1000);
    expect(hub.reader.device(hub.reader.findDevice('dev-1'))?.state).toBe('online');
    hub.pass(2000);
    expect(hub.reader.device(hub.reader.findDevice('dev-1'))?.state).toBe('stale');
  });

  it('goes through all four moments when it is not heard at all', () => {
    const { state, states, moments: passed } = heardWhileFoundStale(9, 9);
    expect([state, states, passed]).toEqual(['online', 2, 3]);
  });
});

/** A device that is connected and that somebody follows; what was told so far is read. */
function followed(coming: Coming = {}, options: PartsOptions = {}) {
  const parts = new OwnerParts(options);
  const subscriber = parts.subscriber('s', { silenceMsMin: Number.POSITIVE_INFINITY });
  parts.ask(subscriber, 'subscribe', ['dev-1']);
  const session = parts.device('dev-1', coming);
  parts.told();
  const slot = parts.registry.deviceOf('dev-1');
  return { parts, subscriber, session, slot, rows: parts.registry.devices.rows };
}

/** What the hub says of the state of a device. */
const event = (seq: number, state: string, reason: string): string =>
  `event dev-1 ${seq} status ${JSON.stringify({ state, reason })}`;

const will = (session: number): Will => {
  const [payload, status] = [Buffer.from('gone'), 'lost'];
  return { session, type: EventType.message, payloadIsJson: false, delayMs: 1000, status, payload };
};

describe('a device that connects', () => {
  it('is let in, heard just now, and online for its followers', () => {
    const parts = new OwnerParts();
    parts.ask(parts.subscriber('s'), 'subscribe', ['dev-1']);
    parts.told();
    const session = parts.device('dev-1', { connectedAt: 77, interest: true, gateway: 'gw' });
    expect(parts.told()).toEqual([`joined ${name(session)} slot-0`, event(1, 'online', 'connected')]);
    const { rows } = parts.registry.devices;
    const { session: held, lastSeen, connectedAt, wantsInterest, known, stateReason } = rows;
    expect([held[0], lastSeen[0], connectedAt[0], wantsInterest[0]]).toEqual([session, 1_000_000n, 77, 1]);
    expect([known[0], stateReasonNames[stateReason[0]!]]).toEqual([1, 'connected']);
  });

  it('is refused where the table is full', () => {
    const parts = new OwnerParts({ capacity: { devices: 1 } });
    parts.device('dev-1');
    parts.told();
    const session = parts.device('dev-2', { edge: 1 });
    expect(parts.told()).toEqual([`close ${name(session)} 4100`]);
  });

  it('replaces an older connection of its edge, and nothing is broadcast for that', () => {
    const { parts, session, slot, rows } = followed({ interest: true });
    const next = parts.device('dev-1');
    expect(parts.told()).toEqual([`close ${name(session)} 4004`, `joined ${name(next)} slot-0`]);
    parts.devices.leave(session, true);
    expect([rows.session[slot], rows.wantsInterest[slot], parts.state('dev-1')]).toEqual([next, 0, 'online']);
    parts.pass(STALE_MS - 10);
    expect(parts.state('dev-1')).toBe('online');
  });

  it('waits for an older connection of its own edge, too, where that is still to be heard', () => {
    const { parts, session } = followed();
    const next = parts.join('device', 'dev-1');
    parts.devices.join(next, true);
    expect(parts.told()).toEqual([`release ${name(session)}`]);
    expect(parts.devices.sessionsOf(0)).toEqual([next.session, session]);
    parts.device('dev-1'); // and behind that one
    expect(parts.told()).toEqual([]);
    parts.devices.leave(session, false);
    expect(parts.told()).toEqual([
      `joined ${name(next.session)} slot-0`,
      `close ${name(next.session)} 4004`,
      'joined 4@0 slot-0',
    ]);
  });

  it('appears to filters once, before its first event', () => {
    const parts = new OwnerParts();
    const session = parts.subscriber('s');
    parts.ask(session, 'subscribe', ['dev-*']);
    parts.told();
    parts.device('dev-1');
    const page = [`page ${name(session)} dev-*`, 'dev-1=active'].join(' ');
    expect(parts.told().slice(1)).toEqual([
      page,
      `attach ${name(session)} dev-1 0`,
      event(1, 'online', 'connected'),
    ]);
    parts.device('dev-1');
    expect(parts.told().filter((line) => line.startsWith('page'))).toEqual([]);
  });

  it('wants to know whether anybody listens, or not', () => {
    const parts = new OwnerParts();
    const device = parts.device('dev-1', { interest: true });
    parts.device('dev-2');
    const session = parts.subscriber('s');
    parts.told();
    parts.ask(session, 'subscribe', ['dev-1', 'dev-2']);
    expect(parts.told().filter((line) => line.startsWith('interest'))).toEqual([`interest ${name(device)}`]);
    parts.devices.leave(device, true);
    parts.told();
    parts.ask(session, 'unsubscribe', ['dev-1']);
    expect(parts.told().filter((line) => line.startsWith('interest'))).toEqual([]);
  });
});

describe('a device that leaves', () => {
  it('with a goodbye is offline at once, and removed in time when nobody follows it', () => {
    const { parts, subscriber, session, slot, rows } = followed({ gateway: 'gw' });
    parts.devices.leave(session, true);
    expect(parts.told()).toEqual([event(2, 'offline', 'closed')]);
    expect([rows.session[slot], rows.gateway[slot], parts.devices.sessionsOf(0)]).toEqual([NONE, 0, []]);
    parts.pass(2 * REMOVED_MS);
    expect(parts.state('dev-1')).toBe('offline');
    parts.ask(subscriber, 'unsubscribe', ['dev-1']);
    parts.pass(REMOVED_MS - 10);
    expect(parts.state('dev-1')).toBe('offline');
    parts.pass(20);
    expect([parts.state('dev-1'), parts.deviceTimers.count]).toEqual(['free', 0]);
  });

  it('with a goodbye has its time before it is removed, though nobody follows it', () => {
    const parts = new OwnerParts();
    parts.devices.leave(parts.device('dev-1'), true);
    parts.pass(REMOVED_MS - 10);
    expect(parts.state('dev-1')).toBe('offline');
    parts.pass(10);
    expect(parts.state('dev-1')).toBe('free');
  });

  it('stays while somebody follows it, whatever timer ran out', () => {
    const { parts, session, slot } = followed();
    parts.devices.leave(session, true);
    parts.devices.timer(slot);
    expect(parts.state('dev-1')).toBe('offline');
  });

  it('without one is online until its grace is over', () => {
    const { parts, session } = followed();
    parts.devices.leave(session, false);
    parts.pass(GRACE_MS - 10);
    expect([parts.state('dev-1'), parts.told()]).toEqual(['online', []]);
    parts.pass(10);
    expect(parts.told()).toEqual([event(2, 'offline', 'lost')]);
  });

  it('is removed in time after its grace', () => {
    const parts = new OwnerParts();
    parts.devices.leave(parts.device('dev-1'), false);
    parts.pass(GRACE_MS + REMOVED_MS - 10);
    expect(parts.state('dev-1')).toBe('offline');
    parts.pass(20);
    expect(parts.state('dev-1')).toBe('free');
  });

  it('and is back within its grace has never been away', () => {
    const { parts, session } = followed();
    parts.devices.leave(session, false);
    parts.pass(GRACE_MS - 10);
    parts.device('dev-1');
    parts.pass(STALE_MS - 10);
    expect(parts.told()).toEqual(['joined 3@0 slot-0']);
  });

  it('says its will before it is offline, unless it said goodbye', () => {
    const { parts, session } = followed();
    parts.devices.will(will(session));
    parts.devices.leave(session, false);
    parts.pass(1000);
    expect(parts.told()).toEqual(['event dev-1 2 message lost gone', event(3, 'offline', 'lost')]);
    const next = parts.device('dev-1');
    parts.devices.will(will(next));
    parts.devices.leave(next, true);
    expect(parts.told().slice(1)).toEqual([event(4, 'online', 'connected'), event(5, 'offline', 'closed')]);
  });

  it('is closed where there is no room for its will: it has none', () => {
    const { parts, session } = followed();
    parts.devices.will({ ...will(session), payload: Buffer.alloc(WILLS_BYTES_MIN) });
    expect(parts.told()).toEqual([`close ${name(session)} 4100`]);
    parts.devices.leave(session, false);
    parts.pass(GRACE_MS);
    expect(parts.told()).toEqual([event(2, 'offline', 'lost')]);
  });

  it('has no will of one that is not connected', () => {
    const { parts, session } = followed();
    const next = parts.device('dev-1');
    parts.devices.will(will(session));
    parts.devices.leave(next, false);
    parts.pass(GRACE_MS);
    expect(parts.told().slice(2)).toEqual([event(2, 'offline', 'lost')]);
  });

  it('has no will that was told before it came', () => {
    const { parts, session } = followed();
    parts.devices.leave(session, true);
    const join = parts.join('device', 'dev-1');
    parts.devices.will(will(join.session));
    parts.devices.join(join);
    parts.told();
    parts.devices.leave(join.session, false);
    parts.pass(GRACE_MS);
    expect(parts.told()).toEqual([event(4, 'offline', 'lost')]);
  });

  it('is told so where it waits for it', () => {
    const { parts, session } = followed();
    parts.devices.leave(session, true, true);
    expect(parts.told()).toEqual([event(2, 'offline', 'closed'), `left ${name(session)}`]);
    parts.devices.leave(session, true, false);
    expect(parts.told()).toEqual([]);
  });

  it('takes what only filters followed of it, and tells so', () => {
    const parts = new OwnerParts();
    const session = parts.subscriber('s', { silenceMsMin: Number.POSITIVE_INFINITY });
    parts.ask(session, 'subscribe', ['dev-*']);
    parts.devices.leave(parts.device('dev-1'), true);
    parts.told();
    parts.pass(REMOVED_MS + 10);
    expect(parts.told().at(-1)).toBe(`notice ${name(session)} gone dev-1=none`);
    expect([parts.state('dev-1'), parts.status('dev-1', 's')]).toEqual(['free', 'none']);
  });

  it('has no more than a moment where nobody but a subscriber has named it', () => {
    const parts = new OwnerParts();
    const session = parts.subscriber('s');
    parts.ask(session, 'subscribe', ['dev-1']);
    parts.pass(1000);
    expect(parts.state('dev-1')).toBe('offline');
    parts.ask(session, 'unsubscribe', ['dev-1']);
    parts.pass(10);
    expect(parts.state('dev-1')).toBe('free');
  });
});

describe('a device that is not heard', () => {
  it('is stale after its time, and online again when it is heard', () => {
    const { parts, session } = followed();
    parts.pass(STALE_MS - 10);
    expect([parts.state('dev-1'), parts.told()]).toEqual(['online', []]);
    parts.pass(10);
    expect(parts.told()).toEqual([event(2, 'stale', 'silent')]);
    parts.pass(5000);
    parts.heard(session);
    parts.devices.heard(session);
    expect(parts.told()).toEqual([event(3, 'online', 'heard')]);
    parts.pass(STALE_MS - 10);
    expect(parts.told()).toEqual([]);
    parts.pass(10);
    expect(parts.told()).toEqual([event(4, 'stale', 'silent')]);
  });

  it('is not stale where its edge has heard it meanwhile', () => {
    const { parts, session } = followed();
    parts.pass(50_000);
    parts.heard(session);
    parts.pass(STALE_MS - 10);
    expect(parts.state('dev-1')).toBe('online');
    parts.pass(10);
    expect(parts.state('dev-1')).toBe('stale');
  });

  it('may be silent for as long as its protocol says, and is looked at again', () => {
    const { parts } = followed({ silenceMsMin: 90_000 });
    parts.pass(89_990);
    expect(parts.state('dev-1')).toBe('online');
    parts.pass(10);
    expect(parts.state('dev-1')).toBe('stale');
    const endless = followed({ silenceMsMin: Number.POSITIVE_INFINITY });
    endless.parts.pass(3 * STALE_MS);
    expect(endless.parts.state('dev-1')).toBe('online');
    expect(endless.parts.deviceTimers.dueMs(endless.slot)).toBe(endless.parts.clock.nowMs + STALE_MS);
  });

  it('is stale and online again where it is heard at that moment, and says why', () => {
    const { parts, session } = followed();
    const { deviceState } = parts.registry.devices.rows;
    parts.clock.advance(STALE_MS);
    const { store } = Atomics;
    vi.spyOn(Atomics, 'store').mockImplementation(((cells: Uint8Array, index: number, value: number) => {
      const stored = store(cells, index, value);
      if ((cells as unknown) === deviceState && value === DeviceState.stale) parts.heard(session);
      return stored;
    }) as never);
    parts.pass(0);
    vi.restoreAllMocks();
    expect(parts.told()).toEqual([event(2, 'stale', 'silent'), event(3, 'online', 'heard')]);
  });

  it('is not heard once it has been replaced', () => {
    const { parts, session } = followed();
    parts.device('dev-1');
    parts.pass(STALE_MS);
    parts.devices.heard(session);
    expect(parts.state('dev-1')).toBe('stale');
  });
});

describe('a hub that stood still', () => {
  /** Time goes by while the thread of the first edge runs; the other one has never run. */
  function run(parts: OwnerParts, ms: number): void {
    for (let passed = 0; passed < ms; passed += 500) {
      parts.pass(500);
      parts.hearts[0]!.beat();
    }
  }

  const stall = (parts: OwnerParts, ms = 10_000): void => {
    parts.clock.advance(ms);
    parts.hearts[0]!.beat();
  };

  it('gives a device its whole grace again', () => {
    const parts = new OwnerParts();
    const session = parts.device('dev-1');
    run(parts, 1000);
    parts.devices.leave(session, false);
    stall(parts);
    run(parts, GRACE_MS - 500);
    parts.pass(490);
    expect(parts.state('dev-1')).toBe('online');
    parts.pass(10);
    expect(parts.state('dev-1')).toBe('offline');
  });

  it('gives a device that was about to be removed the grace to come back', () => {
    const parts = new OwnerParts();
    const session = parts.device('dev-1');
    run(parts, 1000);
    parts.devices.leave(session, true);
    run(parts, REMOVED_MS - 1000);
    stall(parts);
    run(parts, GRACE_MS - 500);
    expect(parts.state('dev-1')).toBe('offline');
    run(parts, 1000);
    expect(parts.state('dev-1')).toBe('free');
  });

  it('removes an offline device in its time, though a thread has stalled now and then', () => {
    const parts = new OwnerParts();
    const session = parts.device('dev-1');
    run(parts, 1000);
    parts.devices.leave(session, true);
    for (let left = REMOVED_MS; left > GRACE_MS; left -= GRACE_MS) {
      stall(parts, 1000);
      run(parts, GRACE_MS - 1000);
    }
    run(parts, GRACE_MS + 500);
    expect(parts.state('dev-1')).toBe('free');
  });

  it('gives nothing to a device that left long after that', () => {
    const parts = new OwnerParts();
    const session = parts.device('dev-1', { silenceMsMin: Number.POSITIVE_INFINITY });
    run(parts, 1000);
    parts.clock.advance(10_000);
    run(parts, 2 * GRACE_MS);
    parts.devices.leave(session, false);
    run(parts, GRACE_MS);
    expect(parts.state('dev-1')).toBe('offline');
  });
});
