/**
 * An owner that died while a subscriber's rows were becoming active again, page by page, left the rest inactive for good:
 * the filter, or the subscriber, was active already, and nobody would ask again.
 */
import { describe, expect, it } from 'vitest';
import { DEVICES_PER_PAGE } from '../../src/limits.ts';
import { SLICE_SLOTS } from '../../src/owner/filter-jobs.ts';
import { OwnerHarness } from '../owner/owner-harness.ts';

const MANY = SLICE_SLOTS + 1;
const INACTIVE_MS = 60_000;

/** A subscriber that follows so many devices, by a filter or each by its id. */
function follower(by: 'filter' | 'id', many = MANY) {
  const hub = new OwnerHarness({ capacity: { devices: many, subscribers: 4, subscriptions: many } });
  const ids = Array.from({ length: many }, (_, n) => `dev-${n}`);
  for (const id of ids) hub.connectDevice(id);
  const session = hub.connect('s');
  if (by === 'filter') hub.ask(session, 'subscribe', ['dev-*']);
  else for (let at = 0; at < many; at += 1000) hub.ask(session, 'subscribe', ids.slice(at, at + 1000));
  const read = (): void => {
    for (let n = 0; n < 100; n++) {
      hub.poll();
      hub.more(session);
      hub.readPages(session);
    }
  };
  read();
  expect(hub.followed('s')).toBe(many);
  return { hub, session, read };
}

describe('another owner goes on with what made a subscriber active again:', () => {
  it.each(['filter', 'id'] as const)('its activity after a silence (it follows by %s)', (by) => {
    const { hub, session, read } = follower(by);
    hub.pass(INACTIVE_MS + 1000);
    read();
    expect(hub.followed('s')).toBe(0);
    const { lastSeen } = hub.reader.subscribers.rows; // which the edge stores before it says so
    Atomics.store(lastSeen, hub.reader.findSubscriber('s'), BigInt(hub.clock.nowMs));
    hub.heard(session);
    hub.poll();
    expect(hub.followed('s')).toBeLessThan(MANY);
    hub.replaceOwner();
    read();
    expect(hub.followed('s')).toBe(MANY);
  });

  it('its resume of a filter, which was answered', () => {
    const { hub, session, read } = follower('filter');
    hub.ask(session, 'pause', ['dev-*']);
    read();
    expect(hub.followed('s')).toBe(0);
    hub.ask(session, 'resume', ['dev-*']);
    expect(hub.followed('s')).toBeLessThan(MANY);
    hub.replaceOwner();
    read();
    expect(hub.followed('s')).toBe(MANY);
  });

  it('its resume of all, which was answered', () => {
    const { hub, session, read } = follower('filter');
    hub.ask(session, 'pause');
    read();
    expect(hub.followed('s')).toBe(0);
    hub.ask(session, 'resume');
    expect(hub.followed('s')).toBeLessThan(MANY);
    hub.replaceOwner();
    read();
    expect(hub.followed('s')).toBe(MANY);
  });

  it.each([MANY, DEVICES_PER_PAGE + 1])(
    'its subscribe to a filter that was paused, which was answered (%s devices)',
    (many) => {
      const { hub, session, read } = follower('filter', many);
      hub.ask(session, 'pause', ['dev-*']);
      read();
      hub.ask(session, 'subscribe', ['dev-*']);
      expect(hub.followed('s')).toBeLessThan(many);
      hub.replaceOwner();
      read();
      expect(hub.followed('s')).toBe(many);
    },
  );
});

describe('a filter that was resumed follows all that it followed', () => {
  it.each(['resume', 'subscribe'] as const)(
    'though the connection was lost before the pages had all come (%s)',
    (op) => {
      const { hub, session, read } = follower('filter');
      hub.ask(session, 'pause', ['dev-*']);
      read();
      hub.ask(session, op, ['dev-*']);
      expect(hub.followed('s')).toBeLessThan(MANY);
      hub.disconnect(session);
      for (let n = 0; n < 10; n++) hub.poll();
      const again = hub.connect('s');
      for (let n = 0; n < 100; n++) {
        hub.poll();
        hub.more(again);
        hub.readPages(again);
      }
      expect(hub.followed('s')).toBe(MANY);
    },
  );

  it('but what was paused one by one stays paused over a lost connection', () => {
    const { hub, session } = follower('filter');
    hub.ask(session, 'pause', ['dev-1']);
    hub.disconnect(session);
    for (let n = 0; n < 10; n++) hub.poll();
    const again = hub.connect('s');
    for (let n = 0; n < 100; n++) {
      hub.poll();
      hub.more(again);
      hub.readPages(again);
    }
    expect(hub.followed('s')).toBe(MANY - 1);
    expect(hub.status('dev-1', 's')).toBe('inactive/paused');
  });
});
