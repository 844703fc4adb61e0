/** A receiver of webhooks on loopback, as its author would write it with the reference library. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { bindFreePort } from './bind-free-port.ts';

export const WEBHOOK_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

export interface ReceivedChange {
  readonly device: string;
  readonly state: string;
  readonly reason: string | null;
  readonly at: number;
  readonly subscribers: Readonly<Record<'active' | 'inactive' | 'allow' | 'deny', number>>;
}

export interface ReceivedWebhook {
  readonly id: string;
  readonly atMs: number;
  readonly body: {
    readonly type: string;
    readonly timestamp: string;
    readonly data: { readonly changes: readonly ReceivedChange[]; readonly resync: boolean };
  };
}

export class WebhookReceiver {
  /** In order. */
  readonly received: ReceivedWebhook[] = [];
  /** When each request began, `performance.now()`, answered well or not. */
  readonly requests: number[] = [];
  /** Of requests whose signature is wrong. */
  readonly wrong: string[] = [];
  /** Answered until the test says otherwise; -1: no answer at all. */
  status = 200;
  headers: Readonly<Record<string, string>> = {};
  secret = WEBHOOK_SECRET;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      this.requests.push(performance.now());
      void this.#take(request).then(() => {
        if (this.status < 0) return;
        response.writeHead(this.status, this.headers);
        response.end('{"much":"nobody reads"}');
      });
    });
  }

  async start(): Promise<string> {
    return `http://127.0.0.1:${await bindFreePort(this.#server)}/hook`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** All that was told, in order. */
  changes(): ReceivedChange[] {
    return this.received.flatMap(({ body }) => body.data.changes);
  }

  /** What was told of a device, in order. */
  of(device: string): ReceivedChange[] {
    return this.changes().filter((change) => change.device === device);
  }

  async #take(request: IncomingMessage): Promise<void> {
    let text = '';
    for await (const chunk of request) text += chunk;
    if (this.status !== 200) return;
    try {
      const headers = request.headers as Record<string, string>;
      const body = new Webhook(this.secret).verify(text, headers) as ReceivedWebhook['body'];
      this.received.push({ id: headers['webhook-id'] ?? '', atMs: Date.now(), body });
    } catch (error) {
      this.wrong.push((error as Error).message);
    }
  }
}

/** @param requests when each began, in order */
export function mostInOneSecond(requests: readonly number[]): number {
  let first = 0;
  let most = 0;
  for (const [last, at] of requests.entries()) {
    while (at - requests[first]! >= 1000) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
