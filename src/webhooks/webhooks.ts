/**
 * Tells a receiver of devices that come, go and are followed: looks at the presence table every so often and sends what
 * has changed, in batches, one after the other. A change that cannot be told stays one until it can, or is none any more.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { PresenceReader } from '../presence/reader.ts';
import { DeviceChanges, type FoundChange } from './changes.ts';
import { beginLag, WebhookCounter } from './memory.ts';
import { type SenderDeps, WebhookSender, type WebhookTarget } from './sender.ts';

export interface WebhookSettings {
  readonly webhookUrl: string;
  readonly webhookSecret: string;
  readonly webhookCoalesceMs: number;
}

export interface WebhooksDeps {
  readonly presence: PresenceReader;
  readonly clock: Clock;
  /** Read whenever they are used: a reload may change them. */
  readonly settings: WebhookSettings;
  readonly counters: SharedArrayBuffer;
  readonly fetch: SenderDeps['fetch'];
  /** The receiver may have missed something before this began. */
  readonly resync: boolean;
  /** The receiver began to fail, with why, or works again. Not told of every try. */
  changed(failure: string | undefined): void;
}

/** A request of about 80 KB. */
const CHANGES_PER_REQUEST = 500;
/** Rows looked at in one go: well under a millisecond. */
const ROWS_PER_LOOK = 65_536;

export class Webhooks {
  readonly #deps: WebhooksDeps;
  readonly #changes: DeviceChanges;
  readonly #sender: WebhookSender;
  readonly #cells: Float64Array;
  readonly #end = new AbortController();
  #resync: boolean;
  #isFailing = false;

  constructor(deps: WebhooksDeps) {
    this.#deps = deps;
    this.#resync = deps.resync;
    this.#changes = new DeviceChanges(deps.presence, deps.clock);
    this.#cells = new Float64Array(deps.counters);
    const { signal } = this.#end;
    this.#sender = new WebhookSender({
      receiver: () => this.#receiver(),
      fetch: deps.fetch,
      wallNow: () => deps.clock.wallNow(),
      sleep: (ms) => delay(ms, undefined, { signal }),
      signal,
      tried: (failure) => this.#tried(failure),
    });
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    const { signal } = this.#end;
    try {
      while (!signal.aborted) {
        await delay(this.#deps.settings.webhookCoalesceMs, undefined, { signal });
        await this.round();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  stop(): void {
    this.#end.abort();
  }

  /** Looks at the whole table once and tells what has changed. */
  async round(): Promise<void> {
    let at: number | undefined = 0;
    let batch: FoundChange[] = [];
    let isAllTold = true;
    while (at !== undefined) {
      const { found, next } = this.#changes.find(at, CHANGES_PER_REQUEST - batch.length, ROWS_PER_LOOK);
      batch.push(...found);
      at = next;
      if (batch.length >= CHANGES_PER_REQUEST || (at === undefined && batch.length > 0)) {
        isAllTold = (await this.#tell(batch)) && isAllTold;
        batch = [];
      } else if (at !== undefined) await turn();
    }
    // What may have been missed is told though nothing has changed since.
    if (isAllTold && this.#resync) isAllTold = await this.#tell([]);
    if (isAllTold) this.#cells[WebhookCounter.laggingSinceMs] = 0;
  }

  /** @returns whether the receiver has it */
  async #tell(batch: readonly FoundChange[]): Promise<boolean> {
    const cells = this.#cells;
    beginLag(cells, this.#deps.clock.now());
    const changes = batch.map(({ change }) => change);
    if (await this.#sender.send({ changes, resync: this.#resync })) {
      this.#changes.told(batch);
      this.#resync = false;
      cells[WebhookCounter.changes]! += changes.length;
      return true;
    }
    // It is told what is so by then: that a device was away and came back in between, it never hears.
    cells[WebhookCounter.dropped]! += changes.length;
    this.#resync = true;
    return false;
  }

  #receiver(): WebhookTarget {
    const { webhookUrl: url, webhookSecret: secret } = this.#deps.settings;
    return { url, secret };
  }

  #tried(failure: string | undefined): void {
    this.#cells[failure === undefined ? WebhookCounter.sent : WebhookCounter.failed]! += 1;
    if (this.#isFailing === (failure !== undefined)) return;
    this.#isFailing = failure !== undefined;
    this.#deps.changed(failure);
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
