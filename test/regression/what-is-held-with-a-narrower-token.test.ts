/**
 * A subscriber comes back with `hold` and a token that covers less than the one before. What it still holds and may not
 * follow any more used to be delivered once a filter that is wider than the token came to match it, or once it expired.
 */
import { describe, expect, it } from 'vitest';
import { ringBytesFor } from '../../src/memory/ring.ts';
import { typeBits } from '../../src/wire/events.ts';
import { ClusterOwner } from '../owner/cluster/cluster-owner.ts';
import { nameOfSession as name } from '../owner/noted-link.ts';
import { OwnerParts } from '../owner/owner-parts.ts';

/** A subscriber that followed these with a token for all devices, came back with one for `a-*`, and holds them. */
function holder(...follows: readonly string[]) {
  const parts = new OwnerParts();
  const before = parts.subscriber('s');
  parts.device('a-1');
  parts.device('b-1');
  parts.ask(before, 'subscribe', follows);
  parts.subscribers.leave(before);
  parts.step();
  const session = parts.subscriber('s', { hold: true, covers: ['a-*'] });
  parts.told();
  return { parts, session };
}

/** The subscriber is there all the while, and what it holds expires. */
function expire(parts: OwnerParts, session: number): void {
  for (let seconds = 0; seconds <= 300; seconds += 50) {
    parts.heard(session);
    parts.pass(50_000);
  }
}

describe('what a subscriber holds that its token does not cover any more', () => {
  it('is not delivered by a filter that comes to match it', () => {
    const { parts, session } = holder('b-2');
    parts.ask(session, 'subscribe', ['*']);
    parts.told();
    parts.device('b-2');
    expect(parts.told().filter((line) => line.includes(name(session)))).toEqual([]);
    expect(parts.status('b-2', 's')).toBe('disconnected');
  });

  it.each([
    ['the same filter', ['*'], '*'],
    ['another filter', ['b-*', '*'], '*'],
    ['a filter, having been followed by its id', ['b-1'], '*'],
  ])('is not delivered by %s when it expires', (_by, before, filter) => {
    const { parts, session } = holder(...before);
    parts.ask(session, 'subscribe', [filter]);
    expire(parts, session);
    expect(parts.told().filter((line) => line.startsWith(`attach ${name(session)} b-`))).toEqual([]);
    expect(parts.status('b-1', 's')).toBe('none');
  });
});

/**
 * A subscriber of `b-1`, by its id and by a filter, whose connection is taken over by one with a token for `a-*`: all of
 * its rows still count as active, and the new connection has read one page of what is resumed.
 */
function successor(coming: object = {}) {
  const parts = new OwnerParts({ pageBytes: 1 });
  const before = parts.subscriber('s');
  for (const device of ['b-1', 'a-1', 'a-2']) parts.device(device);
  for (const device of ['b-1', 'a-1', 'a-2']) parts.ask(before, 'subscribe', [device], typeBits.status);
  parts.ask(before, 'subscribe', ['*'], typeBits.message);
  parts.keepBusy(before);
  const session = parts.subscriber('s', { covers: ['a-*'], ...coming });
  expect(parts.status('b-1', 's')).toBe('active');
  return { parts, session };
}

describe('what a connection was taken over with that the new token does not cover', () => {
  it('is not delivered when a filter is left that followed it too', () => {
    const { parts, session } = successor();
    parts.ask(session, 'unsubscribe', ['*']);
    expect(parts.told().filter((line) => line.startsWith(`attach ${name(session)} b-`))).toEqual([]);
  });

  it('is not delivered by another owner, which takes it away', () => {
    const { parts, session } = successor();
    const next = parts.another();
    const join = next.join('subscriber', 's', { session, again: true, covers: ['a-*'] });
    next.subscribers.rejoin(join);
    for (let pages = 0; pages < 3; pages++) {
      next.step();
      next.subscribers.more(session, 0);
    }
    expect(next.told().filter((line) => line.startsWith(`attach ${name(session)} b-`))).toEqual([]);
    expect(next.status('b-1', 's')).toBe('none');
  });

  it('is not delivered when a home elsewhere tells of it', () => {
    const capacity = { devices: 1500, subscribers: 10, subscriptions: 2000 };
    const hub = new ClusterOwner({
      capacity,
      maxSubscriptionsPerSubscriber: 2000,
      ringBytes: ringBytesFor(2 ** 22),
    });
    const before = hub.subscriber('ann');
    hub.ask(before, 'subscribe', ['b-1']);
    hub.joined('b-1');
    // More than what is worked off as a connection ends, and as the next begins.
    const ids = Array.from({ length: 1100 }, (_, n) => `a-${n}`);
    for (const id of ids) hub.home(id);
    hub.ask(before, 'subscribe', ids.slice(0, 1000));
    hub.ask(before, 'subscribe', ids.slice(1000));
    hub.hush();
    hub.connectSubscriber('ann', 0, { devices: ['a-*'] });
    hub.hush();
    hub.remote('b-1', { seq: 9 });
    expect(hub.got()).toEqual(['gap b-1 6-9 cluster']);
  });
});
