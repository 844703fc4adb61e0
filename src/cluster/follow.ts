/** A node's state for a device that it follows and that has its home elsewhere. Rules: `follows.ts`. */
import type { RecordViews } from '../memory/ring.ts';
import type { StreamStart } from './host.ts';
import type { Peer } from './peer.ts';
import { Level } from './records.ts';

/** One node as the source of a device's events. */
export interface Source {
  readonly peer: Peer;
  /** It claimed the device while followers here waited: it owes them every event since then. */
  readonly fromClaim: boolean;
  /** The last event after which it was asked to continue, 0 if it was asked to begin. */
  since: number;
  /** The newest request to it: answers to earlier ones are ignored. */
  request: number;
  /** What `followed` said; undefined before it came. */
  entry: StreamStart | undefined;
  handle: number;
  /** Of the claim. */
  number: number;
  /** How long to wait for the old home's last event, monotonic ms; 0 while nothing has come from this source. */
  untilMs: number;
  /** What it sent before the old home's last event. */
  readonly held: Held[];
}

/** An event, or, with `views` undefined, a number up to which everything was sent. */
export interface Held {
  readonly views: RecordViews | undefined;
  readonly bytes: number;
  readonly seq: number;
}

export interface Follow {
  readonly id: string;
  /** The host's name for it. */
  readonly ref: number;
  level: Level;
  /** A subscription by id is among them. */
  holds: boolean;
  /** Where events come from; undefined while no home is known. */
  current: Source | undefined;
  /** The node that claimed the device while `current` was its home. */
  next: Source | undefined;
  /** The peer whose session ended while it was the home. */
  broken: Peer | undefined;
  /** The highest known number of a claim, 0 none. */
  number: number;
  /** '' while no home ever answered. */
  epoch: string;
  /** The last event that was passed on. */
  last: number;
  /** The stream starts at the next answer's `seq`, without a gap, because nobody here was active meanwhile. */
  startsAnew: boolean;
  /** The lookup that the host waits for: nodes that have not answered, and the deadline; 0 none. */
  waiting: number;
  askedUntilMs: number;
  /** When to look it up again, 0 never. */
  askAtMs: number;
}

/** A follow that knows no home yet. @param ref the host's name for it */
export function createFollow(id: string, ref: number, level: Level, holds: boolean): Follow {
  return {
    id,
    ref,
    level,
    holds,
    current: undefined,
    next: undefined,
    broken: undefined,
    number: 0,
    epoch: '',
    last: 0,
    startsAnew: level !== Level.active,
    waiting: 0,
    askedUntilMs: 0,
    askAtMs: 0,
  };
}

/** A peer that events may come from, before it has answered. */
export function createSource(peer: Peer, fromClaim: boolean): Source {
  return {
    peer,
    fromClaim,
    since: 0,
    request: 0,
    entry: undefined,
    handle: -1,
    number: 0,
    untilMs: 0,
    held: [],
  };
}

/** @returns the peer as a source of the device's events */
export function sourceOf(follow: Follow, peer: Peer): Source | undefined {
  if (follow.current?.peer === peer) return follow.current;
  return follow.next?.peer === peer ? follow.next : undefined;
}
