/** MQTT clients beside peers of the hub's own protocol: the same devices, subscribers, rules and events. */
import { on, once } from 'node:events';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { SLOW_MS_MAX } from '../../src/limits.ts';
import { uniqueId } from '../conformance/harness.ts';
import { admin } from '../support/admin.ts';
import { firstOf } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import { type Client, type ClientOptions, connect, open } from './client.ts';
import { ADMIN_TOKEN, type MqttHub, startMqttHub } from './harness.ts';

interface Frame {
  readonly op?: unknown;
  readonly type?: unknown;
  readonly source?: unknown;
  readonly state?: unknown;
  readonly subscribers?: unknown;
  readonly events?: unknown;
  readonly seq?: unknown;
  readonly [member: string]: unknown;
}

/** A peer of the hub's own protocol. */
class JsonPeer {
  readonly frames: Frame[] = [];
  readonly ws: WebSocket;
  code: number | undefined;

  constructor(url: string) {
    this.ws = new WebSocket(url);
    this.ws.on('message', (bytes) => this.frames.push(JSON.parse(String(bytes)) as Frame));
    this.ws.on('close', (code) => {
      this.code = code;
    });
    onTestFinished(() => this.ws.terminate());
  }

  send(frame: Frame): void {
    this.ws.send(JSON.stringify(frame));
  }

  next(op: string, passes: (frame: Frame) => boolean = () => true): Promise<Frame> {
    return eventually(`${op} comes`, () => {
      const at = this.frames.findIndex((frame) => frame.op === op && passes(frame));
      return at < 0 ? undefined : this.frames.splice(at, 1)[0];
    });
  }
}

async function subscriberOf(hub: MqttHub, id: string, query = ''): Promise<JsonPeer> {
  const peer = new JsonPeer(`ws://127.0.0.1:${hub.subscriberPort}/v1/subscribe?id=${id}${query}`);
  await once(peer.ws, 'open');
  await peer.next('welcome');
  return peer;
}

async function deviceOf(hub: MqttHub, id: string, query = ''): Promise<JsonPeer> {
  const peer = new JsonPeer(`ws://127.0.0.1:${hub.devicePort}/v1/device?id=${id}${query}`);
  await once(peer.ws, 'open');
  await peer.next('welcome');
  return peer;
}

async function ask(hub: MqttHub, path: string): Promise<Frame> {
  return (await admin(hub.adminPort, 'GET', path, { token: ADMIN_TOKEN })).body as Frame;
}

/** The kept session of a client, in its version. */
const keeping = (protocolVersion: 4 | 5, seconds = 100): ClientOptions => ({
  clean: false,
  resubscribe: false,
  ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: seconds } }),
});

