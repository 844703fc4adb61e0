/** Options and events of a subscriber. Types only. */
import type { FollowOptions } from './checks.ts';
import type { ConnectionEvents, ConnectOptions } from './connection.ts';
import type { DeviceEvent, Gap, Removal, StatusNotice, Subscribed } from './frames.ts';

/** Options of a subscriber. `types`, `last` and `history` apply to every `subscribe` that does not give its own. */
export interface SubscriberOptions extends ConnectOptions, FollowOptions {
  /** Ids and filters to subscribe to from the start. Refused ones are reported as `removed`. */
  readonly devices?: readonly string[];
  /** Interval in ms, 100 to 60 000: each device's newest message and pong at most once per interval. Default: all. */
  readonly every?: number;
  /** true: the binary encoding, which costs less to send. Events look the same here. */
  readonly binary?: boolean;
  /**
   * true: events that the hub sends together come in one frame, which is much cheaper for a browser to receive. Events
   * look the same here. Default: true in a page, false elsewhere.
   */
  readonly batch?: boolean;
  /** true: pauses while the page that this runs in is hidden. */
  readonly pauseWhenHidden?: boolean;
}

/** Events of a subscriber. */
export interface SubscriberEvents<Data = unknown> extends ConnectionEvents {
  /** An event of a device that is followed. */
  event: DeviceEvent<Data>;
  /** Events that will not come. */
  gap: Gap;
  /** The hub changed the status of subscriptions. */
  status: StatusNotice;
  /** Subscriptions are gone; the client does not subscribe to them again. */
  removed: Removal;
  /** Snapshots: answers to `subscribe` and `resume`, those after each reconnect, and the devices of filters in pages. */
  subscribed: Subscribed;
  /** Ids whose entries in `state` have changed; one event for everything that came in one frame. */
  change: readonly string[];
}
