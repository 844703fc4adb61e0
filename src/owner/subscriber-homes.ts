/** What a cluster changes for subscribers, as seen by the rest of the owner. */
import type { Join, Request } from '../records/requests.ts';

/** What a cluster changes for subscribers: another node may keep their subscriptions. */
export interface SubscriberHomes {
  /**
   * A subscriber connected. @returns false if it has been admitted, or it is not known yet which node keeps its
   * subscriptions: `enter` follows
   */
  admits(join: Join): boolean;
  /** @returns whether the request is from a subscriber that waits for admission */
  asks(request: Request): boolean;
  /** A connection has ended. @returns whether it was waiting for admission */
  leaves(session: number): boolean;
  /** Connections of the edge that wait for admission. */
  waitingOf(edge: number): number[];
  /** The connection of an admitted subscriber has ended. */
  disconnected(slot: number): void;
  /** The row is about to be freed. */
  freed(slot: number): void;
  /** An operator has removed the subscriber, whether it was here or not. @param number of its end on all nodes, or 0 */
  kicked(id: string, number: number): void;
}

/** Requests that wait until the homes of devices are known. */
export interface RequestWaits {
  /** @returns whether the request waits; `Subscribers.answer` is called later */
  defers(subscriber: number, request: Request): boolean;
  sessionOver(session: number): void;
}
