/** Socket.IO with a room for each device. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';

interface Frame {
  readonly type?: string;
  readonly data?: unknown;
}

const seqs = new Map<string, number>();
const http = createServer();
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false });

io.on('connection', (socket) => {
  const { id = '' } = socket.handshake.query as { id?: string };
  socket.on('subscribe', (devices: string[], answer: () => void) => {
    void socket.join(devices);
    answer();
  });
  socket.on('event', (frame: Frame) => {
    const seq = (seqs.get(id) ?? 0) + 1;
    seqs.set(id, seq);
    const { type, data } = frame;
    io.to(id).emit('event', {
      device: id,
      type,
      source: 'device',
      seq,
      at: Date.now(),
      priority: 'normal',
      data,
    });
  });
});

http.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ msg: 'listening', port: (http.address() as AddressInfo).port }));
});
process.on('SIGTERM', () => process.exit());
