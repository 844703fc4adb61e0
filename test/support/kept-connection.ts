/** One connection to the admin listener that stays open, for when the hub has no descriptor for another. */
import { Agent, request } from 'node:http';
import { Metrics } from './admin.ts';

export interface KeptAnswer {
  readonly status: number;
  readonly text: string;
}

export class KeptConnection {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(port: number) {
    this.#port = port;
  }

  ask(method: string, path: string, body?: unknown): Promise<KeptAnswer> {
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' };
      const asked = request(
        { port: this.#port, host: '127.0.0.1', path, method, headers, agent: this.#agent },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        },
      );
      asked.on('error', reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async metrics(): Promise<Metrics> {
    return new Metrics((await this.ask('GET', '/metrics')).text);
  }

  close(): void {
    this.#agent.destroy();
  }
}
