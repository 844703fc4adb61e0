/** What the controller and the generator processes of a run say to each other. */
import type { Shape } from './shapes.ts';
import type { WireName } from './wires/index.ts';

export interface Target {
  readonly wire: WireName;
  readonly devicePort: number;
  readonly subscriberPort: number;
}

/** A span of time during which what is intended counts. */
export interface Window {
  readonly fromUs: number;
  readonly toUs: number;
}

export type GeneratorKind = 'sender' | 'receiver' | 'disturber';

export type ToGenerator =
  | { readonly kind: 'open'; readonly target: Target; readonly shape: Shape }
  /** Sender: send from `fromUs` to `toUs`. Disturber: disturb so long. */
  | { readonly kind: 'run'; readonly fromUs: number; readonly toUs: number }
  /** Receiver: count apart what is intended in this window. */
  | { readonly kind: 'window'; readonly window: Window }
  | { readonly kind: 'report' }
  | { readonly kind: 'end' };

export type FromGenerator =
  | { readonly kind: 'opened' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'sent'; readonly report: SenderReport }
  | { readonly kind: 'received'; readonly report: ReceiverReport }
  | { readonly kind: 'disturbed'; readonly report: DisturberReport };

export interface SenderReport {
  /** Events of each window, in order of the windows. */
  readonly sent: readonly number[];
  readonly sentInAll: number;
  /** From intended to written, 99th percentile, microseconds. */
  readonly lateP99Us: number;
  /** Share of one core that this process took. */
  readonly busy: number;
}

export interface ReceiverReport {
  readonly windows: readonly WindowReport[];
  readonly receivedInAll: number;
  /** Not there although a later event of the same device is, or at the end. */
  readonly lost: number;
  readonly duplicated: number;
  readonly disordered: number;
  /** Connections that ended during the run. */
  readonly connectionsLost: number;
  readonly busy: number;
}

export interface WindowReport {
  /** Events whose bytes came in during the window. */
  readonly received: number;
  /** Intended during the window, by compressed HdrHistogram in microseconds. */
  readonly latency: string;
  readonly vipLatency: string;
}

export interface DisturberReport {
  readonly follows: number;
  readonly reconnects: number;
  readonly busy: number;
}
