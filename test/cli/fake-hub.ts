/** A hub that answers as it is told, for what no hub of this build can be asked. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { bindFreePort } from '../support/bind-free-port.ts';

export interface AdminRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
}

type Answers = Readonly<Record<string, (request: AdminRequest) => unknown>>;

/**
 * The admin listener.
 * @param answers by `METHOD /path`; an object with `error` is sent with status 400
 * @returns its flag, and what it was asked
 */
export async function fakeAdmin(answers: Answers): Promise<{ flag: string[]; requests: AdminRequest[] }> {
  const requests: AdminRequest[] = [];
  const server = createServer((message, response) => {
    const request = requestOf(message);
    requests.push(request);
    const answer = answers[`${request.method} ${request.path}`]?.(request) ?? {
      error: { code: 'not_found', message: `no ${request.path}` },
    };
    response.statusCode = typeof answer === 'object' && answer !== null && 'error' in answer ? 400 : 200;
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });
  const port = await bindFreePort(server);
  onTestFinished(() => void server.close());
  return { flag: ['--admin-url', `http://127.0.0.1:${port}`], requests };
}

function requestOf({ method = '', url = '' }: IncomingMessage): AdminRequest {
  const { pathname, searchParams } = new URL(url, 'http://hub');
  return { method, path: pathname, query: searchParams };
}

export interface Peer {
  readonly url: URL;
  /** What it has sent, parsed. */
  readonly frames: readonly Record<string, unknown>[];
  send(frame: object): void;
  /** Until it has read what was sent to it: it answers a ping behind that. */
  hasRead(): Promise<void>;
  drop(): void;
}

/** A WebSocket listener. @param greet is told each peer that connects; the frames come after that */
export async function fakeListener(
  greet: (peer: Peer) => void,
  read: (frame: Record<string, unknown>, peer: Peer) => void = () => {},
): Promise<{ url: string; peers: Peer[] }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  const peers: Peer[] = [];
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  server.on('connection', (socket: WebSocket, { url = '' }) => {
    const frames: Record<string, unknown>[] = [];
    const peer: Peer = {
      url: new URL(url, 'ws://hub'),
      frames,
      send: (frame) => socket.send(JSON.stringify(frame)),
      hasRead: () =>
        new Promise((resolve) => {
          socket.once('pong', () => resolve());
          socket.ping();
        }),
      drop: () => socket.terminate(),
    };
    peers.push(peer);
    socket.on('message', (data: RawData) => {
      const frame = JSON.parse(String(data)) as Record<string, unknown>;
      frames.push(frame);
      read(frame, peer);
    });
    greet(peer);
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `ws://127.0.0.1:${port}`, peers };
}
