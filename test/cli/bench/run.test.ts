import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { LoadRun } from '../../../src/cli/bench/run.ts';
import { bindFreePort } from '../../support/bind-free-port.ts';

const WELCOME = '{"op":"welcome"}';
const device = { devices: 1, rate: 1, subscribers: 0, following: 0 };

/** @param url of devices @param processes that play them */
async function open(url: string, processes: number, stop = new AbortController().signal): Promise<LoadRun> {
  const target = { wire: 'websocket', deviceUrl: url, subscriberUrl: url };
  const told = { stage: () => {}, tick: () => {} };
  const count = { devices: processes, subscribers: 0 };
  const run = await LoadRun.open({ target, load: device, processes: count, stop, ...told });
  onTestFinished(() => run.close());
  return run;
}

/** @returns its URL */
async function hubOf(connected: (socket: WebSocket) => void): Promise<string> {
  const http = createServer();
  const hub = new WebSocketServer({ server: http });
  hub.on('connection', connected);
  onTestFinished(() => {
    hub.close();
    http.close();
    http.closeAllConnections();
  });
  return `ws://127.0.0.1:${await bindFreePort(http)}`;
}

it('leaves no listener behind for each rate that it plays, of which Node would warn', async () => {
  const { signal } = new AbortController();
  const run = await open('ws://127.0.0.1:1', 0, signal);
  await run.play(1, 0, 1);
  const after = getEventListeners(signal, 'abort').length;
  await run.play(2, 0, 1);
  expect(getEventListeners(signal, 'abort').length).toBe(after);
});

it('plays the next rate with all peers once a hub that cut some off takes them back', async () => {
  let connected = 0;
  const url = await hubOf((socket) => {
    connected += 1;
    if (connected === 1) socket.on('message', () => socket.terminate());
    if (connected === 2) socket.close(1013);
    else socket.send(WELCOME);
  });
  const run = await open(url, 1);
  while ((await run.play(100, 0, 300)).cutOff === 0);
  for (let n = 0; n < 2; n++) {
    await run.restore();
    expect(await run.play(10, 0, 300)).toMatchObject({ cutOff: 0, unsent: 0, sent: 3 });
  }
  expect(connected).toBe(3);
});

it('tells of a rate what was refused at it, and not what was at an earlier one', async () => {
  let isRefusing = true;
  const url = await hubOf((socket) => {
    socket.on('message', () => isRefusing && socket.send('{"op":"error","message":"too fast"}'));
    socket.send(WELCOME);
  });
  const run = await open(url, 1);
  while ((await run.play(20, 0, 200)).reasons.length === 0);
  isRefusing = false;
  await run.play(20, 0, 200);
  expect(await run.play(20, 0, 200)).toMatchObject({ refused: 0, reasons: [] });
});
