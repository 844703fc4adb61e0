import { createServer } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { Disturber } from '../../bench/load/disturber.ts';
import type { Disturbance, Shape } from '../../bench/load/shapes.ts';
import { nowUs } from '../../src/cli/bench/clock.ts';
import { WHOLE } from '../../src/cli/bench/load.ts';
import { stampedJson } from '../../src/cli/bench/stamp.ts';
import { bindFreePort } from '../support/bind-free-port.ts';
import { eventually } from '../support/eventually.ts';

/** Lets everybody in, and calls `asked` with what a subscriber asks. */
async function disturbing(disturbance: Disturbance, asked: (socket: WebSocket) => void): Promise<Disturber> {
  const http = createServer();
  const hub = new WebSocketServer({ server: http });
  hub.on('connection', (socket) => {
    socket.on('message', () => asked(socket));
    socket.send('{"op":"welcome"}');
  });
  const url = `ws://127.0.0.1:${await bindFreePort(http)}`;
  const shape: Shape = {
    ...{ name: 'small', about: 'a disturbance alone', per: 'event', disturbance },
    ...{ devices: 1, rate: 1, subscribers: 0, following: 0 },
  };
  const target = { wire: 'websocket', deviceUrl: url, subscriberUrl: url };
  const disturber = await Disturber.open({ target, load: shape, share: WHOLE });
  onTestFinished(() => {
    disturber.close();
    hub.close();
    http.close();
    http.closeAllConnections();
  });
  return disturber;
}

const live = `{"op":"event","device":"dev-0","type":"message","seq":9,"data":${stampedJson(64)}}`;
const replayed = `{"op":"event","device":"dev-0","type":"message","seq":8,"replay":true,"data":${stampedJson(64)}}`;

const spanOf = (ms: number) => ({ fromUs: nowUs(), toUs: nowUs() + ms * 1e3 });

describe('what disturbs a load', () => {
  it('takes what comes live for no replay, and tells what was replayed after the window', async () => {
    let subscriber: WebSocket | undefined;
    const disturber = await disturbing({ replays: { subscribers: 1, devices: 1, events: 2 } }, (socket) => {
      subscriber = socket;
      for (let n = 0; n < 3; n++) socket.send(live);
    });
    await disturber.run(spanOf(100));
    await eventually('it has asked', () => subscriber !== undefined);
    for (let n = 0; n < 2; n++) subscriber!.send(replayed);
    expect(await disturber.report()).toMatchObject({ replayed: 0, unreplayed: 0 });
  });

  it('takes for replayed what the hub says is, even if it was sent after it was asked for', async () => {
    const sentLater = replayed.replace(/~\d{16}/, '~9999999999999999');
    const disturber = await disturbing({ replays: { subscribers: 1, devices: 1, events: 2 } }, (socket) => {
      for (let n = 0; n < 2; n++) socket.send(sentLater);
    });
    await disturber.run(spanOf(100));
    expect(await disturber.report()).toMatchObject({ unreplayed: 0 });
  });

  it('waits for the answer to a filter that comes after the window', async () => {
    let subscriber: WebSocket | undefined;
    const disturber = await disturbing({ filterOver: 0 }, (socket) => {
      subscriber = socket;
    });
    await disturber.run(spanOf(100));
    await eventually('it has asked', () => subscriber !== undefined);
    const report = disturber.report();
    subscriber!.send('{"op":"subscribed","devices":[],"errors":[]}');
    expect((await report).filterMs).toBeGreaterThan(0);
  });
});