describe.each([
  { workers: 0, ingest: '0' },
  { workers: 2, ingest: '0' },
  { workers: 1, ingest: '2' },
])('a hub with $workers fan-out and $ingest ingest workers', ({ workers, ingest }) => {
  let hub: MqttHub;
  beforeAll(async () => {
    hub = await startMqttHub({ workers, leaveGraceMs: 300, env: { DAT_INGEST_WORKERS: ingest } });
    return () => hub.stop();
  });
  const client = (clientId: string, options: ClientOptions = {}): Promise<Client> =>
    connect(hub, { protocolVersion: 5, clientId, ...options });

  it('gives JSON subscribers what MQTT devices publish', async () => {
    const dev = uniqueId('dev');
    const device = await client(dev);
    const subscriber = await subscriberOf(hub, uniqueId('sub'), `&devices=${dev}`);
    await subscriber.next('subscribed');
    const dataOf = async (type: string): Promise<Frame> =>
      subscriber.next('event', (frame) => frame.type === type && frame.source === 'device');
    const publish = (type: string, payload: string | Buffer): Promise<unknown> =>
      device.publish(`devices/${dev}/${type}`, payload, 1);
    await publish('message', '{ "t": 21.50 }');
    expect(await dataOf('message')).toMatchObject({ device: dev, priority: 'normal', data: { t: 21.5 } });
    await publish('message', Buffer.from([0xff, 0x00]));
    expect(await dataOf('message')).toMatchObject({ data64: '/wA=' });
    await publish('message', 'plain text');
    expect(await dataOf('message')).toMatchObject({ data64: Buffer.from('plain text').toString('base64') });
    await publish('message', '');
    expect(await dataOf('message')).toMatchObject({ data: null });
    await publish('pong', '1');
    expect(await dataOf('pong')).toMatchObject({ priority: 'low', data: 1 });
    await publish('status', 'charging');
    expect(await dataOf('status')).toMatchObject({ priority: 'high', status: 'charging', data: null });
    await publish('status', '{"data":{"soc":80}, "status":"a \\"b\\" é"}');
    expect(await dataOf('status')).toMatchObject({ status: 'a "b" é', data: { soc: 80 } });
    expect(await ask(hub, `/v1/devices/${dev}`)).toMatchObject({ state: 'online', status: 'a "b" é' });
    const { events } = await ask(hub, `/v1/devices/${dev}/events?limit=3`);
    expect(events).toMatchObject([
      { type: 'status', status: 'a "b" é', data: { soc: 80 } },
      { type: 'status', status: 'charging', data: null },
      { type: 'message', data: null },
    ]);
  });

  it('numbers events of MQTT devices like any other, and tells JSON subscribers of their state', async () => {
    const dev = uniqueId('dev');
    const subscriber = await subscriberOf(hub, uniqueId('sub'), `&devices=${dev}`);
    const device = await client(dev);
    await device.publish(`devices/${dev}/message`, '1', 1);
    await device.publish(`devices/${dev}/message`, '2', 2);
    await device.mqtt.endAsync();
    const events = [];
    for (let i = 0; i < 4; i++) events.push(await subscriber.next('event'));
    events.sort((one, other) => (one.seq as number) - (other.seq as number)); // high goes before normal
    expect(events).toMatchObject([
      { seq: 1, type: 'status', source: 'hub', data: { state: 'online', reason: 'connected' } },
      { seq: 2, type: 'message', data: 1 },
      { seq: 3, type: 'message', data: 2 },
      { seq: 4, type: 'status', source: 'hub', data: { state: 'offline', reason: 'closed' } },
    ]);
  });

  it('makes a client of the subscriber listener a device with its first event only', async () => {
    const id = uniqueId('both');
    const both = await client(id, { way: 'subscriber' });
    await both.subscribe('devices/nobody/#');
    const state = async (): Promise<unknown> => (await ask(hub, `/v1/devices/${id}`)).state;
    expect(await state()).toBeUndefined();
    await both.publish(`devices/${id}/message`, '1', 1);
    expect(await state()).toBe('online');
    const other = uniqueId('dev');
    await client(other, { way: 'device' });
    await eventually(
      'it is a device',
      async () => (await ask(hub, `/v1/devices/${other}`)).state === 'online',
    );
  });

  it('lets a newer connection take over, whichever protocol either speaks', async () => {
    const dev = uniqueId('dev');
    const json = await deviceOf(hub, dev);
    const mqtt = await client(dev, { way: 'tcp' });
    expect(json.code).toBeUndefined(); // the client is no device yet
    await mqtt.publish(`devices/${dev}/message`, '1', 1);
    await eventually('the older one is closed', () => json.code === 4004);
    await deviceOf(hub, dev);
    await mqtt.ended();
    expect(mqtt.disconnectReason).toBe(0x8e);
    const sub = uniqueId('sub');
    const jsonSubscriber = await subscriberOf(hub, sub, '&devices=x');
    const mqttSubscriber = await client(sub);
    await mqttSubscriber.subscribe('devices/y/#');
    await eventually('the older one is closed', () => jsonSubscriber.code === 4004);
    await subscriberOf(hub, sub);
    await mqttSubscriber.ended();
    expect(mqttSubscriber.disconnectReason).toBe(0x8e);
  });

  it('starts anew with its first subscription: what a JSON subscriber of its id left is dropped', async () => {
    const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
    const json = await subscriberOf(hub, sub, `&devices=${dev},${dev}.*`);
    await json.next('subscribed');
    json.ws.close();
    const device = await client(dev);
    const mqtt = await client(sub);
    await mqtt.subscribe('devices/none/message');
    await device.publish(`devices/${dev}/message`, '1', 1);
    await mqtt.subscribe('devices/none/status');
    expect(mqtt.inbox).toEqual([]);
    expect(await ask(hub, `/v1/devices/${dev}`)).toMatchObject({ subscribers: { active: 0, inactive: 0 } });
  });

  it.each([4, 5] as const)('keeps a session on every listener, version %i', async (protocolVersion) => {
    const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
    const options = { protocolVersion, ...keeping(protocolVersion) };
    const device = await client(dev);
    const present = [];
    let missed = 0;
    for (const way of ['tcp', 'subscriber', 'device', 'tcp'] as const) {
      const mqtt = await client(sub, { ...options, way });
      present.push((mqtt.packets[0] as { sessionPresent?: boolean }).sessionPresent);
      if (present.length === 1) await mqtt.subscribe(['devices/+/message', `devices/${dev}/status`]);
      const mine = (): string[] =>
        mqtt.inbox.filter(({ topic }) => topic.includes(`/${dev}/`)).map(({ payload }) => payload);
      mqtt.inbox.length = 0;
      const payload = String(++missed);
      await device.publish(`devices/${dev}/message`, payload, 1);
      await device.publish(`devices/${dev}/status`, `s${payload}`, 1);
      await eventually('both come', () => mine().length === 2);
      expect(mine().sort()).toEqual([payload, `s${payload}`]);
      if (missed % 2 === 0) mqtt.breakOff();
      else await mqtt.mqtt.endAsync();
      await mqtt.ended();
    }
    expect(present).toEqual([false, true, true, true]);
  });

  it('hands a session over to a client that comes before the older one has gone', async () => {
    const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
    const device = await client(dev);
    const first = await client(sub, { ...keeping(5), way: 'subscriber' });
    await first.subscribe(`devices/${dev}/message`);
    const second = await client(sub, { ...keeping(5), way: 'tcp' });
    expect(second.packets[0]).toMatchObject({ sessionPresent: true });
    await first.ended();
    await device.publish(`devices/${dev}/message`, '1', 1);
    expect(await second.texts(1)).toEqual([`devices/${dev}/message 1`]);
  });

  it('leaves one of many clients that ask for an id at once', async () => {
    const id = uniqueId('many');
    const all = Array.from({ length: 8 }, (_, i) =>
      open(hub, { protocolVersion: 5, clientId: id, way: i % 2 === 0 ? 'tcp' : 'subscriber' }),
    );
    await eventually('one is left', () => all.filter(({ closes }) => closes === 0).length === 1);
    const left = all.find(({ closes }) => closes === 0)!;
    await eventually('it is connected', () => left.mqtt.connected);
    expect(await left.subscribe('devices/x/#')).toEqual([0]);
    expect(left.closes).toBe(0);
  });

  it('ends the subscriptions of a clean session with its connection', async () => {
    const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
    await client(dev, { way: 'device' });
    const mqtt = await client(sub);
    await mqtt.subscribe([`devices/${dev}/message`, `devices/${dev}x/#`, 'devices/+/pong']);
    const status = async (): Promise<number> =>
      (await admin(hub.adminPort, 'GET', `/v1/subscribers/${sub}`, { token: ADMIN_TOKEN })).status;
    expect(await status()).toBe(200);
    mqtt.breakOff();
    await eventually('nothing is known of it', async () => (await status()) === 404);
  });

  it('follows a thousand devices with one filter, each with its newest message and state', async () => {
    const prefix = uniqueId('fleet');
    const names = Array.from({ length: 1200 }, (_, i) => `${prefix}.${i}`);
    for (let at = 0; at < names.length; at += 100)
      await Promise.all(names.slice(at, at + 100).map((name) => publishAs(hub, name)));
    // Else the end of one would be told live.
    await eventually('all have gone', async () => !(await isOnline(hub, `${prefix}.`)));
    const mqtt = await client(uniqueId('sub'), { way: 'subscriber' });
    expect(await mqtt.subscribe('devices/#')).toEqual([0]);
    const mine = () => mqtt.inbox.filter(({ topic }) => topic.startsWith(`devices/${prefix}.`));
    await eventually('all have come', () => mine().length >= 2 * names.length);
    expect(mine().every(({ retain }) => retain)).toBe(true);
    expect(new Set(mine().map(({ topic }) => topic)).size).toBe(2 * names.length);
  });

  it('gives a subscriber of both types each event once, and none twice by two filters', async () => {
    const dev = uniqueId('dev');
    const mqtt = await client(uniqueId('sub'));
    await mqtt.subscribe([`devices/${dev}/message`, `devices/${dev}/#`, 'devices/+/message']);
    const device = await client(dev);
    await device.publish(`devices/${dev}/message`, '1', 1);
    await device.publish(`devices/${dev}/pong`, '2', 1);
    const mine = () => mqtt.inbox.filter(({ topic }) => topic.includes(`/${dev}/`));
    await eventually('the last comes', () => mine().some(({ payload }) => payload === '2'));
    expect(mine().map(({ topic, payload }) => `${topic} ${payload}`)).toEqual([
      `devices/${dev}/presence {"state":"online","reason":"connected"}`,
      `devices/${dev}/message 1`,
      `devices/${dev}/pong 2`,
    ]);
  });

  it('stops delivery when an operator denies the pair', async () => {
    const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
    const device = await client(dev);
    const mqtt = await client(sub);
    await mqtt.subscribe(`devices/${dev}/message`);
    await device.publish(`devices/${dev}/message`, '1', 1);
    expect(await mqtt.texts(1)).toHaveLength(1);
    await hub.deny(dev, sub);
    await device.publish(`devices/${dev}/message`, '2', 1);
    await mqtt.subscribe('devices/none/#');
    expect(mqtt.inbox).toEqual([]);
  });

  it('counts connections, and what clients are not allowed', async () => {
    const metric = async (name: string): Promise<number> => {
      const { text } = await admin(hub.adminPort, 'GET', '/metrics', { token: ADMIN_TOKEN });
      const lines = text.split('\n').filter((line) => line.startsWith(name));
      return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    };
    const before = await metric('dat_mqtt_refused_total{reason="foreign_topic"}');
    const mqtt = await client(uniqueId('dev'));
    expect(await metric('dat_mqtt_connections')).toBeGreaterThan(0);
    await expect(mqtt.publish('elsewhere', '1', 1)).rejects.toThrow();
    expect(await metric('dat_mqtt_refused_total{reason="foreign_topic"}')).toBe(before + 1);
  });
});

