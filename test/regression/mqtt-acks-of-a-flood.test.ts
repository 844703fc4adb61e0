/**
 * Under a flood a thread hears the owner from within a publish. An answer to that very event came before the state
 * machine knew of it, and was lost: the client waited for its PUBACK for ever.
 */
import { connect } from 'node:net';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { expect, it, onTestFinished } from 'vitest';
import { startMqttHub } from '../mqtt/harness.ts';
import { eventually } from '../support/eventually.ts';

const EVENTS = 8000;
const ROUNDS = 5;

it.each([0, 1])('every event of a flood is acknowledged, with %i workers', async (workers) => {
  const hub = await startMqttHub({ workers });
  onTestFinished(() => hub.stop());
  const socket = connect({ port: hub.tcpPort, host: '127.0.0.1' });
  onTestFinished(() => void socket.destroy());
  const parser = mqttPacket.parser();
  const acked = new Set<number>();
  let isConnected = false;
  let follows = false;
  parser.on('packet', ({ cmd, messageId = 0 }: Packet) => {
    if (cmd === 'connack') isConnected = true;
    else if (cmd === 'suback') follows = true;
    else if (cmd === 'puback') acked.add(messageId);
  });
  socket.on('data', (bytes) => void parser.parse(bytes));
  const connectPacket = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId: 'dev' } as const;
  socket.write(mqttPacket.generate({ ...connectPacket, clean: true, keepalive: 0 }));
  await eventually('CONNACK', () => isConnected);
  // The client follows itself: so its thread also delivers, and listens to the owner while it publishes.
  const subscriptions = [{ topic: 'devices/dev/status', qos: 0 as const }];
  socket.write(mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions }));
  await eventually('SUBACK', () => follows);
  const publish = { cmd: 'publish', topic: 'devices/dev/message', payload: '1', qos: 1 } as const;
  for (let round = 0; round < ROUNDS; round++) {
    acked.clear();
    const flood = Array.from({ length: EVENTS }, (_, i) =>
      mqttPacket.generate({ ...publish, messageId: i + 1, dup: false, retain: false }),
    );
    socket.write(Buffer.concat(flood));
    await eventually('all are acknowledged', () => acked.size === EVENTS);
  }
  expect(acked.size).toBe(EVENTS);
});
