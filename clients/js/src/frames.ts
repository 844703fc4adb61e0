/** What the hub sends, as the client passes it on. Types only; docs/client.md and docs/protocol.md explain each. */
import type { EventTypeName, PriorityName } from './wire.ts';

export type { EventTypeName, PriorityName };

/** Members of every event. */
export interface EventBase {
  readonly device: string;
  /** Counts the device's events, from 1. Without `types` and `every`, a `gap` names every hole. */
  readonly seq: number;
  /** When the hub received it: wall-clock ms of the hub. */
  readonly at: number;
  readonly priority: PriorityName;
  /** true: it comes from the hub's history. */
  readonly replay?: boolean;
  /** With `every`: how many events this one replaced. Absent in the binary encoding. */
  readonly conflated?: number;
}

/** A message of a device. */
export interface DeviceMessage<Data = unknown> extends EventBase {
  readonly type: 'message';
  readonly source: 'device';
  /** What the device sent as JSON, null when it sent none; undefined with `bytes`. */
  readonly data: Data;
  /** What the device sent as binary. */
  readonly bytes?: Uint8Array;
  readonly status?: undefined;
}

/** A status that a device reported about itself. */
export interface DeviceStatus extends EventBase {
  readonly type: 'status';
  readonly source: 'device';
  readonly status: string;
  readonly data?: unknown;
  readonly bytes?: Uint8Array;
}

/** A sign of life of a device. */
export interface DevicePong extends EventBase {
  readonly type: 'pong';
  readonly source: 'device';
  readonly data?: unknown;
  readonly bytes?: Uint8Array;
  readonly status?: undefined;
}

/** The hub reports that a device is online, stale (connected but silent) or offline. */
export interface PresenceChange extends EventBase {
  readonly type: 'status';
  readonly source: 'hub';
  readonly data: { readonly state: Presence; readonly reason: string };
  readonly bytes?: undefined;
  readonly status?: undefined;
}

/** Whether a device is connected; stale: connected and silent. */
export type Presence = 'online' | 'stale' | 'offline';

/** An event. `source` and `type` tell the kinds apart. @typeParam Data type of the messages */
export type DeviceEvent<Data = unknown> = DeviceMessage<Data> | DeviceStatus | DevicePong | PresenceChange;

/** Events from `from` to `to`, both included, that will not come. */
export interface Gap {
  readonly device: string;
  readonly from: number;
  readonly to: number;
  /**
   * The hub's reason, such as `slow`, `overload` or `history`; `reconnect`: they were sent while this client was away.
   */
  readonly reason: string;
}

/** A device as it is at the moment of subscribing; its next live event has the number `seq` + 1. */
export interface Snapshot {
  readonly device: string;
  /** `inactive`: a paused filter has gained it. */
  readonly status: 'active' | 'inactive';
  readonly state: Presence;
  /** Wall-clock ms of the hub, 0 never. */
  readonly lastSeen: number;
  readonly seq: number;
  /** The status that the device last reported. */
  readonly deviceStatus: string | null;
  /** Changes whenever the device's numbering starts anew. Absent when the hub keeps no history. */
  readonly epoch?: string;
  /**
   * After a reconnect. true: everything that was missed is replayed. false: not all of it is kept; a `gap` names the
   * missing events, unless the numbering has started anew. Absent: there was nothing to recover, or the hub keeps no
   * history.
   */
  readonly recovered?: boolean;
}

/** A filter, and how many devices it follows now. */
export interface FilterMatch {
  readonly filter: string;
  readonly matched: number;
}

/** A device or filter that was refused, with the code and message of the hub's error. */
export interface Refusal {
  readonly device: string;
  readonly code: number;
  readonly message: string;
}

/** The answer to `subscribe` and `resume`, and the devices of a filter, in pages. */
export interface Subscribed {
  readonly devices: readonly Snapshot[];
  readonly filters: readonly FilterMatch[];
  readonly errors: readonly Refusal[];
  /** The filter whose devices these are: not an answer, but a page, or a device that has appeared. */
  readonly filter?: string | undefined;
  /** true: more pages of this filter follow. */
  readonly more?: boolean | undefined;
}

