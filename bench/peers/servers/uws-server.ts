/** What the servers of a few lines of uWebSockets.js have in common: connections, follows, start and end. */
import {
  DISABLED,
  type TemplatedApp,
  us_socket_local_port,
  type WebSocket,
  type WebSocketBehavior,
} from 'uWebSockets.js';

interface Follow {
  readonly op?: string;
  readonly id?: unknown;
  readonly devices?: readonly string[];
}

/** @param newUser what a connection of this id keeps */
export function behaviourOf<User>(newUser: (id: string) => User): WebSocketBehavior<User> {
  return {
    compression: DISABLED,
    // A ping comes 16 s before: after 24 s, about as often as the hub and the other servers ping.
    idleTimeout: 40,
    sendPingsAutomatically: true,
    maxBackpressure: 1 << 20,
    upgrade: (response, request, context) =>
      response.upgrade(
        newUser(request.getQuery('id') ?? ''),
        request.getHeader('sec-websocket-key'),
        '',
        request.getHeader('sec-websocket-extensions'),
        context,
      ),
  };
}

/** Does what a subscriber asks. @param rowOf what the answer says of a device */
export function follow<User>(
  ws: WebSocket<User>,
  bytes: ArrayBuffer,
  rowOf: (device: string) => unknown,
): void {
  const { op, id, devices = [] } = JSON.parse(Buffer.from(bytes).toString()) as Follow;
  if (op === 'unsubscribe') {
    for (const device of devices) ws.unsubscribe(device);
    ws.send(JSON.stringify({ op: 'unsubscribed', id, devices }));
    return;
  }
  for (const device of devices) ws.subscribe(device);
  ws.send(JSON.stringify({ op: 'subscribed', id, devices: devices.map(rowOf), errors: [] }));
}

/** Listens on a free port, says which, and ends with SIGTERM. */
export function serve(app: TemplatedApp): void {
  app.listen('127.0.0.1', 0, (socket) => {
    if (socket) console.log(JSON.stringify({ msg: 'listening', port: us_socket_local_port(socket) }));
  });
  process.on('SIGTERM', () => {
    app.close();
    process.exit();
  });
}
