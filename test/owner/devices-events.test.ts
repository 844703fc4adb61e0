/** Where the events of devices go, and which are numbered: `devices.ts`. */
import { describe, expect, it } from 'vitest';
import type { DeviceHomes } from '../../src/owner/device-homes.ts';
import { Numbering } from '../../src/presence/columns.ts';
import { EventType, Priority } from '../../src/wire/events.ts';
import { nameOfSession as name } from './noted-link.ts';
import { OwnerParts, type PartsOptions } from './owner-parts.ts';

/** A device that is connected and that somebody on each edge named follows; what was told so far is read. */
function followed(edges: readonly number[] = [0], options: PartsOptions = {}) {
  const parts = new OwnerParts(options);
  const session = parts.device('dev-1');
  const subscribers = edges.map((edge) => {
    const subscriber = parts.subscriber(`s-${edge}`, { edge });
    parts.ask(subscriber, 'subscribe', ['dev-1']);
    return subscriber;
  });
  parts.told();
  const slot = parts.registry.deviceOf('dev-1');
  return { parts, session, slot, subscribers, rows: parts.registry.devices.rows };
}

const published = { type: EventType.message, priority: Priority.normal, at: 1 };
const payload = Buffer.from('5');

describe('an event of a connected device', () => {
  it('is numbered and goes to each edge on which somebody follows it', () => {
    const { parts, session, slot, subscribers, rows } = followed([0, 1]);
    parts.say(session, { payload: 'a' });
    parts.say(session, { payload: 'b', slot });
    const [a, b] = ['event dev-1 1 message a', 'event dev-1 2 message b'];
    expect(parts.told()).toEqual([a, a, b, b]);
    expect([rows.seq[slot], parts.count('skipped')]).toEqual([2, 0]);
    parts.ask(subscribers[0]!, 'subscribe', ['dev-2']);
    const other = parts.device('dev-2');
    parts.told();
    parts.say(other, { payload: 'c' });
    expect(parts.told()).toEqual(['event dev-2 2 message c']);
  });

  it('does not go to an edge on which nobody follows it', () => {
    const { parts, session } = followed([1]);
    parts.links[1]!.isFull = true;
    parts.say(session);
    expect([parts.told(), parts.count('droppedFanoutFull')]).toEqual([[], 1]);
    parts.links[1]!.isFull = false;
    parts.say(session);
    expect(parts.told()).toEqual(['event dev-1 2 message 1']);
  });

  it('is acknowledged with its number where it asks for that', () => {
    const { parts, session } = followed();
    parts.say(session, { payload: 'ab', status: 'ok', ack: '"x"' });
    expect(parts.told()).toEqual(['event dev-1 1 message ok ab', `ack ${name(session)} "x" 1`]);
    expect(parts.count('unheard')).toBe(0);
  });

  it('is skipped where nobody follows the device: counted, and unheard unless it asked', () => {
    const { parts, session, subscribers, rows } = followed();
    parts.say(session);
    parts.ask(subscribers[0]!, 'pause');
    parts.told();
    parts.say(session, { ack: '7' });
    expect([parts.told(), rows.seq[0]]).toEqual([[`ack ${name(session)} 7 1 skipped`], 1]);
    expect([parts.count('skipped'), parts.count('unheard')]).toEqual([1, 0]);
    parts.say(session);
    expect([parts.count('skipped'), parts.count('unheard')]).toEqual([2, 1]);
  });

  it('takes a number while somebody is to see that it missed it', () => {
    const { parts, session, subscribers, rows } = followed();
    parts.subscribers.leave(subscribers[0]!);
    parts.say(session);
    expect([rows.seq[0], parts.count('skipped')]).toEqual([1, 1]);
  });

  it('takes a number where it is kept, though nobody listens', () => {
    const { parts, session, rows } = followed([], { historyBytes: 1024 * 1024 });
    expect(rows.seq[0]).toBe(1); // that it is online
    parts.say(session);
    parts.say(session, { type: EventType.pong });
    expect(rows.seq[0]).toBe(2);
    expect(rows.keptSeq[0]).toBe(2);
  });

  it('is dropped once its device has been replaced or terminated', () => {
    const { parts, session, slot } = followed();
    const next = parts.device('dev-1');
    parts.told();
    parts.say(session);
    parts.say(session, { slot });
    expect([parts.told(), parts.count('droppedReplaced')]).toEqual([[], 2]);
    parts.devices.leave(next, true);
    parts.told();
    parts.say(next);
    parts.say(next, { slot });
    expect([parts.told(), parts.count('droppedReplaced')]).toEqual([[], 4]);
  });

  it('sets the status that its device tells of itself', () => {
    const { parts, session, slot } = followed();
    parts.say(session, { status: 'idle' });
    parts.say(session, { status: '' });
    expect(parts.registry.deviceStatus(slot)).toBe('idle');
    expect(parts.count('refusedTexts')).toBe(0);
    parts.registry.setDeviceStatus = () => false;
    parts.say(session);
    expect(parts.count('refusedTexts')).toBe(0);
    parts.say(session, { status: 'busy' });
    expect(parts.count('refusedTexts')).toBe(1);
  });

  it('waits with its session for an older connection, and is refused where too much waits', () => {
    const { parts, session } = followed();
    const next = parts.device('dev-1', { edge: 1 });
    parts.told();
    parts.say(next, { payload: 'later' });
    parts.say(next, { payload: 'x'.repeat(4 * 1024 * 1024) });
    expect([parts.told(), parts.count('droppedIngestFull'), parts.count('droppedReplaced')]).toEqual([
      [],
      1,
      0,
    ]);
    parts.devices.leave(session, false);
    expect(parts.told()).toEqual([`joined ${name(next)} slot-0`, 'event dev-1 1 message later']);
  });
});

