/** What a cluster changes for subscribers, as the owner's other parts see it. */
import type { Join, Request } from '../records/requests.ts';

/** What a cluster changes for subscribers: another node may keep what is theirs. */
export interface SubscriberHomes {
  /** A subscriber connected. @returns false while it is not known who keeps its subscriptions: `enter` follows */
  admits(join: Join): boolean;
  /** @returns whether it is the request of one that waits to be let in */
  asks(request: Request): boolean;
  /** A connection is over. @returns whether it was one that waited to be let in */
  leaves(session: number): boolean;
  /** Connections of the edge that wait to be let in. */
  waitingOf(edge: number): number[];
  /** The connection of one that was let in is over. */
  disconnected(slot: number): void;
  /** The row is about to be freed. */
  freed(slot: number): void;
  /** An operator has removed the subscriber, whether it was here or not. @param number of its end on all nodes, or 0 */
  kicked(id: string, number: number): void;
}

/** Requests that wait until it is known where devices are. */
export interface RequestWaits {
  /** @returns whether the request waits; `Subscribers.answer` is called later */
  defers(subscriber: number, request: Request): boolean;
  sessionOver(session: number): void;
}
