/** The admin listener kept a request that was never finished for 60 to 90 seconds. */
import { connect, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { fakeHub } from '../admin/fake-hub.ts';
import { whilePrompt } from '../support/attempts.ts';

async function open(port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(text);
  socket.resume();
  return socket;
}

/** A process that stands still for so long cuts them off late itself. */
const LATE_MS = 5000;

/** What clients send and never finish: in one test, so that they wait beside each other. */
const unfinished = {
  'nothing at all': '',
  'half a head': 'GET /livez HTTP/1.1\r\nHost: x\r\n',
  'half a body':
    'PUT /v1/access/rules HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{',
} as const;

it('clients that send nothing, half a head or half a body are cut off after seconds', () =>
  whilePrompt(LATE_MS, async () => {
    const hub = await fakeHub();
    const ends = Object.entries(unfinished).map(async ([what, text]) => {
      const socket = await open(hub.port, text);
      const ended = await Promise.race([
        new Promise((resolve) => socket.once('close', () => resolve('closed'))),
        new Promise((resolve) => setTimeout(resolve, 40_000, 'still open').unref()),
      ]);
      return [what, ended];
    });
    expect(Object.fromEntries(await Promise.all(ends))).toEqual({
      'nothing at all': 'closed',
      'half a head': 'closed',
      'half a body': 'closed',
    });
  }));
