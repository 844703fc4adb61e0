/**
 * Operators' actions and the hub's refusals: each is logged, and the newest are kept in memory for the admin API. Main.
 */
import type { Logger } from 'pino';
import type { JournalEntry } from '../edge/journal.ts';

/** An operator's request, and its outcome. */
export interface OperatorAction {
  /** Wall-clock ms. */
  readonly at: number;
  /** The token's subject, `admin token`, or `anyone` where no token is needed. */
  readonly who: string;
  /** Address. */
  readonly from: string;
  /** Method and path with its parameters by name: `PUT /v1/devices/:device/subscribers/:subscriber`. */
  readonly action: string;
  /** Parameters and what was to be changed; no payload, no secret. */
  readonly what: Readonly<Record<string, unknown>>;
  /** HTTP status of the answer. */
  readonly status: number;
  readonly tookMs: number;
}

/** An admin request without the right token, or from a page or host that is not allowed. */
export interface RefusedRequest {
  readonly at: number;
  readonly from: string;
  readonly action: string;
  readonly status: number;
  readonly message: string;
}

export type ActivityEntry =
  | ({ readonly kind: 'action' } & OperatorAction)
  | ({ readonly kind: 'refusedRequest' } & RefusedRequest)
  | ({ readonly thread: string } & Extract<JournalEntry, { kind: 'refused' | 'suppressed' }>);

/**
 * How many of the newest are kept, some hundred bytes each. Actions and refusals have separate limits, so that nobody
 * can push actions out.
 */
export const ACTIVITY_ENTRIES_MAX = 500;

/** Refused admin requests that are logged one by one in a second. */
const REQUESTS_PER_SECOND = 5;

/** Refusals that are caused by somebody's attempt, not by the hub's own state. */
const suspicious: ReadonlySet<string> = new Set(['token', 'role', 'banned', 'host', 'origin']);

export class Activity {
  readonly #logger: Logger;
  /** Oldest first. */
  readonly #actions: ActivityEntry[] = [];
  readonly #refusals: ActivityEntry[] = [];
  #second = 0;
  #loggedInSecond = 0;
  #suppressedRequests = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** The newest, newest first. */
  list(limit: number): readonly ActivityEntry[] {
    return [...this.#actions, ...this.#refusals].sort((one, other) => other.at - one.at).slice(0, limit);
  }

  action(action: OperatorAction): void {
    const { at: _, ...fields } = action;
    this.#keep({ kind: 'action', ...action });
    this.#logger.info(fields, 'operator action');
  }

  refusedRequest(request: RefusedRequest): void {
    const second = Math.floor(request.at / 1e3);
    if (second !== this.#second) {
      this.#second = second;
      this.#loggedInSecond = 0;
    }
    if (this.#loggedInSecond >= REQUESTS_PER_SECOND) {
      this.#suppressedRequests += 1;
      return;
    }
    this.#loggedInSecond += 1;
    const suppressed = this.#suppressedRequests;
    this.#suppressedRequests = 0;
    const { at: _, ...fields } = request;
    this.#keep({ kind: 'refusedRequest', ...request });
    this.#logger.warn(
      suppressed === 0 ? fields : { ...fields, suppressedBefore: suppressed },
      'admin request refused',
    );
  }

  /** Records an edge's reports about its peers. @param thread as in metrics */
  journal(thread: string, entries: readonly JournalEntry[]): void {
    for (const entry of entries) this.#note(thread, entry);
  }

  #note(thread: string, entry: JournalEntry): void {
    const { kind, at: _, ...fields } = entry;
    switch (kind) {
      case 'refused':
      case 'suppressed': {
        this.#keep({ thread, ...(entry as Extract<JournalEntry, { kind: 'refused' | 'suppressed' }>) });
        const level = suspicious.has((entry as { readonly reason: string }).reason) ? 'warn' : 'info';
        const message = kind === 'refused' ? 'connection refused' : 'more connections refused';
        this.#logger[level]({ thread, ...fields }, message);
        break;
      }
      case 'connected':
      case 'disconnected':
        this.#logger.debug({ thread, ...fields }, kind);
        break;
      default:
        this.#logger.debug({ thread, ...fields }, 'more connections than lines');
    }
  }

  #keep(entry: ActivityEntry): void {
    const kept = entry.kind === 'action' ? this.#actions : this.#refusals;
    kept.push(entry);
    if (kept.length > ACTIVITY_ENTRIES_MAX / 2) kept.shift();
  }
}
