/**
 * The control plane: rare commands between main and the other threads, over MessagePorts. Events, and everything that
 * must stay in order with them, go through the rings (`requests.ts`, `replies.ts`).
 */
import type { MessagePort } from 'node:worker_threads';
import type { TokenConfig } from '../access/keys.ts';
import type { AccessRule } from '../access/rules.ts';
import type { JournalEntry } from '../edge/journal.ts';
import type { Restored } from '../snapshot/restore.ts';
import type { Tls } from '../transport/tls.ts';
import type { Certificate } from '../transport/tls-front.ts';
import type { ChildDescriptor } from '../transport/transport.ts';
import type { DeviceFrame } from '../wire/device-frames.ts';
import type { EstateChanges } from './estate.ts';

/** An operator's request to the owner. `request` comes back in the reply. */
export const ToOwner = {
  SetRow: 1,
  RemoveRow: 2,
  Terminate: 3,
  Kick: 4,
  Publish: 5,
  Stop: 6,
  SetRules: 7,
  SweepRules: 8,
  Bell: 9,
  EdgeGone: 10,
  Fault: 11,
  LeaveAll: 12,
} as const;

export type OperatorCommand =
  /** `dryRun`: only says whether the subscriber's token allows it. */
  | {
      readonly kind: typeof ToOwner.SetRow;
      readonly device: string;
      readonly subscriber: string;
      readonly status: 'allow' | 'active' | 'inactive' | 'deny' | undefined;
      readonly vip: boolean | undefined;
      readonly dryRun?: boolean;
    }
  | { readonly kind: typeof ToOwner.RemoveRow; readonly device: string; readonly subscriber: string }
  /** `isPart`: another node of the cluster ends the device everywhere; this is the part of this node. */
  | { readonly kind: typeof ToOwner.Terminate; readonly device: string; readonly isPart?: boolean }
  /**
   * `forget`: also removes what operators set for it. `isPart`: as for `Terminate`. `number`: of its end on all nodes;
   * absent: it ends only here.
   */
  | {
      readonly kind: typeof ToOwner.Kick;
      readonly subscriber: string;
      readonly forget: boolean;
      readonly isPart?: boolean;
      readonly number?: number;
    }
  | {
      readonly kind: typeof ToOwner.Publish;
      readonly device: string;
      readonly type: number;
      readonly priority: number;
      /** For type status: the new device status, 1 to 64 characters; '' leaves it as it is. */
      readonly deviceStatus: string;
      /** JSON text, UTF-8; empty when there is no data. */
      readonly payload: Uint8Array;
      /** Wall-clock ms. */
      readonly at: number;
    }
  | {
      /**
       * The rules hold for every subscribe once this is answered, and for live subscriptions once there is no `next`.
       */
      readonly kind: typeof ToOwner.SetRules;
      readonly rules: readonly AccessRule[];
      /** Only counts the subscriptions that would be removed. */
      readonly dryRun: boolean;
    }
  | {
      /** Continues where the answer to `SetRules`, or to this, left off. */
      readonly kind: typeof ToOwner.SweepRules;
      readonly from: number;
    };

export type ToOwnerCommand =
  | { readonly kind: typeof ToOwner.Stop }
  /** From now on, ring the edge here. */
  | { readonly kind: typeof ToOwner.Bell; readonly edge: number; readonly bell: MessagePort }
  /** The edge's thread and its connections are gone; answered once no row has a peer connected to it. */
  | { readonly kind: typeof ToOwner.EdgeGone; readonly edge: number; readonly request: number }
  /** In a cluster: leaves what is kept here without a connection to other nodes. */
  | { readonly kind: typeof ToOwner.LeaveAll }
  /** For tests: throw, or do nothing for this long. */
  | { readonly kind: typeof ToOwner.Fault; readonly stallMs: number }
  | { readonly request: number; readonly command: OperatorCommand };

/**
 * `slot` names the subscription row that was set; `seq` the broadcast (or the last one, when skipped); `removed` counts
 * the subscriptions that rules deny, and `next` is where the sweep goes on.
 */
export type OperatorResult =
  | {
      readonly ok: true;
      readonly slot?: number;
      readonly seq?: number;
      readonly skipped?: boolean;
      readonly removed?: number;
      readonly next?: number | undefined;
      /** In a cluster: nodes that beat in the last minute and have not confirmed. */
      readonly pendingNodes?: readonly string[];
    }
  | {
      readonly ok: false;
      readonly why: 'not_found' | 'over_capacity' | 'forbidden' | 'unavailable';
      readonly message: string;
    };

export const FromOwner = { Ready: 1, Reply: 2, Refused: 3, Estate: 4 } as const;
export type FromOwnerCommand =
  | {
      /** It serves everyone. After a takeover: once it has heard from every thread. */
      readonly kind: typeof FromOwner.Ready;
      /** What it restored, if it was told to. */
      readonly restored: Restored | undefined;
    }
  /** The snapshot prevents a start; the thread ends. */
  | { readonly kind: typeof FromOwner.Refused; readonly message: string }
  /** Its estate has changed: what it leaves to the next owner if it dies. */
  | { readonly kind: typeof FromOwner.Estate; readonly changes: EstateChanges }
  | { readonly kind: typeof FromOwner.Reply; readonly request: number; readonly result: OperatorResult };

/** Listeners whose connections are handed to edges. */
export const LISTENERS = ['device', 'subscriber'] as const;
export type ListenerName = (typeof LISTENERS)[number];
/** Where a thread takes the connections of each of its listeners. */
export type Descriptors = Readonly<Partial<Record<ListenerName, ChildDescriptor>>>;

