/** What one writes first: one thread, parse, publish in the handler. The hub's contract as far as the loads need it. */
import { App, DISABLED, us_socket_local_port, type WebSocketBehavior } from 'uWebSockets.js';

interface User {
  readonly id: string;
}

interface Frame {
  readonly op?: string;
  readonly id?: unknown;
  readonly devices?: readonly string[];
  readonly type?: string;
  readonly data?: unknown;
}

const app = App();
const behaviour: WebSocketBehavior<User> = {
  compression: DISABLED,
  idleTimeout: 60,
  sendPingsAutomatically: true,
  maxBackpressure: 1 << 20,
  upgrade: (response, request, context) =>
    response.upgrade(
      { id: request.getQuery('id') ?? '' },
      request.getHeader('sec-websocket-key'),
      '',
      request.getHeader('sec-websocket-extensions'),
      context,
    ),
};
const seqs = new Map<string, number>();

app.ws<User>('/v1/device', {
  ...behaviour,
  open(ws) {
    ws.send(JSON.stringify({ op: 'welcome', device: ws.getUserData().id, pingIntervalMs: 25_000 }));
  },
  message(ws, bytes) {
    const frame = JSON.parse(Buffer.from(bytes).toString()) as Frame;
    const { id } = ws.getUserData();
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
    app.publish(id, JSON.stringify(event));
  },
});

app.ws<User>('/v1/subscribe', {
  ...behaviour,
  open(ws) {
    const { id } = ws.getUserData();
    ws.send(JSON.stringify({ op: 'welcome', subscriber: id, pingIntervalMs: 25_000, resumed: [] }));
  },
  message(ws, bytes) {
    const { op, id, devices = [] } = JSON.parse(Buffer.from(bytes).toString()) as Frame;
    if (op === 'unsubscribe') {
      for (const device of devices) ws.unsubscribe(device);
      ws.send(JSON.stringify({ op: 'unsubscribed', id, devices }));
      return;
    }
    for (const device of devices) ws.subscribe(device);
    const rows = devices.map((device) => ({ device, status: 'active', seq: seqs.get(device) ?? 0 }));
    ws.send(JSON.stringify({ op: 'subscribed', id, devices: rows, errors: [] }));
  },
});

app.listen('127.0.0.1', 0, (socket) => {
  if (socket) console.log(JSON.stringify({ msg: 'listening', port: us_socket_local_port(socket) }));
});
process.on('SIGTERM', () => {
  app.close();
  process.exit();
});
