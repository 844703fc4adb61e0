/**
 * Socket.IO with a room for each device. With a port of Redis as its argument it is one of several servers, which pass
 * events to each other through Redis.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from '@redis/client';
import { createAdapter } from '@socket.io/redis-adapter';
import { Server } from 'socket.io';

interface Frame {
  readonly type?: string;
  readonly data?: unknown;
}

const seqs = new Map<string, number>();
const http = createServer();
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false });
const [redisPort] = process.argv.slice(2);
if (redisPort !== undefined) io.adapter(await redisAdapter(Number(redisPort)));

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

async function redisAdapter(port: number): Promise<ReturnType<typeof createAdapter>> {
  const publisher = createClient({ socket: { host: '127.0.0.1', port } });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return createAdapter(publisher, subscriber);
}
