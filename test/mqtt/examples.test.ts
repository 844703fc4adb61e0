/** The MQTT examples, run as their reader would, against a hub: their events arrive. */
import { once } from 'node:events';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { programPath } from '../support/programs.ts';
import { pythonWith, type RunningExample, runExample } from '../support/run-example.ts';
import { connect } from './client.ts';
import { type MqttHub, startMqttHub } from './harness.ts';

const python = pythonWith('paho.mqtt');
const hasMosquitto = programPath('mosquitto_pub') !== undefined;

describe('the examples over MQTT', () => {
  let hub: MqttHub;
  beforeAll(async () => {
    hub = await startMqttHub({ leaveGraceMs: 300 });
    return () => hub.stop();
  });
  const mqttEnv = (): Record<string, string> => ({
    MQTT_URL: `mqtt://127.0.0.1:${hub.tcpPort}`,
    MQTT_HOST: '127.0.0.1',
    MQTT_PORT: String(hub.tcpPort),
  });

  /** Waits until the device has told a status and a measurement, or the measurement alone. */
  async function hear(device: string, example: RunningExample, field: string): Promise<void> {
    const subscriber = await connect(hub, { clientId: `${device}-sub`, protocolVersion: 5 });
    await subscriber.subscribe(`devices/${device}/message`);
    const { payload } = await subscriber.next().catch((error: Error) => {
      throw new Error(`${error.message}\nthe example said:\n${example.said()}`);
    });
    expect(JSON.parse(payload)).toHaveProperty(field);
  }

  it('mqtt-js publishes a temperature and says goodbye', async () => {
    const example = runExample(process.execPath, ['examples/mqtt-js/device.js'], {
      ...mqttEnv(),
      DEVICE_ID: 'js-1',
    });
    const watcher = await connect(hub, { clientId: 'js-watcher' });
    await watcher.subscribe(['devices/js-1/status', 'devices/js-1/presence']);
    await hear('js-1', example, 'temperature');
    await eventually('it hears that the hub has it', () => /°C is with the hub/.test(example.said()));
    example.child.kill('SIGINT');
    await once(example.child, 'exit');
    await eventually('it is offline', () =>
      watcher.inbox.some(({ payload }) => payload.includes('"offline"')),
    );
    const statuses = watcher.inbox.filter(({ topic }) => topic.endsWith('/status'));
    expect(statuses.map(({ payload }) => payload)).toEqual(['measuring']);
  });

  it.each([
    ['over TCP', () => `mqtt://127.0.0.1:${hub.tcpPort}`],
    ['over WebSocket', () => `ws://127.0.0.1:${hub.subscriberPort}/mqtt`],
  ])('mqtt-js follows, %s', async (_, url) => {
    const filters = ['devices/followed/#', 'no/such/topic'];
    const { said } = runExample(process.execPath, ['examples/mqtt-js/follow.js', ...filters], {
      MQTT_URL: url(),
    });
    await eventually('it follows', () => said().includes('following'));
    await eventually('it tells what is refused', () => said().includes('no/such/topic: '));
    const device = await connect(hub, { clientId: 'followed' });
    await device.publish('devices/followed/message', 'hello', 1);
    await eventually('it sees the event', () => said().includes('live devices/followed/message hello'));
    await device.mqtt.endAsync();
  });

  it.skipIf(python === undefined)(
    'mqtt-python publishes a temperature and sees whether anybody listens',
    async () => {
      const script = ['-u', 'examples/mqtt-python/device.py'];
      const example = runExample(python ?? '', script, { ...mqttEnv(), DEVICE_ID: 'py-1' });
      await eventually('it hears that nobody listens', () => example.said().includes('nobody listens'));
      await hear('py-1', example, 'temperature');
      await eventually('it hears that somebody does', () => example.said().includes('somebody listens'));
      example.child.kill('SIGINT');
      await once(example.child, 'exit');
      expect(example.child.exitCode).toBe(0);
    },
  );

  it.skipIf(!hasMosquitto)('mqtt-mosquitto publishes the load and follows devices', async () => {
    const follower = runExample('stdbuf', ['-oL', 'sh', 'examples/mqtt-mosquitto/follow.sh'], mqttEnv());
    const example = runExample('sh', ['examples/mqtt-mosquitto/device.sh'], {
      ...mqttEnv(),
      DEVICE_ID: 'sh-1',
    });
    await hear('sh-1', example, 'load');
    await eventually('the other script sees it', () =>
      /^0 devices\/sh-1\/message \{"load"/m.test(follower.said()),
    );
    await eventually('it sees that the device is there', () =>
      /^[01] devices\/sh-1\/presence \{"state":"online"/m.test(follower.said()),
    );
  });
});
