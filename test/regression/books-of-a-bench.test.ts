import { createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { nowUs } from '../../src/cli/bench/clock.ts';
import { Receiver } from '../../src/cli/bench/receiver.ts';
import { Sender } from '../../src/cli/bench/sender.ts';
import { findStamp, STAMP_BYTES, stampedJson, writeStamp } from '../../src/cli/bench/stamp.ts';
import type { Wire } from '../../src/cli/bench/wires/wire.ts';
import { bindFreePort } from '../support/bind-free-port.ts';
import { eventually } from '../support/eventually.ts';

/** Bare events: whoever has said hello is ready, and every stamp that comes is an event. */
const bare: Wire = {
  publish: (_device, json) => Buffer.from(json),
  converse: (_speaker, on) => ({
    hello: Buffer.from('hello'),
    take(bytes, from, to) {
      on.ready();
      for (let at = findStamp(bytes, from, to); at >= 0; at = findStamp(bytes, at + STAMP_BYTES, to))
        on.event(bytes, at, to);
      return to;
    },
  }),
};

const load = { devices: 1, rate: 100, subscribers: 1, following: 1 };

async function orderTo(connected: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => connected(socket));
  });
  onTestFinished(() => void server.close());
  const url = `ws://127.0.0.1:${await bindFreePort(server)}`;
  return { target: { wire: 'bare', deviceUrl: url, subscriberUrl: url }, load, share: { index: 0, of: 1 } };
}

function event(intendedUs: number, count: number): Buffer {
  const bytes = Buffer.from(stampedJson(128));
  writeStamp(bytes, findStamp(bytes, 0, bytes.length), intendedUs, 0, count);
  return bytes;
}

describe('the books of a bench', () => {
  it('leave out what a hub kept of an earlier load of the same devices', async () => {
    const earlierUs = nowUs();
    let hub: Socket | undefined;
    const order = await orderTo((socket) => {
      hub = socket;
      socket.write(event(earlierUs, 41));
    });
    const receiver = await Receiver.open(order, { bare });
    onTestFinished(() => receiver.close());
    hub!.write(Buffer.concat([event(nowUs(), 1), event(nowUs() + 3600e6, 42), event(nowUs(), 2)]));
    await eventually('both have come', async () => {
      const { receivedInAll } = await receiver.report();
      return receivedInAll >= 2;
    });
    expect(await receiver.report()).toMatchObject({
      ...{ receivedInAll: 2, lost: 0, duplicated: 0, disordered: 0 },
    });
  });

  it('count what came while the process of the subscribers stood still, before the end of the run is read', async () => {
    let hub: Socket | undefined;
    const order = await orderTo((socket) => {
      hub = socket;
      socket.write('ready');
    });
    const receiver = await Receiver.open(order, { bare });
    onTestFinished(() => receiver.close());
    hub!.write(event(nowUs(), 1));
    await eventually('the first has come', () => receiver.progress().received === 1);
    await new Promise((resolve) => setImmediate(resolve)); // so that timers come next, before sockets
    const report = receiver.report();
    hub!.write(event(nowUs(), 2));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000);
    expect(await report).toMatchObject({ receivedInAll: 2, lost: 0 });
  });

  it('count what was due and could not be sent', async () => {
    const order = await orderTo((socket) => {
      socket.write('ready');
      socket.destroySoon();
    });
    const sender = await Sender.open(order, { bare });
    onTestFinished(() => sender.close());
    await eventually('the hub has cut the device off', async () => {
      const { connectionsLost } = await sender.report();
      return connectionsLost === 1;
    });
    const nowIs = nowUs();
    await sender.run({ fromUs: nowIs - 1e6, toUs: nowIs }, load.rate);
    expect(await sender.report()).toMatchObject({ sentInAll: 0, unsent: 100, expectedInAll: 100 });
  });
});