describe('an event that is published for a device', () => {
  it('makes it known to filters, tells its status, and says whether somebody listens', () => {
    const parts = new OwnerParts();
    const session = parts.subscriber('s');
    parts.ask(session, 'subscribe', ['dev-*']);
    const slot = parts.registry.ensureDeviceOf('dev-1');
    parts.told();
    expect(parts.devices.publish(slot, { ...published, payload, deviceStatus: 'läuft' })).toBe(true);
    expect(parts.told().slice(-1)).toEqual(['event dev-1 1 message läuft 5']);
    expect(parts.registry.devices.rows.known[slot]).toBe(1);
    parts.ask(session, 'pause');
    expect(parts.devices.publish(slot, { ...published, payload, deviceStatus: '' })).toBe(false);
  });
});

/** Notes what a cluster is asked. */
function homesOf(parts: OwnerParts, isSettled: boolean): DeviceHomes {
  const id = (slot: number): string => parts.registry.deviceId(slot);
  const note = (line: string): boolean => parts.lines.push(line) > 0;
  return {
    connected: (slot) => note(`connected ${id(slot)}`) && isSettled,
    disconnected: (slot, clean) => note(`disconnected ${id(slot)} ${clean}`) && isSettled,
    holds: () => false,
    hold: (slot) => void note(`hold ${id(slot)}`),
    claim: (slot) => note(`claim ${id(slot)}`) && isSettled,
    terminated: (slot) => void note(`terminated ${id(slot)}`),
    timer: (slot) => void note(`timer ${id(slot)}`),
    unwatched: (slot) => void note(`unwatched ${id(slot)}`),
  };
}

describe('a device of a cluster', () => {
  it('is online once it is settled who numbers its events', () => {
    const parts = new OwnerParts();
    parts.devices.homes = homesOf(parts, false);
    const session = parts.device('dev-1');
    parts.devices.leave(session, true);
    expect(parts.told()).toEqual([
      `joined ${name(session)} slot-0`,
      'connected dev-1',
      'disconnected dev-1 true',
    ]);
    expect([parts.state('dev-1'), parts.deviceTimers.count]).toEqual(['offline', 0]);
    parts.devices.settle(0);
    expect([parts.state('dev-1'), parts.deviceTimers.count]).toEqual(['online', 1]);
  });

  it('is as any other where that is settled at once', () => {
    const { parts, session } = followed();
    parts.devices.homes = homesOf(parts, true);
    const next = parts.device('dev-1');
    parts.devices.leave(next, true);
    expect(parts.told()).toEqual([
      `close ${name(session)} 4004`,
      `joined ${name(next)} slot-0`,
      'connected dev-1',
      'disconnected dev-1 true',
      'event dev-1 1 status {"state":"offline","reason":"closed"}',
    ]);
  });

  it('has its events held while that is claimed', () => {
    const { parts, session, rows } = followed();
    parts.devices.homes = homesOf(parts, true);
    rows.home[0] = Numbering.claimed;
    parts.say(session);
    expect(parts.told()).toEqual(['hold dev-1']);
    rows.home[0] = Numbering.here;
    parts.devices.homes = { ...homesOf(parts, true), holds: (slot) => slot === 0 };
    parts.say(session); // what was held is not numbered yet
    expect(parts.told()).toEqual(['hold dev-1']);
    parts.devices.homes = homesOf(parts, true);
    parts.say(session);
    expect(parts.told()).toEqual(['event dev-1 1 message 1']);
  });

  it('is published for where its home is, or can be', () => {
    const { parts } = followed();
    parts.devices.homes = homesOf(parts, false);
    expect(parts.devices.publish(0, { ...published, payload, deviceStatus: '' })).toBeUndefined();
    expect(parts.told()).toEqual(['claim dev-1']);
    parts.devices.homes = homesOf(parts, true);
    expect(parts.devices.publish(0, { ...published, payload, deviceStatus: '' })).toBe(true);
  });

  it('with its home elsewhere is looked after there', () => {
    const { parts, session, rows } = followed();
    parts.devices.homes = homesOf(parts, true);
    parts.pass(60_000);
    expect(parts.state('dev-1')).toBe('stale');
    parts.told();
    rows.home[0] = Numbering.elsewhere;
    parts.devices.heard(session);
    parts.devices.timer(0);
    parts.devices.unwatched(0);
    expect([parts.state('dev-1'), parts.told()]).toEqual(['stale', ['timer dev-1', 'unwatched dev-1']]);
  });

  it('with its home elsewhere needs nobody who looks after it', () => {
    const { parts, session, rows } = followed();
    rows.home[0] = Numbering.elsewhere;
    parts.devices.timer(0);
    parts.devices.unwatched(0);
    rows.home[0] = Numbering.claimed;
    parts.say(session);
    expect(parts.told()).toEqual([]);
  });
});
