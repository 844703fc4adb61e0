/** Commands between main and the cluster link, over a MessagePort. `request` is repeated in the answer. */
import type { MessagePort } from 'node:worker_threads';
import type { AccessRule } from '../access/rules.ts';
import type { LinkCounts } from './figures.ts';
import type { CallAnswer, HostFigures, OperatorChange } from './host.ts';
import type { ChangeResult } from './operators.ts';

/** A node as another sees it. */
export interface NodeFigures extends HostFigures, Pick<LinkCounts, 'eventsSent' | 'eventsReceived' | 'gaps'> {
  readonly node: string;
  readonly phase: LinkPhase;
  readonly version: string;
  /** Wall-clock ms. */
  readonly startedAtMs: number;
  /** Of the newest ping; undefined before the first, and for this node itself. */
  readonly roundTripMs: number | undefined;
}

/** The nodes of the cluster, as seen by one of them. */
export interface NodesAnswer {
  /** This one first. */
  readonly alive: readonly NodeFigures[];
  /** Ids of nodes that beat in the last minute, did not say goodbye and are not alive. */
  readonly lost: readonly string[];
}

/** A pair that an operator allowed or denied. */
export interface SetPair {
  readonly device: string;
  readonly subscriber: string;
  readonly access: 'allow' | 'deny';
}

/** What the link has counted. */
export interface LinkFigures {
  readonly counts: LinkCounts;
  /** Alive, this one included. */
  readonly nodes: number;
  /** The longest to any node, ms; 0 before the first measurement. */
  readonly roundTripMs: number;
}

/** Main's questions to the link. */
export type LinkQuestion =
  | { readonly ask: 'change'; readonly changes: readonly OperatorChange[] }
  | { readonly ask: 'locate'; readonly device: string }
  /** What the bucket holds for a pair, or for all pairs of a device or a subscriber. */
  | { readonly ask: 'pairs'; readonly device?: string; readonly subscriber?: string }
  /** The number for ending a subscriber on every node. */
  | { readonly ask: 'ending'; readonly subscriber: string }
  /** Whether a subscriber came here after it was ended on every node, with this number. */
  | { readonly ask: 'isNewer'; readonly subscriber: string; readonly number: number }
  | { readonly ask: 'nodes' }
  | { readonly ask: 'figures' }
  /** Answered once nothing has its home here any more, or no node takes the rest. */
  | { readonly ask: 'left' }
  | { readonly ask: 'call'; readonly node: string; readonly name: string; readonly body: Uint8Array };

export interface LinkAnswers {
  change: ChangeResult;
  /** undefined: no node has it. */
  locate: string | undefined;
  pairs: readonly SetPair[];
  ending: number;
  isNewer: boolean;
  nodes: NodesAnswer;
  figures: LinkFigures;
  left: boolean;
  call: CallAnswer;
}

export type ToLinkCommand =
  | { readonly kind: 'close' }
  /** From now on the owner rings here. */
  | { readonly kind: 'bell'; readonly bell: MessagePort }
  /** The hub drains: beats say so. */
  | { readonly kind: 'drain' }
  /** For tests. */
  | { readonly kind: 'fault' }
  | { readonly kind: 'question'; readonly request: number; readonly question: LinkQuestion }
  /** To `call`. */
  | { readonly kind: 'answer'; readonly request: number; readonly answer: CallAnswer };

export type LinkPhase = 'joining' | 'claiming' | 'in' | 'fenced';

export type FromLinkCommand =
  /** It accepts commands; `phase` gives its progress. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'phase'; readonly phase: LinkPhase }
  | { readonly kind: 'connected'; readonly connected: boolean }
  /** It cannot join the cluster, and retrying will not help. */
  | { readonly kind: 'refused'; readonly message: string }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly message: string;
      readonly fields: object;
    }
  | { readonly kind: 'answer'; readonly request: number; readonly answer: LinkAnswers[keyof LinkAnswers] }
  | { readonly kind: 'failed'; readonly request: number; readonly message: string }
  /** The bucket has these access rules. */
  | { readonly kind: 'rules'; readonly rules: readonly AccessRule[] }
  /** Another node asks for a route of this hub. */
  | { readonly kind: 'call'; readonly request: number; readonly name: string; readonly body: Uint8Array };
