/** What may happen to a hub, and what comes of it. */
import type { EventType, Rule, Told } from './world.ts';

export type Ask = 'subscribe' | 'unsubscribe' | 'pause' | 'resume';

/** What a `subscribe` asks for beside its devices. */
export interface Wishes {
  readonly types?: readonly EventType[];
  readonly last?: boolean;
  readonly history?: number;
}

export type Command =
  | { readonly do: 'connectDevice' | 'leaveDevice' | 'loseDevice' | 'terminate'; readonly device: string }
  | {
      readonly do: 'publish';
      readonly device: string;
      readonly type: EventType;
      readonly content: number;
    }
  | { readonly do: 'operatorPublishes'; readonly device: string; readonly content: number }
  | { readonly do: 'connect' | 'wait' | 'recover' | 'drop' | 'kick'; readonly subscriber: string }
  | { readonly do: 'pauseAll' | 'resumeAll'; readonly subscriber: string }
  | ({
      readonly do: Ask;
      readonly subscriber: string;
      /** Ids and filters. */
      readonly names: readonly string[];
    } & Wishes)
  | {
      readonly do: 'allow' | 'activate' | 'hold' | 'deny' | 'remove';
      readonly device: string;
      readonly subscriber: string;
    }
  | { readonly do: 'vip'; readonly device: string; readonly subscriber: string; readonly vip: boolean }
  | { readonly do: 'rules'; readonly rules: readonly Rule[] };

/** What comes of a command, beside what subscribers are told. */
export interface Outcome {
  /** publish: the device's number, and whether nobody listens. */
  readonly seq?: number;
  readonly skipped?: boolean;
  /** connect: what is active again, or waits to be asked for. */
  readonly resumed?: readonly string[];
  readonly resumedFilters?: readonly string[];
  /** Requests: name → code of what is refused. */
  readonly refused?: Readonly<Record<string, number>>;
  /** subscribe, resume: filter → how many devices it follows, at least and at most. */
  readonly matched?: Readonly<Record<string, readonly [least: number, most: number]>>;
  /** recover: names that the client asks for again, and where it stands. */
  readonly again?: readonly string[];
  readonly since?: Readonly<Record<string, { readonly epoch: number; readonly seq: number }>>;
  /** A connection that is closed by it. */
  readonly closes?: boolean;
  /** rules: subscriptions that are gone. */
  readonly removed?: number;
  /** What each connected subscriber is told, in order per device. */
  readonly told?: ReadonlyMap<string, readonly Told[]>;
}
