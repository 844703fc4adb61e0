/** What a subscriber takes and tells. Types only. */
import type { FollowOptions } from './checks.ts';
import type { ConnectionEvents, ConnectOptions } from './connection.ts';
import type { DeviceEvent, Gap, Removal, StatusNotice, Subscribed } from './frames.ts';

/** `types`, `last` and `history` apply to every `subscribe` that does not give its own. */
export interface SubscriberOptions extends ConnectOptions, FollowOptions {
  /** Ids and filters to subscribe to from the start. Those that are refused are reported as `removed`. */
  readonly devices?: readonly string[];
  /** Each device's newest message and newest pong at most once per so many ms: 100 to 60 000. Default: every event. */
  readonly every?: number;
  /** true: the binary encoding, which costs less to send. Events look the same here. */
  readonly binary?: boolean;
  /**
   * true: events that the hub sends together come in one frame, which costs a browser much less to receive. They look
   * the same here. Default: true in a page, false elsewhere.
   */
  readonly batch?: boolean;
  /** true: pauses while the page that this runs in is hidden. */
  readonly pauseWhenHidden?: boolean;
}

/** What a subscriber tells. */
export interface SubscriberEvents<Data = unknown> extends ConnectionEvents {
  /** An event of a device that is followed. */
  event: DeviceEvent<Data>;
  /** Events that will not come. */
  gap: Gap;
  /** The hub changed the status of subscriptions. */
  status: StatusNotice;
  /** Subscriptions are gone, and are not made again. */
  removed: Removal;
  /** Snapshots: answers to `subscribe` and `resume`, those after each reconnect, and the devices of filters in pages. */
  subscribed: Subscribed;
  /** Ids whose entries in `state` have changed; one event for everything that came in one frame. */
  change: readonly string[];
}
