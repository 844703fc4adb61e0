/**
 * The webhook thread, as seen by main. It is restarted when it dies; if it dies too often, the hub continues without
 * it.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import { systemClock } from '../clock.ts';
import type { PresenceMemory } from '../presence/memory.ts';
import {
  FromWebhooks,
  type FromWebhooksCommand,
  ToWebhooks,
  type ToWebhooksCommand,
} from '../records/commands.ts';
import { beginLag, createWebhookCounters, type WebhookFigures, webhookFigures } from '../webhooks/memory.ts';
import type { WebhookSettings } from '../webhooks/webhooks.ts';
import { CrashLimit } from './crash-limit.ts';
import { Thread } from './thread.ts';

export interface WebhookTask {
  readonly presence: PresenceMemory;
  readonly settings: WebhookSettings;
  readonly counters: SharedArrayBuffer;
  readonly resync: boolean;
  /** Commands from main. */
  readonly port: MessagePort;
}

export class WebhookThread {
  readonly #thread: Thread<FromWebhooksCommand>;
  readonly #counters = createWebhookCounters();

  /**
   * @param settings in force: a thread that is started again reads them again
   * @param resync the receiver may have missed something before this hub started
   */
  constructor(presence: PresenceMemory, settings: WebhookSettings, resync: boolean, logger: Logger) {
    let isFirst = true;
    this.#thread = new Thread({
      code: 'webhooks',
      name: 'webhooks',
      crashes: new CrashLimit(systemClock), // its own: the hub need not end for it
      task: () => {
        const { webhookUrl, webhookSecret, webhookCoalesceMs } = settings;
        const own = { webhookUrl, webhookSecret, webhookCoalesceMs };
        const data = { presence, settings: own, counters: this.#counters, resync: resync || !isFirst };
        isFirst = false;
        return { data, transfer: [] };
      },
      isReady: ({ kind }) => kind === FromWebhooks.Ready,
      received(message) {
        if (message.kind !== FromWebhooks.Changed) return;
        if (message.failure === undefined) logger.info('the webhook receiver answers again');
        else logger.warn({ why: message.failure }, 'the webhook receiver fails; trying again');
      },
      ended: () => {},
      restarting: (failure) => {
        this.#lag();
        logger.error({ err: failure }, 'the webhook thread died; another takes its place');
      },
      failed: (failure) => {
        this.#lag();
        logger.error({ err: failure }, 'the webhook thread died too often: no more webhooks');
      },
    });
  }

  /** How often it died and was restarted. */
  get restarts(): number {
    return this.#thread.restarts;
  }

  async start(): Promise<void> {
    await this.#thread.start();
  }

  figures(): WebhookFigures {
    return webhookFigures(this.#counters, systemClock.now());
  }

  /** @param settings that a reload changed, whichever they are */
  reload({ webhookUrl, webhookSecret, webhookCoalesceMs }: Partial<WebhookSettings>): void {
    const given = Object.entries({ webhookUrl, webhookSecret, webhookCoalesceMs });
    const settings = Object.fromEntries(given.filter(([, value]) => value !== undefined));
    this.#post({ kind: ToWebhooks.Reload, settings });
  }

  async stop(): Promise<void> {
    await this.#thread.stop(() => this.#post({ kind: ToWebhooks.Stop }), true);
  }

  /** Nobody tells the receiver anything: it has all again once another thread has told it so. */
  #lag(): void {
    beginLag(new Float64Array(this.#counters), systemClock.now());
  }

  #post(command: ToWebhooksCommand): void {
    this.#thread.life?.port.postMessage(command);
  }
}
