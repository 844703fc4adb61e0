/** The admin listener kept a request that was never finished for 60 to 90 seconds. */
import { connect, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { fakeHub } from '../admin/fake-hub.ts';

async function open(port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(text);
  socket.resume();
  return socket;
}

it.each([
  ['nothing at all', ''],
  ['half a head', 'GET /livez HTTP/1.1\r\nHost: x\r\n'],
  [
    'half a body',
    'PUT /v1/access/rules HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{',
  ],
])('a client that sends %s is cut off after seconds', async (_, text) => {
  const hub = await fakeHub();
  const socket = await open(hub.port, text);
  const ended = await Promise.race([
    new Promise((resolve) => socket.once('close', () => resolve('closed'))),
    new Promise((resolve) => setTimeout(resolve, 40_000, 'still open')),
  ]);
  expect(ended).toBe('closed');
});
