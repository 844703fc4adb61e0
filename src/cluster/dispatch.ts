/** Dispatches a peer's records to the parts of the node, and refuses invalid ones. Cluster thread only. */
import type { RecordViews } from '../memory/ring.ts';
import { isId } from '../wire/id.ts';
import type { Asks } from './asks.ts';
import type { Calls } from './calls.ts';
import type { Confirms } from './confirms.ts';
import { isEntry, isEpoch, isState } from './entry-check.ts';
import { isEvent } from './event-check.ts';
import { EventField } from './event-record.ts';
import type { LinkCounts } from './figures.ts';
import type { NodeFilters } from './filters.ts';
import type { Followers } from './followers.ts';
import type { Follows } from './follows.ts';
import type { Histories } from './histories.ts';
import type { Homes } from './homes.ts';
import { CLAIM_NUMBER_MAX, LIST_IDS_MAX } from './limits.ts';
import { addPart, takeParts } from './parts.ts';
import type { Peer } from './peer.ts';
import * as records from './records.ts';
import { HomeKind, Level } from './records.ts';
import type { RecordType, WireFields, WireValues } from './wire.ts';

export interface DispatchDeps {
  readonly figures: LinkCounts;
  readonly homes: Homes;
  readonly follows: Follows;
  readonly followers: Followers;
  readonly asks: Asks;
  readonly filters: NodeFilters;
  readonly histories: Histories;
  readonly calls: Calls;
  readonly confirms: Confirms;
  /** DAT_MAX_MESSAGE_BYTES. */
  readonly payloadBytesMax: number;
  now(): number;
  opened(peer: Peer, answered: number, joining: boolean): void;
  ready(peer: Peer): void;
  claimed(peer: Peer): void;
  pinged(peer: Peer, at: number): void;
  ponged(peer: Peer, at: number): void;
}

/** @returns false if the record is invalid */
type Take = (peer: Peer, views: RecordViews, offset: number, bytes: number) => boolean;

/** Takes a record of a peer; a record that does not match its declaration is counted and dropped. */
export type Dispatch = (peer: Peer, kind: number, views: RecordViews, offset: number, bytes: number) => void;

/** Builds the dispatcher that passes each kind of record to its part of the node. */
export function createDispatch(deps: DispatchDeps): Dispatch {
  const takes: (Take | undefined)[] = [];
  for (const [kind, take] of [
    ...ofSessions(deps),
    ...ofHomes(deps),
    ...ofFollows(deps),
    ...ofOperators(deps),
  ])
    takes[kind] = take;
  takes[records.EVENT] = takeEvent(deps);
  takes[records.PAST] = takePast(deps);
  const { figures } = deps;
  return (peer, kind, views, offset, bytes) => {
    if (takes[kind]?.(peer, views, offset, bytes) !== true) figures.undecodable += 1;
  };
}

/** Declares the handler of a record's values; a handler that returns false refuses them. */
function on<F extends WireFields>(
  type: RecordType<F>,
  take: (peer: Peer, values: WireValues<F>) => unknown,
): [number, Take] {
  return [
    type.kind,
    (peer, views, offset, bytes) => {
      const values = type.read(views, offset, bytes);
      return values !== undefined && hasClaimNumber(values) && take(peer, values) !== false;
    },
  ];
}

/** Claims count up: a number near the end of the range would be the last one. */
function hasClaimNumber(values: object): boolean {
  const { number = 0, known = 0 } = values as { readonly number?: number; readonly known?: number };
  return number <= CLAIM_NUMBER_MAX && known <= CLAIM_NUMBER_MAX;
}

/** The same for records of an id of either kind. */
function onHome<F extends WireFields & { readonly kind: 'u8' }>(
  type: RecordType<F>,
  take: (peer: Peer, values: WireValues<F> & { readonly kind: HomeKind }) => unknown,
): [number, Take] {
  return on(type, (peer, values) => {
    const { kind } = values as { readonly kind: number };
    return records.isHomeKind(kind) && take(peer, values as WireValues<F> & { readonly kind: HomeKind });
  });
}

function ofSessions({ opened, ready, claimed, pinged, ponged }: DispatchDeps): [number, Take][] {
  return [
    on(records.opened, (peer, { answered, joining }) => opened(peer, answered, joining)),
    on(records.ready, (peer) => ready(peer)),
    on(records.claimed, (peer) => claimed(peer)),
    on(records.ping, (peer, { at }) => pinged(peer, at)),
    on(records.pong, (peer, { at }) => ponged(peer, at)),
  ];
}

