/** What the controller and the generator processes of a run say to each other. */
import type { GivenTokens } from './given-tokens.ts';
import type { Packed } from './histogram.ts';
import type { Load, LoadShare } from './load.ts';

/** Where a load goes. */
export interface LoadTarget {
  /** The name of a wire that the process knows. */
  readonly wire: string;
  readonly deviceUrl: string;
  readonly subscriberUrl: string;
  /** What signs a token for each peer. */
  readonly signer?: Signer;
  /** By the numbers of peers. Without a signer, too: nobody has a token. */
  readonly tokens?: GivenTokens;
}

/** A secret stays in the environment, from where the processes have it. */
export interface Signer {
  /** Of a private key; absent: the secret in the environment. */
  readonly keyFile?: string;
  readonly lifetimeSeconds: number;
}

/** A span of time during which what is intended counts. */
export interface Window {
  readonly fromUs: number;
  readonly toUs: number;
}

export interface GeneratorOrder<AnyLoad extends Load = Load> {
  readonly target: LoadTarget;
  readonly load: AnyLoad;
  readonly share: LoadShare;
}

export type ToGenerator =
  | ({ readonly kind: 'open' } & GeneratorOrder)
  /** Counts apart what is intended in this window. */
  | { readonly kind: 'window'; readonly window: Window }
  /** Plays from `fromUs` to `toUs`. */
  | { readonly kind: 'run'; readonly span: Window; readonly rate: number }
  | { readonly kind: 'report' }
  | { readonly kind: 'end' };

export type FromGenerator =
  | { readonly kind: 'opened' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'reported'; readonly report: unknown };

/** What happened since the last one; once a second. */
export interface Progress {
  /** By `nowUs`. */
  readonly atUs: number;
  readonly sent: number;
  readonly received: number;
  /** Of what was received. */
  readonly latency: Packed;
}

/** Since the start of the process, but for `sent`, which is of the windows since the last report. */
export interface SenderReport {
  /** Events of each window, in order of the windows. */
  readonly sent: readonly number[];
  readonly sentInAll: number;
  /** Events that were due and not written: the connection had ended, or the server did not read. */
  readonly unsent: number;
  /** Deliveries that the events make that were due, written or not. */
  readonly expectedInAll: number;
  /** Events that the server refused, and why the first one was. */
  readonly refused: number;
  readonly refusal: string;
  /** Devices whose connection ended, and why the first one did. */
  readonly connectionsLost: number;
  readonly loss: string;
  /** From intended to written, 99th percentile of the windows, microseconds. */
  readonly lateP99Us: number;
  /** Share of one core that this process took since the first window. */
  readonly busy: number;
}

/** Since the start of the process, but for `windows`, which are those since the last report. */
export interface ReceiverReport {
  readonly windows: readonly WindowReport[];
  readonly receivedInAll: number;
  /** Not there although a later event of the same device is. */
  readonly lost: number;
  /** Of the lost ones, those that the server told. */
  readonly told: number;
  readonly duplicated: number;
  readonly disordered: number;
  /** Connections that ended during the run, and why the first one did. */
  readonly connectionsLost: number;
  readonly loss: string;
  /** Delay of this process's event loop, 99th percentile of the windows, microseconds. */
  readonly delayP99Us: number;
  readonly busy: number;
}

export interface WindowReport {
  /** Events whose bytes came in during the window. */
  readonly received: number;
  /** Of what was intended during the window, microseconds. */
  readonly latency: Packed;
  readonly vipLatency: Packed;
}
