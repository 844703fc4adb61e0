/** What one writes first: one thread, parse, publish in the handler. The hub's contract as far as the loads need it. */
import { App } from 'uWebSockets.js';
import { behaviourOf, follow, serve } from './uws-server.ts';

interface User {
  readonly id: string;
}

interface Frame {
  readonly type?: string;
  readonly data?: unknown;
}

const app = App();
const behaviour = behaviourOf<User>((id) => ({ id }));
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
  message: (ws, bytes) =>
    follow(ws, bytes, (device) => ({ device, status: 'active', seq: seqs.get(device) ?? 0 })),
});

serve(app);