/** Whether any device with this prefix is online. */
async function isOnline(hub: MqttHub, prefix: string): Promise<boolean> {
  for (let cursor: unknown; cursor !== null; ) {
    const from = cursor === undefined ? '' : `&cursor=${cursor}`;
    const page = await ask(hub, `/v1/devices?state=online&search=${prefix}${from}`);
    if ((page['devices'] as readonly unknown[]).length > 0) return true;
    cursor = page['cursor'];
  }
  return false;
}

/** An event of a JSON device, which goes again. */
async function publishAs(hub: MqttHub, device: string): Promise<void> {
  const peer = new WebSocket(`ws://127.0.0.1:${hub.devicePort}/v1/device?id=${device}`);
  peer.on('open', () => peer.send('{"type":"message","data":1,"id":1}'));
  for await (const [bytes] of on(peer, 'message')) if (String(bytes).includes('"ack"')) break;
  peer.close();
}

describe('limits of time', () => {
  it('holds MQTT peers to no silence limit below 1.5 times their keep-alive', async () => {
    const hub = await startMqttHub({
      env: {
        DAT_DEVICE_STALE_AFTER_MS: '200',
        DAT_SUBSCRIBER_INACTIVE_AFTER_MS: '200',
        DAT_SUBSCRIBER_REMOVE_AFTER_MS: '400',
      },
    });
    onTestFinished(() => hub.stop());
    const json = await deviceOf(hub, 'json');
    const device = await connect(hub, { clientId: 'dev', keepalive: 60 });
    await device.publish('devices/dev/message', '1', 1);
    const forever = await connect(hub, { clientId: 'forever', keepalive: 0 });
    await forever.subscribe('devices/+/message');
    json.send({ type: 'message' });
    await eventually(
      'the JSON device is stale',
      async () => (await ask(hub, '/v1/devices/json')).state === 'stale',
    );
    await new Promise((resolve) => setTimeout(resolve, 800));
    expect(await ask(hub, '/v1/devices/dev')).toMatchObject({ state: 'online', subscribers: { active: 1 } });
  });

  it('keeps a session no longer than its client asks for', async () => {
    const hub = await startMqttHub();
    onTestFinished(() => hub.stop());
    const device = await connect(hub, { clientId: 'dev', way: 'device' });
    const options = { protocolVersion: 5, clientId: 'sub', ...keeping(5, 1) } as const;
    const first = await connect(hub, options);
    await first.subscribe('devices/dev/message');
    const rows = async (): Promise<number> => {
      const { subscribers } = await ask(hub, '/v1/devices/dev');
      const { active, inactive } = subscribers as { active: number; inactive: number };
      return active + inactive;
    };
    expect(await rows()).toBe(1);
    first.breakOff();
    await first.ended();
    await eventually('its subscription is gone', async () => (await rows()) === 0);
    const second = await connect(hub, options);
    expect(second.packets[0]).toMatchObject({ sessionPresent: false });
    await device.publish('devices/dev/message', '1', 1);
    await second.subscribe('devices/none/#');
    expect(second.inbox).toEqual([]);
  });

  it('gives the newest event of each device to a subscriber that was slow, and nothing else', async () => {
    const hub = await startMqttHub({ env: { DAT_SEND_QUEUE_BYTES: '65536' } });
    onTestFinished(() => hub.stop());
    const padding = 'x'.repeat(16_000);
    const count = 1000;
    const number = (payload: string): number => Number(payload.split(' ')[0]);
    const numbers = await firstOf('it was slow for so long that it was closed', async () => {
      const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
      const slow = await connect(hub, { clientId: sub, way: 'tcp' });
      await slow.subscribe(`devices/${dev}/message`);
      const device = await connect(hub, { clientId: dev });
      slow.mqtt.stream.pause();
      const since = performance.now();
      for (let i = 1; i <= count; i++) await device.publish(`devices/${dev}/message`, `${i} ${padding}`, 1);
      slow.mqtt.stream.resume();
      const hasNewest = (): boolean => slow.inbox.some(({ payload }) => number(payload) === count);
      await eventually('the newest comes', () => hasNewest() || slow.closes > 0);
      if (slow.closes > 0 && performance.now() - since > SLOW_MS_MAX) return undefined;
      expect(slow.closes).toBe(0);
      return slow.inbox.map(({ payload }) => number(payload));
    });
    expect(numbers).toEqual([...numbers].sort((one, other) => one - other));
    expect(numbers.length).toBeLessThan(count);
  });
});

