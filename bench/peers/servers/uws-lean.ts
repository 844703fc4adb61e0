/**
 * The peer to beat: one thread of uWebSockets.js that does as little as an event needs. It checks nothing of a frame,
 * greets nobody, and makes each event with a template around the frame's own text.
 */
import { App, DISABLED, us_socket_local_port, type WebSocketBehavior } from 'uWebSockets.js';

interface User {
  readonly id: string;
  seq: number;
}

interface Request {
  readonly op?: string;
  readonly id?: unknown;
  readonly devices?: readonly string[];
}

const app = App();
const behaviour: WebSocketBehavior<User> = {
  compression: DISABLED,
  idleTimeout: 60,
  sendPingsAutomatically: true,
  maxBackpressure: 1 << 20,
  upgrade: (response, request, context) =>
    response.upgrade(
      { id: request.getQuery('id') ?? '', seq: 0 },
      request.getHeader('sec-websocket-key'),
      '',
      request.getHeader('sec-websocket-extensions'),
      context,
    ),
};

app.ws<User>('/v1/device', {
  ...behaviour,
  message(ws, bytes) {
    const user = ws.getUserData();
    user.seq += 1;
    const text = Buffer.from(bytes).toString('latin1');
    // `{"type":…,"data":…}`: what follows the brace is the rest of the event.
    app.publish(
      user.id,
      `{"op":"event","device":"${user.id}","source":"device","seq":${user.seq},"at":${Date.now()},"priority":"normal",${text.slice(1)}`,
    );
  },
});

app.ws<User>('/v1/subscribe', {
  ...behaviour,
  message(ws, bytes) {
    const { op, id, devices = [] } = JSON.parse(Buffer.from(bytes).toString()) as Request;
    if (op === 'unsubscribe') {
      for (const device of devices) ws.unsubscribe(device);
      ws.send(JSON.stringify({ op: 'unsubscribed', id, devices }));
      return;
    }
    for (const device of devices) ws.subscribe(device);
    ws.send(JSON.stringify({ op: 'subscribed', id, devices, errors: [] }));
  },
});

app.listen('127.0.0.1', 0, (socket) => {
  if (socket) console.log(JSON.stringify({ msg: 'listening', port: us_socket_local_port(socket) }));
});
process.on('SIGTERM', () => {
  app.close();
  process.exit();
});
