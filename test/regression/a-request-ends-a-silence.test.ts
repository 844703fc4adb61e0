/**
 * A subscriber subscribed while its silence was on record, and the owner had read before that it was heard: its edge does
 * not say so twice. Its subscription was active then, and never inactive again, however silent it was.
 */
import { describe, expect, it, vi } from 'vitest';
import { OwnerHarness } from '../owner/owner-harness.ts';

const INACTIVE_MS = 60_000;

/** A subscriber without subscriptions, whose silence is on record. */
function silent() {
  const hub = new OwnerHarness();
  hub.connectDevice('dev-1');
  const session = hub.connect('s');
  hub.pass(INACTIVE_MS + 1000);
  const { silent, lastSeen } = hub.reader.subscribers.rows;
  const slot = hub.reader.findSubscriber('s');
  expect(silent[slot]).toBe(1);
  Atomics.store(lastSeen, slot, BigInt(hub.clock.nowMs)); // which the edge does with each frame
  return { hub, session };
}

describe('a request of a subscriber whose silence is on record', () => {
  it('ends the silence, and the next one makes inactive what it subscribed to', () => {
    const { hub, session } = silent();
    hub.ask(session, 'subscribe', ['dev-1']);
    expect(hub.status('dev-1', 's')).toBe('active');
    hub.pass(INACTIVE_MS + 1000);
    expect(hub.status('dev-1', 's')).toBe('inactive/silent');
  });

  it('ends it for the whole poll, however long that takes: until then its edge says of no other frame', () => {
    const { hub, session } = silent();
    const startMs = hub.clock.nowMs;
    const isDone = (): boolean => hub.status('dev-1', 's') !== undefined;
    vi.spyOn(hub.clock, 'now').mockImplementation(() => startMs + (isDone() ? INACTIVE_MS + 1000 : 0));
    hub.write(session, 'subscribe', ['dev-1']);
    hub.poll();
    expect(hub.status('dev-1', 's')).toBe('active');
    hub.poll();
    expect(hub.status('dev-1', 's')).toBe('inactive/silent');
  });
});