/** Main to an edge. `Wake` alone comes from the owner, on the bell: at most one is outstanding. */
export const ToEdge = {
  Wake: 1,
  Drain: 2,
  Close: 3,
  Bell: 4,
  Fault: 5,
  Reload: 6,
  Describe: 7,
  Tap: 8,
} as const;
export type ToEdgeCommand =
  /** From now on the owner rings here. */
  | { readonly kind: typeof ToEdge.Bell; readonly bell: MessagePort }
  /** Throw: for tests. */
  | { readonly kind: typeof ToEdge.Fault }
  | {
      readonly kind: typeof ToEdge.Drain;
      /** Closes per second that this edge may make. */
      readonly closesPerSecond: number;
      readonly timeoutMs: number;
    }
  | { readonly kind: typeof ToEdge.Close }
  | EdgeReload
  /** Answered with `Described`. */
  | { readonly kind: typeof ToEdge.Describe; readonly request: number; readonly sessions: readonly number[] }
  /** From now on, reports the events of these devices with `Tapped`, or stops doing so. */
  | { readonly kind: typeof ToEdge.Tap; readonly devices: readonly string[]; readonly isTapped: boolean };

/** The changes of a reload; answered with `Reloaded`. */
export interface EdgeReload {
  readonly kind: typeof ToEdge.Reload;
  /** Names and values of the settings that changed. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Absent: the token keys have not changed. */
  readonly tokens: TokenConfig | undefined;
  /** Absent: the certificate has not changed. */
  readonly tls: Tls | undefined;
}

/** What an edge knows about the connection of one of its subscribers. */
export interface ConnectionInfo {
  readonly session: number;
  /** In text form; '' when unknown. */
  readonly address: string;
  readonly transport: 'websocket' | 'tcp';
  /** `json`, `binary`, … */
  readonly encoding: string;
  /** Wall-clock ms. */
  readonly connectedAt: number;
  /** What waits for it, bytes. */
  readonly queuedBytes: number;
}

/** A subscriber whose send queue is over its limit. */
export interface SlowSubscriber {
  readonly subscriber: string;
  /** What waits for it, bytes. */
  readonly queuedBytes: number;
  /** How long it has lagged, ms. */
  readonly laggingMs: number;
  readonly vip: boolean;
}

/** An event of a device that main looks at, as the edge received it. */
export interface TappedEvent {
  readonly device: string;
  /** Wall-clock ms. */
  readonly at: number;
  /** What the parser found in `bytes`, which hold only the head of the payload. */
  readonly frame: DeviceFrame;
  readonly bytes: Uint8Array;
  /** Number of events that this one stands for: if there were too many to report, it is the newest of them. */
  readonly count: number;
}

export const FromEdge = {
  Ready: 1,
  Drained: 2,
  Failed: 3,
  FrameFailed: 4,
  Slow: 5,
  Reloaded: 6,
  Journal: 7,
  Described: 8,
  Tapped: 9,
} as const;
export type FromEdgeCommand =
  | { readonly kind: typeof FromEdge.Ready; readonly descriptors: Descriptors }
  | { readonly kind: typeof FromEdge.Drained }
  | {
      readonly kind: typeof FromEdge.Described;
      readonly request: number;
      readonly connections: readonly ConnectionInfo[];
    }
  /** For the log; bounded by the edge. */
  | { readonly kind: typeof FromEdge.Journal; readonly entries: readonly JournalEntry[] }
  | {
      readonly kind: typeof FromEdge.Reloaded;
      /** Where connections go from now on. */
      readonly descriptors: Descriptors;
      /** The certificate could not be used: the thread keeps the previous one. */
      readonly failure: Error | undefined;
    }
  /** What the devices that main looks at have sent, about ten times a second; bounded by the edge. */
  | { readonly kind: typeof FromEdge.Tapped; readonly events: readonly TappedEvent[] }
  /** Once a second while there are any. */
  | { readonly kind: typeof FromEdge.Slow; readonly subscribers: readonly SlowSubscriber[] }
  | { readonly kind: typeof FromEdge.FrameFailed; readonly failure: Error }
  /** It hit a bug outside of any frame: it ends as soon as it is told to close. */
  | { readonly kind: typeof FromEdge.Failed };

/** Main to a TLS front. */
export const ToFront = { Certificate: 1, StopAccepting: 2, Close: 3 } as const;
export type ToFrontCommand =
  | { readonly kind: typeof ToFront.Certificate; readonly certificate: Certificate }
  | { readonly kind: typeof ToFront.StopAccepting | typeof ToFront.Close };

/** A TLS front to main. */
export const FromFront = { Ready: 1, Refused: 2, Certified: 3 } as const;
export type FromFrontCommand =
  | { readonly kind: typeof FromFront.Ready; readonly port: number }
  /** It could not listen, and ends. */
  | { readonly kind: typeof FromFront.Refused; readonly message: string }
  /** New connections now get the certificate of the last command. */
  | { readonly kind: typeof FromFront.Certified };

/** Main to the webhook thread. */
export const ToWebhooks = { Stop: 1, Reload: 2 } as const;
export type ToWebhooksCommand =
  | { readonly kind: typeof ToWebhooks.Stop }
  /** Names and values of the settings that changed. */
  | { readonly kind: typeof ToWebhooks.Reload; readonly settings: Readonly<Record<string, unknown>> };

export const FromWebhooks = { Ready: 1, Changed: 2 } as const;
export type FromWebhooksCommand =
  | { readonly kind: typeof FromWebhooks.Ready }
  /** The receiver began to fail, with the reason, or works again. */
  | { readonly kind: typeof FromWebhooks.Changed; readonly failure: string | undefined };
