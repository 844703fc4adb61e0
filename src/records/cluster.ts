/**
 * The records between the owner and the cluster link, besides events: one for each method of `cluster/host.ts`, and for
 * everything that the host tells the node. Ids travel as text, because these records are rare next to events. `kind` is
 * a `HomeKind`.
 */
import { recordLayout } from './layout.ts';

// Link to owner. The numbers continue those of `requests.ts`.

/** The link has started and knows nothing: the owner tells it everything. */
const hello = recordLayout(32, {});
const peerJoined = recordLayout(33, { peer: 'u32', node: 'text' });
const peerLeft = recordLayout(34, { peer: 'u32' });
const follow = recordLayout(35, {
  seq: 'f64',
  peer: 'u32',
  request: 'u32',
  level: 'u8',
  holds: 'flag',
  since: 'flag',
  fromClaim: 'flag',
  id: 'text',
  epoch: 'text',
});
const unfollow = recordLayout(36, { peer: 'u32', id: 'text' });
const remote = recordLayout(37, {
  seq: 'f64',
  lastSeen: 'f64',
  ref: 'u32',
  state: 'u8',
  startState: 'u8',
  id: 'text',
  epoch: 'text',
  status: 'text',
  node: 'text',
});
const remoteGap = recordLayout(38, { from: 'f64', to: 'f64', ref: 'u32' });
/** Everything up to the device's `Followed` was passed on: from here on its events are live. */
const caughtUp = recordLayout(39, { ref: 'u32' });
const lost = recordLayout(40, { ref: 'u32' });
/** `terminated`: by an operator. */
const gone = recordLayout(41, { ref: 'u32', terminated: 'flag' });
const settled = recordLayout(42, { found: 'flag', id: 'text' });
/** Ids as lines. */
const listed = recordLayout(43, { done: 'flag', prefix: 'text', ids: 'text' });
const appeared = recordLayout(44, { id: 'text' });
/** One of the parts of the `Adopt` that follows. */
const adoptPart = recordLayout(45, { kind: 'u8', id: 'text', part: 'bytes' });
const adopt = recordLayout(46, { kind: 'u8', hasParts: 'flag', late: 'flag', id: 'text' });
const release = recordLayout(47, { kind: 'u8', id: 'text' });
/** `conflict`: the connection is closed with 4200, else with 4004. */
const surrender = recordLayout(48, { kind: 'u8', conflict: 'flag', id: 'text' });
const ping = recordLayout(49, { kind: 'u8', id: 'text' });
/** What operators set; JSON, in parts; `last` ends it. `whole`: this is everything that is set. */
const apply = recordLayout(50, { revision: 'f64', whole: 'flag', last: 'flag', changes: 'bytes' });
/** A past event of a device, as asked for with `Past`: an event record. */
const past = recordLayout(51, { request: 'u32', event: 'bytes' });
const pastEnd = recordLayout(52, { request: 'u32', found: 'flag', more: 'flag', epoch: 'text' });

export const FromLinkRecord = {
  Hello: hello.kind,
  PeerJoined: peerJoined.kind,
  PeerLeft: peerLeft.kind,
  Follow: follow.kind,
  Unfollow: unfollow.kind,
  Remote: remote.kind,
  RemoteGap: remoteGap.kind,
  CaughtUp: caughtUp.kind,
  Lost: lost.kind,
  Gone: gone.kind,
  Settled: settled.kind,
  Listed: listed.kind,
  Appeared: appeared.kind,
  AdoptPart: adoptPart.kind,
  Adopt: adopt.kind,
  Release: release.kind,
  Surrender: surrender.kind,
  Ping: ping.kind,
  Apply: apply.kind,
  Past: past.kind,
  PastEnd: pastEnd.kind,
} as const;

export const fromLink = {
  hello,
  peerJoined,
  peerLeft,
  follow,
  unfollow,
  remote,
  remoteGap,
  caughtUp,
  lost,
  gone,
  settled,
  listed,
  appeared,
  adoptPart,
  adopt,
  release,
  surrender,
  ping,
  apply,
  past,
  pastEnd,
} as const;

// Owner to link. The numbers continue those of `replies.ts`.

/** A peer connected here, or was already connected when the link started. */
const connected = recordLayout(64, { kind: 'u8', id: 'text' });
const disconnected = recordLayout(65, { kind: 'u8', id: 'text' });
/** An id without a connection has its home here. */
const hold = recordLayout(66, { kind: 'u8', id: 'text' });
const forget = recordLayout(67, { kind: 'u8', id: 'text' });
/** The node drains: the id is left to another. */
const leave = recordLayout(68, { kind: 'u8', id: 'text' });
const surrenderPart = recordLayout(69, { kind: 'u8', id: 'text', part: 'bytes' });
const surrendered = recordLayout(70, { seq: 'f64', kind: 'u8', id: 'text' });
/** `since`: subscribers here have everything up to it. */
const want = recordLayout(71, {
  seq: 'f64',
  level: 'u8',
  holds: 'flag',
  since: 'flag',
  id: 'text',
  epoch: 'text',
});
const unwant = recordLayout(72, { id: 'text' });
const filter = recordLayout(73, { prefix: 'text' });
const unfilter = recordLayout(74, { prefix: 'text' });
/** The answer to `Follow`: the stream starts after `start`, and the history has the events up to `seq`. */
const followed = recordLayout(75, {
  start: 'f64',
  seq: 'f64',
  lastSeen: 'f64',
  peer: 'u32',
  request: 'u32',
  slot: 'u32',
  generation: 'u32',
  level: 'u8',
  state: 'u8',
  startState: 'u8',
  id: 'text',
  epoch: 'text',
  status: 'text',
});
const unfollowed = recordLayout(76, { peer: 'u32', request: 'u32', why: 'u8', id: 'text' });
/** The device has left the table; `terminated`: by an operator. */
const removed = recordLayout(77, { terminated: 'flag', id: 'text' });
const applied = recordLayout(78, { revision: 'f64' });
/** Asks the home of a followed device for its kept events before a seq; answered with `Past` and `PastEnd`. */
const askPast = recordLayout(79, { before: 'f64', request: 'u32', max: 'u32', id: 'text', epoch: 'text' });
/** An operator has removed the subscriber, whether it was here or not. `number`: see `Endings.end`. */
const kicked = recordLayout(80, { number: 'f64', id: 'text' });
/** A peer connected here under an id that this hub has made: no other node knows it. */
const owned = recordLayout(81, { kind: 'u8', id: 'text' });

export const ToLinkRecord = {
  Connected: connected.kind,
  Disconnected: disconnected.kind,
  Hold: hold.kind,
  Forget: forget.kind,
  Leave: leave.kind,
  SurrenderPart: surrenderPart.kind,
  Surrendered: surrendered.kind,
  Want: want.kind,
  Unwant: unwant.kind,
  Filter: filter.kind,
  Unfilter: unfilter.kind,
  Followed: followed.kind,
  Unfollowed: unfollowed.kind,
  Removed: removed.kind,
  Applied: applied.kind,
  AskPast: askPast.kind,
  Kicked: kicked.kind,
  Owned: owned.kind,
} as const;

export const toLink = {
  connected,
  disconnected,
  hold,
  forget,
  leave,
  surrenderPart,
  surrendered,
  want,
  unwant,
  filter,
  unfilter,
  followed,
  unfollowed,
  removed,
  applied,
  askPast,
  kicked,
  owned,
} as const;
