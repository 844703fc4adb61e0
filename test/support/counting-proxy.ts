/** Passes HTTP on to a port and notes what is asked: for requests that a browser makes where no test can see them. */
import { createServer, request } from 'node:http';
import { onTestFinished } from 'vitest';
import { bindFreePort } from './bind-free-port.ts';

export interface CountingProxy {
  readonly port: number;
  /** Requests so far, as `METHOD /path?query`. */
  readonly asked: readonly string[];
  /** Requests that were not answered to the end yet, by their path without its query. */
  open(path: string): number;
}

/** Starts one that ends with the test. */
export async function countingProxy(to: number): Promise<CountingProxy> {
  const asked: string[] = [];
  const open = new Map<string, number>();
  const server = createServer((incoming, answer) => {
    const { method = '', url = '', headers } = incoming;
    const path = url.split('?')[0] ?? '';
    const count = (by: number): void => void open.set(path, (open.get(path) ?? 0) + by);
    asked.push(`${method} ${url}`);
    count(1);
    const onward = request({ host: '127.0.0.1', port: to, method, path: url, headers }, (answered) => {
      answer.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => {
      count(-1);
      onward.destroy();
    });
    incoming.pipe(onward);
  });
  const port = await bindFreePort(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port, asked, open: (path) => open.get(path) ?? 0 };
}
