/**
 * What history kept of many devices was replayed up to the size at which a session ends, and the answers beside it ended
 * the session: a node that had been away lost it once more, and followed everything anew.
 */
import { expect, it } from 'vitest';
import { createLinkCounts } from '../../src/cluster/figures.ts';
import { Followers, type FollowersDeps } from '../../src/cluster/followers.ts';
import { createHome } from '../../src/cluster/home.ts';
import { FOLLOWS_AT_ONCE, SESSION_BYTES_MAX } from '../../src/cluster/limits.ts';
import type { Peer } from '../../src/cluster/peer.ts';
import { type HomeKind, Level } from '../../src/cluster/records.ts';
import { LinkSession } from '../../src/cluster/session.ts';
import { readHead, viewsOf } from '../../src/cluster/wire.ts';
import { DeviceState } from '../../src/presence/lifecycle.ts';
import { EventField, eventOf } from '../../src/records/event.ts';
import { EventType, Priority } from '../../src/wire/events.ts';
import { FakeClock } from '../support/fake-clock.ts';

const PAYLOAD = Buffer.alloc(1000);
/** Of each device: all together more than a session holds. */
const MISSED = Math.ceil(SESSION_BYTES_MAX / FOLLOWS_AT_ONCE / PAYLOAD.length) + 1;

/** A session that is open, and whose other side answers nothing more. */
function openSession(clock: FakeClock): LinkSession {
  const sent: [number, Uint8Array][] = [];
  const sideOf = (boot: number): LinkSession => {
    const owner = { wantFlush() {}, opened() {}, ended() {}, received() {} };
    const send = (message: Uint8Array): void => void sent.push([boot, message.slice()]);
    const deps = { clock, figures: createLinkCounts(), boot, nextNumber: () => boot };
    return new LinkSession(deps, { ...owner, send });
  };
  const sides = [sideOf(1), sideOf(2)] as const;
  sides[0].open();
  for (let next = sent.shift(); next !== undefined; next = sent.shift()) {
    const [from, message] = next;
    const views = viewsOf(message.length);
    views.u8.set(message);
    sides[from === 1 ? 1 : 0].receive(readHead(views, message.length)!, views, message.length);
  }
  return sides[0];
}

it('a node that missed more than may wait for it gets what fits, and keeps its session', () => {
  const clock = new FakeClock();
  const session = openSession(clock);
  const peer = { session, isOpen: true } as unknown as Peer;
  const followers = new Followers({
    figures: createLinkCounts(),
    host: {},
    home: (kind: HomeKind, id: string) => createHome(kind, id, 1, true),
    peer: () => peer,
  } as unknown as FollowersDeps);
  const event = { type: EventType.message, priority: Priority.normal, flags: 0, at: 1, received: 1 };
  const views = eventOf({ ...event, status: Buffer.alloc(0), payload: PAYLOAD });
  const state = DeviceState.online;
  for (let slot = 1; slot <= FOLLOWS_AT_ONCE; slot++) {
    const entry = { epoch: 'abc', seq: 0, state, startState: state, status: '', lastSeen: 1 };
    followers.followed(1, { request: slot, id: `dev-${slot}`, slot, level: Level.active, entry });
    for (let n = 0; n < MISSED; n++) followers.replay(1, slot, views, 0, EventField.body + PAYLOAD.length);
    followers.upTo(1, slot, MISSED);
    session.flush();
  }
  clock.advance(1);
  session.tick();
  expect(session.isOpen).toBe(true);
  expect(session.waitingBytes).toBeGreaterThan(SESSION_BYTES_MAX / 2);
});
