/** Translates the owner's records to the cluster link into calls of the node. Cluster thread only. */
import type { HistoryReader } from '../history/reader.ts';
import { Step } from '../history/replay.ts';
import type { RecordViews } from '../memory/ring.ts';
import { ToLinkRecord, toLink } from '../records/cluster.ts';
import { eventBytes } from '../records/event.ts';
import { FromOwnerRecord, readGap } from '../records/replies.ts';
import type { HistoryQuery, StreamStart } from './host.ts';
import type { ClusterNode } from './node.ts';
import { HomeKind, type Level } from './records.ts';

export interface OwnerSaysDeps {
  readonly node: ClusterNode;
  readonly reader: HistoryReader;
  readonly applied: (revision: number) => void;
  /** A part of a hand-over has arrived. */
  readonly partTaken: () => void;
  readonly askPast: (request: number, id: string, query: HistoryQuery) => void;
}

/** Takes a record that lies at the offset. */
export type TakeRecord = (views: RecordViews, offset: number) => void;

/** @returns the handlers, by kind of record */
export function ownerSays(deps: OwnerSaysDeps): Readonly<Record<number, TakeRecord>> {
  return { ...ofHomes(deps), ...ofFollows(deps) };
}

function ofHomes({
  node: { homes },
  applied,
  partTaken,
}: OwnerSaysDeps): Readonly<Record<number, TakeRecord>> {
  const partsOf = new Map<string, Uint8Array[]>();
  const kindOf = (kind: number): HomeKind => kind as HomeKind;
  return {
    [ToLinkRecord.Connected]: (...at) => {
      const { kind, id } = toLink.connected.read(...at);
      homes.connect(kindOf(kind), id);
    },
    [ToLinkRecord.Owned]: (...at) => {
      const { kind, id } = toLink.owned.read(...at);
      homes.own(kindOf(kind), id);
    },
    [ToLinkRecord.Disconnected]: (...at) => {
      const { kind, id } = toLink.disconnected.read(...at);
      homes.disconnect(kindOf(kind), id);
    },
    [ToLinkRecord.Hold]: (...at) => {
      const { kind, id } = toLink.hold.read(...at);
      homes.hold(kindOf(kind), id);
    },
    [ToLinkRecord.Forget]: (...at) => {
      const { kind, id } = toLink.forget.read(...at);
      homes.forget(kindOf(kind), id);
    },
    [ToLinkRecord.Kicked]: (...at) => {
      const { id, number } = toLink.kicked.read(...at);
      homes.endings.end(HomeKind.subscriber, id, number);
    },
    [ToLinkRecord.Leave]: (...at) => {
      const { kind, id } = toLink.leave.read(...at);
      homes.leave(kindOf(kind), id);
    },
    [ToLinkRecord.SurrenderPart]: (...at) => {
      const { kind, id, part } = toLink.surrenderPart.read(...at);
      const key = `${kind} ${id}`;
      const parts = partsOf.get(key);
      if (parts === undefined) partsOf.set(key, [part]);
      else parts.push(part);
      partTaken();
    },
    [ToLinkRecord.Surrendered]: (...at) => {
      const { kind, id, seq } = toLink.surrendered.read(...at);
      const parts = partsOf.get(`${kind} ${id}`) ?? [];
      partsOf.delete(`${kind} ${id}`);
      homes.surrendered(kindOf(kind), id, parts, seq);
    },
    [ToLinkRecord.Applied]: (...at) => applied(toLink.applied.read(...at).revision),
  };
}

function ofFollows({ node, reader, askPast }: OwnerSaysDeps): Readonly<Record<number, TakeRecord>> {
  return {
    [FromOwnerRecord.Event]: (views, offset) =>
      node.followers.event(views, offset, eventBytes(views, offset)),
    [FromOwnerRecord.Gap]: (...at) => {
      const { device, to } = readGap(...at);
      node.followers.gap(device, to);
    },
    [ToLinkRecord.Want]: (...at) => {
      const { id, level, holds, since, epoch, seq } = toLink.want.read(...at);
      node.follows.want(id, level as Level, since ? { epoch, seq } : undefined, holds);
    },
    [ToLinkRecord.Unwant]: (...at) => node.follows.unwant(toLink.unwant.read(...at).id),
    [ToLinkRecord.Filter]: (...at) => node.filter(toLink.filter.read(...at).prefix),
    [ToLinkRecord.Unfilter]: (...at) => node.unfilter(toLink.unfilter.read(...at).prefix),
    [ToLinkRecord.Followed]: (...at) => followed(node, reader, toLink.followed.read(...at)),
    [ToLinkRecord.Unfollowed]: (...at) => {
      const { peer, request, id, why } = toLink.unfollowed.read(...at);
      node.followers.unfollowed(peer, request, id, why);
    },
    [ToLinkRecord.Removed]: (...at) => {
      const { id, terminated } = toLink.removed.read(...at);
      if (terminated) node.homes.endings.end(HomeKind.device, id);
      node.followers.gone(id, terminated);
    },
    [ToLinkRecord.AskPast]: (...at) => {
      const { request, id, epoch, before, max } = toLink.askPast.read(...at);
      askPast(request, id, { epoch, after: 0, before, max });
    },
  };
}

/** A node follows a device: replays what it lacks from the history log. */
function followed(
  { followers }: ClusterNode,
  reader: HistoryReader,
  values: ReturnType<typeof toLink.followed.read>,
): void {
  const { peer, request, id, slot, generation, level, start, seq, epoch, status, lastSeen } = values;
  const { state, startState } = values as Pick<StreamStart, 'state' | 'startState'>;
  const entry = { epoch, seq: start, state, startState, status, lastSeen };
  followers.followed(peer, { request, id, slot, level: level as Level, entry });
  if (start < seq) {
    const replay = reader.since({ slot, generation, seq }, start);
    for (let step = replay.next(); step !== Step.End; step = replay.next()) {
      if (step === Step.Event) followers.replay(peer, slot, replay.views, 0, eventBytes(replay.views, 0));
    }
  }
  followers.upTo(peer, slot, seq);
}
