/**
 * An MQTT client that publishes and reads nothing is closed when its acknowledgements fill its queue. Its DISCONNECT found
 * no room either, for which the client was to be closed, and so on until the stack was full.
 */
import { expect, it } from 'vitest';
import { closes } from '../../src/codes.ts';
import { Client } from '../edge/mqtt/mqtt-client.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

it.each(['mqttTcp', 'mqttDevice'] as const)('it is told once that it is slow (%s)', async (route) => {
  const hub = new OneThreadHub();
  const client = await Client.in(hub, 'dev', { route });
  const { socket } = client;
  let sends = 0;
  socket.send = () => {
    sends += 1;
    if (socket.closed === undefined) socket.handlers.dropped(socket); // as a transport whose queue is full
  };
  client.publish('devices/dev/message', '1', 1);
  await hub.settle();
  expect(socket.closed).toEqual({ code: closes.slow.code, reason: closes.slow.reason });
  expect([sends, hub.failures]).toEqual([2, []]); // PUBACK, DISCONNECT
  expect(hub.count('failedFrames')).toBe(0);
  expect([...hub.edge.mqtt.all]).toEqual([]);
});
