/**
 * What an edge reports to main about its peers, for the log: refused upgrades, and, at log level `debug`, who connects
 * and disconnects. Peers decide how often this happens, so it is bounded: for each reason, some refusals a second are
 * reported one by one, and the rest as a number. Entries contain no secret and no payload.
 */
import type { RefusalReason } from '../access/admission.ts';
import type { Clock } from '../clock.ts';
import { LOOK_MS } from '../limits.ts';

export type JournalEntry =
  | {
      readonly kind: 'refused';
      /** Wall-clock ms. */
      readonly at: number;
      /** What the peer connects as; undefined: it has not said yet. */
      readonly role: string | undefined;
      readonly reason: RefusalReason;
      readonly status: number;
      readonly message: string;
      readonly address: string;
      /** The id that it asked for; undefined: none. */
      readonly id: string | undefined;
    }
  /** Refusals beyond those that were reported one by one. */
  | {
      readonly kind: 'suppressed';
      readonly at: number;
      readonly role: string | undefined;
      readonly reason: RefusalReason;
      readonly count: number;
    }
  | {
      readonly kind: 'connected';
      readonly at: number;
      readonly role: string;
      readonly id: string;
      readonly address: string;
    }
  | {
      readonly kind: 'disconnected';
      readonly at: number;
      readonly role: string;
      readonly id: string;
      readonly code: number;
      /** How long it was connected. */
      readonly afterMs: number;
    }
  /** Entries that did not fit between two reports. */
  | { readonly kind: 'lost'; readonly at: number; readonly count: number };

export interface JournalDeps {
  readonly clock: Clock;
  /** Read at every entry: a reload may change the level. */
  readonly settings: { readonly logLevel: string };
  /** Takes the entries to main. */
  say(entries: readonly JournalEntry[]): void;
}

type Refusal = Omit<Extract<JournalEntry, { kind: 'refused' }>, 'kind' | 'at'>;

/** Refusals for one reason that are reported one by one in a second. */
const TOLD_PER_SECOND = 5;
const WINDOW_MS = 1000;
/** Entries between two reports: nobody reads more than 10,000 connections a second one by one. */
const ENTRIES_MAX = 1000;
/** An id that was refused may be of any length. */
const ID_CHARACTERS_MAX = 128;

interface Window {
  readonly startMs: number;
  readonly refusal: Refusal;
  told: number;
  suppressed: number;
}

export class Journal {
  /** How often `tick` should run, which is how late a line may be. */
  readonly tickMs = LOOK_MS;
  readonly #deps: JournalDeps;
  /** By role and reason. */
  readonly #windows = new Map<string, Window>();
  #entries: JournalEntry[] = [];
  #lost = 0;

  constructor(deps: JournalDeps) {
    this.#deps = deps;
  }

  refused(refusal: Refusal): void {
    const { clock } = this.#deps;
    const key = `${refusal.role} ${refusal.reason}`;
    let window = this.#windows.get(key);
    if (window === undefined) {
      window = { startMs: clock.now(), refusal, told: 0, suppressed: 0 };
      this.#windows.set(key, window);
    }
    if (window.told === TOLD_PER_SECOND) {
      window.suppressed += 1;
      return;
    }
    window.told += 1;
    const id = refusal.id?.slice(0, ID_CHARACTERS_MAX);
    this.#add({ kind: 'refused', at: clock.wallNow(), ...refusal, id });
  }

  /** Whether connections are logged. */
  get tellsConnections(): boolean {
    const { logLevel } = this.#deps.settings;
    return logLevel === 'debug' || logLevel === 'trace';
  }

  connected(role: string, id: string, address: string): void {
    this.#add({ kind: 'connected', at: this.#deps.clock.wallNow(), role, id, address });
  }

  disconnected(role: string, id: string, code: number, connectedAt: number): void {
    const at = this.#deps.clock.wallNow();
    this.#add({ kind: 'disconnected', at, role, id, code, afterMs: Math.max(0, at - connectedAt) });
  }

  /** Reports the entries to main. */
  tick(): void {
    if (this.#windows.size === 0 && this.#entries.length === 0 && this.#lost === 0) return;
    const { clock, say } = this.#deps;
    const at = clock.wallNow();
    const now = clock.now();
    for (const [key, { startMs, refusal, suppressed: count }] of this.#windows) {
      if (now - startMs < WINDOW_MS) continue;
      this.#windows.delete(key);
      const { role, reason } = refusal;
      if (count > 0) this.#entries.push({ kind: 'suppressed', at, role, reason, count });
    }
    if (this.#lost > 0) this.#entries.push({ kind: 'lost', at, count: this.#lost });
    if (this.#entries.length === 0) return;
    const entries = this.#entries;
    this.#entries = [];
    this.#lost = 0;
    say(entries);
  }

  #add(entry: JournalEntry): void {
    if (this.#entries.length < ENTRIES_MAX) this.#entries.push(entry);
    else this.#lost += 1;
  }
}