describe('a layout of topics', () => {
  it('maps levels to ids, and back', async () => {
    const topics = [
      '{device+}/telemetry=message',
      '{device+}/state=status',
      'hub/{device}/presence=presence',
    ];
    const hub = await startMqttHub({ topics });
    onTestFinished(() => hub.stop());
    const subscriber = await subscriberOf(hub, 'json', '&devices=site-a.line-1.pump-3');
    const mqtt = await connect(hub, { clientId: 'sub', protocolVersion: 5 });
    expect(await mqtt.subscribe(['site-a/#', 'devices/x/message'])).toEqual([0, 0x8f]);
    const device = await connect(hub, { clientId: 'site-a.line-1.pump-3', protocolVersion: 5 });
    await device.publish('site-a/line-1/pump-3/telemetry', '{"bar":3}', 1);
    await device.publish('site-a/line-1/pump-3/state', 'running', 1);
    expect((await mqtt.texts(2)).sort()).toEqual([
      'site-a/line-1/pump-3/state running',
      'site-a/line-1/pump-3/telemetry {"bar":3}',
    ]);
    const event = await subscriber.next('event', ({ type }) => type === 'message');
    expect(event).toMatchObject({ device: 'site-a.line-1.pump-3', data: { bar: 3 } });
    await expect(device.publish('site-a/line-2/pump-3/telemetry', '1', 1)).rejects.toThrow(/Not authorized/);
  });
});
