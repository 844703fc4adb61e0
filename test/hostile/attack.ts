/** What an attack is, and what it has to work with. An attack runs in a process of its own and knows no victim. */
import type { Env } from '../support/hub-process.ts';
import type { Notes } from './notes.ts';

/** What the attacker is told; goes through IPC. */
export interface Target {
  readonly devicePort: number;
  readonly subscriberPort: number;
  readonly adminPort: number;
  /** MQTT over TCP. */
  readonly mqttPort: number;
}

export interface Scene {
  readonly target: Target;
  readonly notes: Notes;
  /** Aborted when the attack is over. */
  readonly signal: AbortSignal;
}

/** The victim's device. Attackers may know its id. */
export const VICTIM = 'victim';

/** The ways to run the hub that the attacks are tried on. */
export const rows = {
  'uws, 0 workers': { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '0' },
  'uws, 2 workers': { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '2' },
  'uws, 2 workers, 2 ingest threads': {
    DAT_TRANSPORT: 'uws',
    DAT_FANOUT_WORKERS: '2',
    DAT_INGEST_WORKERS: '2',
  },
  ws: { DAT_TRANSPORT: 'ws', DAT_FANOUT_WORKERS: '0' },
} as const satisfies Record<string, Env>;

export type RowName = keyof typeof rows;
export const rowNames = Object.keys(rows) as RowName[];

export interface Attack {
  /** For `--attacks`: kebab-case. */
  readonly name: string;
  /** What it does, for the table. */
  readonly what: string;
  /** On top of the defaults. `{directory}` stands for one that is the hub's own. */
  readonly env?: Env;
  /** Descriptors that the hub may have. */
  readonly files?: number;
  /** Whether everybody needs a token, the victim too. */
  readonly needsTokens?: boolean;
  /** What operators did before: requests to the admin API. */
  readonly operators?: readonly OperatorRequest[];
  /** Whether every event must be delivered. Otherwise it is enough that gaps tell of those that are not. */
  readonly losesNothing?: boolean;
  run(scene: Scene): Promise<void>;
}

export interface OperatorRequest {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** Whether it needs nothing but a hub as it comes. Such attacks can follow each other on one. */
export function isPlain({ env, files, needsTokens, operators }: Attack): boolean {
  return env === undefined && files === undefined && needsTokens !== true && operators === undefined;
}