function ofHomes({ homes, figures, payloadBytesMax }: DispatchDeps): [number, Take][] {
  return [
    onHome(records.claim, (peer, values) => homes.onClaim(peer, values)),
    on(records.claimsAnswered, (peer, { stamp }) => homes.claims.onAnswered(peer, stamp)),
    onHome(records.known, (peer, values) => homes.claims.onKnown(peer, values)),
    onHome(records.mine, (peer, values) => homes.onMine(peer, values)),
    onHome(records.ended, (_peer, { kind, id, number }) => homes.endings.hear(kind, id, number)),
    onHome(records.part, (peer, { kind, id, bytes }) => addPart(peer, kind, id, bytes)),
    onHome(records.handOver, (peer, values) => {
      if (values.kind === HomeKind.device) figures.takeovers += 1;
      homes.departures.onHandOver(peer, values, takeParts(peer, values, payloadBytesMax, figures));
    }),
    onHome(records.contest, (peer, values) => homes.onContest(peer, values)),
  ];
}

function ofFollows(deps: DispatchDeps): [number, Take][] {
  const { follows, followers, asks, filters, histories } = deps;
  return [
    on(records.ask, (peer, { id }) => followers.onAsk(peer, id)),
    on(records.here, (peer, values) => {
      asks.onHere(peer, values);
      follows.onHere(peer, values);
    }),
    on(records.asksAnswered, (peer, { count }) => asks.onAnswered(peer, count)),
    on(records.follow, (peer, values) => {
      if (values.level > Level.active || !isEpoch(values.epoch)) return false;
      followers.onFollow(peer, values);
      return true;
    }),
    on(records.unfollow, (peer, { id }) => followers.onUnfollow(peer, id)),
    on(records.followed, (peer, values) => {
      if (!isEntry(values) || !isState(values.startState)) return false;
      follows.onFollowed(peer, values);
      return true;
    }),
    on(records.seq, (peer, { handle, seq }) => follows.onSeq(peer, handle, seq)),
    on(records.moved, (peer, values) => follows.onMoved(peer, values)),
    on(records.unfollowed, (peer, values) => follows.onUnfollowed(peer, values)),
    on(records.list, (peer, { request, prefix, cursor }) => {
      if (!isPrefix(prefix) || !isPrefix(cursor)) return false;
      filters.onList(peer, request, prefix, cursor);
      return true;
    }),
    on(records.listed, (peer, { request, cursor, ids }) => {
      if (!isPrefix(cursor) || ids.length > LIST_IDS_MAX) return false;
      filters.onListed(peer, request, cursor, ids);
      return true;
    }),
    on(records.history, (peer, values) => {
      if (!isEpoch(values.epoch)) return false;
      histories.onAsked(peer, values);
      return true;
    }),
    on(records.historyEnd, (peer, values) => histories.onEnd(peer, values)),
  ];
}

function ofOperators({ calls, confirms }: DispatchDeps): [number, Take][] {
  return [
    on(records.confirm, (peer, { request, revision, bucket }) =>
      confirms.onConfirm(peer, request, revision, bucket),
    ),
    on(records.confirmed, (peer, { request }) => confirms.onConfirmed(peer, request)),
    on(records.call, (peer, values) => calls.onCall(peer, values)),
    on(records.reply, (peer, values) => calls.onReply(peer, values)),
  ];
}

function takeEvent({ figures, follows, payloadBytesMax, now }: DispatchDeps): Take {
  return (peer, views, offset, bytes) => {
    if (!isEvent(views, offset, bytes, payloadBytesMax)) return false;
    views.f64[(offset + EventField.received) >> 3] = now(); // the sender's monotonic clock means nothing here
    figures.eventsReceived += 1;
    follows.onEvent(peer, views, offset, bytes);
    return true;
  };
}

function takePast({ histories, payloadBytesMax }: DispatchDeps): Take {
  return (peer, views, offset, bytes) => {
    if (!isEvent(views, offset, bytes, payloadBytesMax)) return false;
    if (!(views.f64[(offset + EventField.received) >> 3]! >= 0)) return false;
    histories.onPast(peer, views, offset, bytes);
    return true;
  };
}

const isPrefix = (text: string): boolean => text === '' || isId(text);
