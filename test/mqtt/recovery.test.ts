/** MQTT clients of a hub whose threads die. */
import { beforeEach, describe, expect, it } from 'vitest';
import { admin, Metrics } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { type ClientOptions, connect } from './client.ts';
import { ADMIN_TOKEN, type MqttHub, startMqttHub } from './harness.ts';

describe('a hub whose threads die', () => {
  let hub: MqttHub;
  beforeEach(async () => {
    hub = await startMqttHub({
      workers: 2,
      leaveGraceMs: 300,
      env: { DAT_FAULT_INJECTION: 'true' },
    });
    return () => hub.stop();
  });

  async function restarts(role: 'owner' | 'fanout'): Promise<number> {
    const { text } = await admin(hub.adminPort, 'GET', '/metrics', { token: ADMIN_TOKEN });
    return new Metrics(text).value('dat_worker_restarts_total', { role });
  }

  async function breakThread(body: object, role: 'owner' | 'fanout'): Promise<void> {
    const { status, text } = await admin(hub.adminPort, 'POST', '/v1/faults', { token: ADMIN_TOKEN, body });
    expect(status, text).toBeLessThan(300);
    await eventually('another takes its place', async () => (await restarts(role)) === 1);
    await eventually(
      'the hub is ready',
      async () => (await admin(hub.adminPort, 'GET', '/readyz')).status === 200,
    );
  }

  const keeping: ClientOptions = {
    protocolVersion: 5,
    clean: false,
    resubscribe: false,
    properties: { sessionExpiryInterval: 100 },
  };

  it('goes on with clients, connected and absent, when the owner died, takeover and wills included', async () => {
    const will = {
      topic: 'devices/dev/status',
      payload: Buffer.from('gone'),
      qos: 0,
      retain: false,
    } as const;
    const device = await connect(hub, { clientId: 'dev', protocolVersion: 5, will });
    const subscriber = await connect(hub, { clientId: 'sub', way: 'subscriber', ...keeping });
    await subscriber.subscribe(['devices/+/message', 'devices/dev/status', 'devices/dev/interest']);
    const absent = await connect(hub, { clientId: 'absent', way: 'tcp', ...keeping });
    await absent.subscribe('devices/dev/message');
    await absent.mqtt.endAsync();
    await device.publish('devices/dev/message', 'before', 1);
    expect(await subscriber.texts(1)).toEqual(['devices/dev/message before']);
    await breakThread({ thread: 'owner', how: 'terminate' }, 'owner');
    for (const qos of [1, 2] as const) await device.publish('devices/dev/message', `after ${qos}`, qos);
    expect(await subscriber.texts(2)).toEqual(['devices/dev/message after 1', 'devices/dev/message after 2']);
    const newer = await connect(hub, { clientId: 'sub', way: 'tcp', ...keeping });
    await subscriber.ended();
    expect(subscriber.disconnectReason).toBe(0x8e);
    expect(newer.packets[0]).toMatchObject({ sessionPresent: true });
    const back = await connect(hub, { clientId: 'absent', way: 'subscriber', ...keeping });
    expect(back.packets[0]).toMatchObject({ sessionPresent: true });
    await device.publish('devices/dev/message', 'again', 1);
    expect(await back.texts(1)).toEqual(['devices/dev/message again']);
    expect(await newer.texts(1)).toEqual(['devices/dev/message again']);
    device.breakOff();
    expect(await newer.texts(1)).toEqual(['devices/dev/status gone']);
  });

  it('lets clients of a dead fan-out worker come back', async () => {
    const device = await connect(hub, { clientId: 'dev', way: 'device' });
    const subscribers = await Promise.all(
      [0, 1, 2, 3].map((n) => connect(hub, { clientId: `sub-${n}`, way: 'subscriber', ...keeping })),
    );
    for (const subscriber of subscribers) await subscriber.subscribe('devices/dev/message');
    await breakThread({ thread: 'fanout', worker: 0 }, 'fanout');
    // Connections go to the workers in turns. Until both have closed, one that is dead may still look alive.
    await eventually(
      'half of them are closed',
      () => subscribers.filter(({ closes }) => closes > 0).length === subscribers.length / 2,
    );
    for (const [n, subscriber] of subscribers.entries()) {
      if (subscriber.closes === 0) continue;
      const again = await connect(hub, { clientId: `sub-${n}`, way: 'subscriber', ...keeping });
      expect(await again.subscribe('devices/dev/message')).toEqual([0]);
      subscribers[n] = again;
    }
    await device.publish('devices/dev/message', 'for all', 1);
    for (const subscriber of subscribers) {
      await eventually('it comes', () => subscriber.inbox.some(({ payload }) => payload === 'for all'));
      expect(subscriber.inbox.filter(({ payload }) => payload === 'for all')).toHaveLength(1);
    }
  });
});
