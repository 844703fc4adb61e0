/** The `ws` package and a loop over the sockets of a device: parse, make the text once, send. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

interface Frame {
  readonly op?: string;
  readonly id?: unknown;
  readonly devices?: readonly string[];
  readonly type?: string;
  readonly data?: unknown;
}

const followers = new Map<string, Set<WebSocket>>();
const seqs = new Map<string, number>();
const sockets = new Set<WebSocket>();
const http = createServer();
const server = new WebSocketServer({ server: http, perMessageDeflate: false });

server.on('connection', (socket, request) => {
  const url = new URL(request.url ?? '', 'http://localhost');
  const id = url.searchParams.get('id') ?? '';
  sockets.add(socket);
  socket.on('error', () => {});
  if (url.pathname === '/v1/device') device(socket, id);
  else subscriber(socket, id);
});

function device(socket: WebSocket, id: string): void {
  socket.on('close', () => sockets.delete(socket));
  socket.on('message', (bytes) => {
    const frame = JSON.parse(String(bytes)) as Frame;
    const seq = (seqs.get(id) ?? 0) + 1;
    seqs.set(id, seq);
    const event = {
      op: 'event',
      device: id,
      type: frame.type,
      source: 'device',
      seq,
      at: Date.now(),
      priority: 'normal',
      data: frame.data,
    };
    const text = JSON.stringify(event);
    for (const follower of followers.get(id) ?? []) follower.send(text);
  });
  socket.send(JSON.stringify({ op: 'welcome', device: id, pingIntervalMs: 25_000 }));
}

function subscriber(socket: WebSocket, id: string): void {
  const follows = new Set<string>();
  socket.on('close', () => {
    sockets.delete(socket);
    for (const name of follows) followers.get(name)?.delete(socket);
  });
  socket.on('message', (bytes) => {
    const { op, id: request, devices = [] } = JSON.parse(String(bytes)) as Frame;
    if (op === 'unsubscribe') {
      for (const name of devices) {
        follows.delete(name);
        followers.get(name)?.delete(socket);
      }
      socket.send(JSON.stringify({ op: 'unsubscribed', id: request, devices }));
      return;
    }
    for (const name of devices) {
      follows.add(name);
      const set = followers.get(name) ?? new Set();
      followers.set(name, set.add(socket));
    }
    const rows = devices.map((name) => ({ device: name, status: 'active', seq: seqs.get(name) ?? 0 }));
    socket.send(JSON.stringify({ op: 'subscribed', id: request, devices: rows, errors: [] }));
  });
  socket.send(JSON.stringify({ op: 'welcome', subscriber: id, pingIntervalMs: 25_000, resumed: [] }));
}

setInterval(() => {
  for (const socket of sockets) socket.ping();
}, 25_000);
http.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ msg: 'listening', port: (http.address() as AddressInfo).port }));
});
process.on('SIGTERM', () => process.exit());
