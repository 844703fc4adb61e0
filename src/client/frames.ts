/** What the hub sends, as the client hands it on. Types only: docs/protocol.md says what each means. */
import type { EventTypeName, PriorityName } from '../wire/events.ts';

export type { EventTypeName, PriorityName };

/** A broadcast of a device. */
export interface DeviceEvent {
  readonly device: string;
  readonly type: EventTypeName;
  /** `hub`: the hub tells that the device's state changed; `data` is `{ state, reason }`. */
  readonly source: 'device' | 'hub';
  /** Counts the device's broadcasts, from 1 and without holes. */
  readonly seq: number;
  /** When the hub received it: wall-clock ms of the hub. */
  readonly at: number;
  readonly priority: PriorityName;
  /** What the device sent as JSON, null when it sent none; undefined with `bytes`. */
  readonly data?: unknown;
  /** What the device sent as binary. */
  readonly bytes?: Uint8Array;
  /** In an event of type `status` from a device. */
  readonly status?: string;
}

/** Events from `from` to `to`, both included, that will not come. */
export interface Gap {
  readonly device: string;
  readonly from: number;
  readonly to: number;
  /** The hub's, such as `slow` or `overload`; `reconnect`: they were sent while this client was away. */
  readonly reason: string;
}

/** A device as it is at the moment of subscribing; its next event has the number `seq` + 1. */
export interface Snapshot {
  readonly device: string;
  readonly status: 'active';
  readonly state: 'online' | 'stale' | 'offline';
  /** Wall-clock ms of the hub, 0 never. */
  readonly lastSeen: number;
  readonly seq: number;
  /** What the device last said of itself. */
  readonly deviceStatus: string | null;
}

/** A device that the hub refused, with the code and words of its error. */
export interface Refusal {
  readonly device: string;
  readonly code: number;
  readonly message: string;
}

export interface Subscribed {
  readonly devices: readonly Snapshot[];
  readonly errors: readonly Refusal[];
}

/** The answer to `unsubscribe` and `pause`. */
export interface Changed {
  readonly devices: readonly string[];
  readonly errors: readonly Refusal[];
}

export interface ListedSubscription {
  readonly device: string;
  readonly status: 'active' | 'inactive';
}

/** The hub changed the status of subscriptions. */
export interface StatusNotice {
  readonly devices: readonly string[];
  readonly status: string;
  /** `silent`, `paused`, `activity` and others. */
  readonly reason: string;
}

/** Subscriptions are gone: 103 denied, 121 inactive too long, 122 device terminated, others as in refusals. */
export interface Removal {
  readonly devices: readonly string[];
  readonly code: number;
  readonly reason: string;
}

export interface Ack {
  /** The event's number, or that of the last broadcast when it was skipped. */
  readonly seq: number;
  /** Nobody listened, so the event was not broadcast. */
  readonly skipped: boolean;
}

export interface Welcome {
  readonly op: 'welcome';
  readonly device?: string;
  readonly subscriber?: string;
  readonly pingIntervalMs: number;
  readonly resumed?: readonly string[];
}

export interface ErrorFrame {
  readonly op: 'error';
  readonly id?: unknown;
  readonly code: number;
  readonly message: string;
}

/** An answer to a request of the client's, which gave it this id. */
export interface Answer {
  readonly op: 'ack' | 'unsubscribed' | 'paused' | 'list';
  readonly id: number;
  readonly seq?: number;
  readonly skipped?: boolean;
  readonly devices?: readonly unknown[];
  readonly errors?: readonly Refusal[];
}

/** The members of a JSON event; a binary payload is base64 here. */
export interface EventFrame extends DeviceEvent {
  readonly op: 'event';
  readonly data64?: string;
}

export type HubFrame =
  | Welcome
  | ErrorFrame
  | Answer
  | EventFrame
  | { readonly op: 'batch'; readonly events: readonly EventFrame[] }
  | (Subscribed & { readonly op: 'subscribed'; readonly id?: number })
  | (Gap & { readonly op: 'gap' })
  | (StatusNotice & { readonly op: 'status' })
  | (Removal & { readonly op: 'removed' })
  | { readonly op: 'draining'; readonly reconnectAfterMs: number };