/** The answer to `unsubscribe` and `pause`. */
export interface Changed {
  readonly devices: readonly string[];
  readonly filters: readonly string[];
  readonly errors: readonly Refusal[];
}

/** A subscription as the hub has it. */
export interface ListedSubscription {
  /** An id or a filter. */
  readonly device: string;
  readonly status: 'active' | 'inactive';
}

/** The hub changed the status of subscriptions. */
export interface StatusNotice {
  readonly devices: readonly string[];
  readonly filters?: readonly string[];
  readonly status: string;
  /** `silent`, `paused`, `activity` and others. */
  readonly reason: string;
}

/**
 * Subscriptions are gone: 103 denied, 121 inactive too long, 122 device terminated, 123 a device that only a filter
 * followed is gone, others as in refusals.
 */
export interface Removal {
  readonly devices: readonly string[];
  readonly filters?: readonly string[];
  readonly code: number;
  readonly reason: string;
}

/** What the client knows about a device that it follows. Every change makes a new object. */
export interface DeviceState<Data = unknown> {
  readonly device: string;
  readonly state: Presence;
  /** Wall-clock ms of the hub, 0 never. */
  readonly lastSeen: number;
  /** The status that the device last reported. */
  readonly deviceStatus: string | null;
  /** The newest message that arrived; undefined if none has. Ask for `last` to have it at once. */
  readonly lastMessage: DeviceMessage<Data> | undefined;
  readonly lastStatus: DeviceStatus | undefined;
}

/** The hub's acknowledgement of an event. */
export interface Ack {
  /** The event's number, or that of the last broadcast when it was skipped and takes none. */
  readonly seq: number;
  /** Nobody listened. */
  readonly skipped: boolean;
}

/** A client's position in the events of a device. */
export interface Since {
  readonly epoch: string;
  readonly seq: number;
}

interface Names {
  readonly devices?: readonly unknown[];
  readonly filters?: readonly unknown[];
}

export interface Welcome {
  readonly op: 'welcome';
  readonly device?: string;
  readonly subscriber?: string;
  readonly gateway?: string;
  readonly pingIntervalMs: number;
  readonly resumed?: readonly string[];
  readonly resumedFilters?: readonly string[];
  /** The resumed subscriptions stay inactive until the client subscribes again. */
  readonly held?: boolean;
}

export interface ErrorFrame {
  readonly op: 'error';
  readonly id?: unknown;
  readonly code: number;
  readonly message: string;
  /** Of a frame of a gateway. */
  readonly device?: string;
  /** With 111: when to send the frame again. */
  readonly retryAfterMs?: number;
}

/** An answer to the client's request with this id; in pages, all but the last with `more`. */
export interface Answer extends Names {
  readonly op: 'ack' | 'unsubscribed' | 'paused' | 'list';
  readonly id: number;
  readonly seq?: number;
  readonly skipped?: boolean;
  readonly errors?: readonly Refusal[];
  readonly more?: boolean;
}

/** The members of a JSON event; a binary payload is base64 here. */
export type EventFrame = DeviceEvent & { readonly op: 'event'; readonly data64?: string };

export type HubFrame =
  | Welcome
  | ErrorFrame
  | Answer
  | EventFrame
  | { readonly op: 'batch'; readonly events: readonly EventFrame[] }
  | (Partial<Subscribed> & Pick<Subscribed, 'devices'> & { readonly op: 'subscribed'; readonly id?: number })
  | (Gap & { readonly op: 'gap' })
  | (StatusNotice & { readonly op: 'status' })
  | (Removal & { readonly op: 'removed' })
  | (Names & { readonly op: 'resumed' })
  | { readonly op: 'interest'; readonly active: boolean }
  | { readonly op: 'closed'; readonly device: string; readonly code: number }
  | { readonly op: 'draining'; readonly reconnectAfterMs: number };
