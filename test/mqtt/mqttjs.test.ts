/** mqtt.js against the hub: both versions, over TCP and over WebSocket on both listeners. */
import type { IConnackPacket } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uniqueId } from '../conformance/harness.ts';
import { firstOf } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import { type Client, type ClientOptions, connect, open, type Way } from './client.ts';
import { type MqttHub, type MqttHubOptions, startMqttHub } from './harness.ts';

const LEAVE_GRACE_MS = 300;

const ways: readonly Way[] = ['tcp', 'subscriber', 'device'];
const matrix = ways.flatMap((way) => ([4, 5] as const).map((protocolVersion) => ({ way, protocolVersion })));

/** Where connections live: on main, or subscribers' on threads of their own; and what carries WebSockets. */
const modes: readonly {
  readonly mode: string;
  readonly options: MqttHubOptions;
  /** Where the mode makes a difference. */
  readonly ways: readonly Way[];
}[] = [
  { mode: 'no workers', options: { workers: 0 }, ways },
  { mode: '2 workers', options: { workers: 2 }, ways: ['subscriber'] },
  { mode: 'ws', options: { env: { DAT_TRANSPORT: 'ws' } }, ways: ['device'] },
];
const rows = modes.flatMap((mode) =>
  matrix.filter(({ way }) => mode.ways.includes(way)).map((row) => ({ ...mode, ...row })),
);
const hubs = new Map<string, Promise<MqttHub>>();
afterAll(async () => {
  for (const hub of hubs.values()) await (await hub).stop();
});

describe.each(rows)('mqtt.js, $mode, $way, version $protocolVersion', (row) => {
  const { way, protocolVersion, mode, options: hubOptions } = row;
  let hub: MqttHub;
  beforeAll(async () => {
    const started = hubs.get(mode) ?? startMqttHub({ ...hubOptions, leaveGraceMs: LEAVE_GRACE_MS });
    hubs.set(mode, started);
    hub = await started;
  });

  const client = (clientId: string, options: ClientOptions = {}): Promise<Client> =>
    connect(hub, { way, protocolVersion, clientId, ...options });
  const isFive = protocolVersion === 5;

  it('delivers events at every QoS', async () => {
    const [dev, sub] = [uniqueId('dev'), await client(uniqueId('sub'))];
    expect(await sub.subscribe(`devices/${dev}/message`)).toEqual([0]);
    const device = await client(dev);
    await device.publish(`devices/${dev}/message`, '{"t":1}', 0);
    await device.publish(`devices/${dev}/message`, '{"t":2}', 1);
    await device.publish(`devices/${dev}/message`, '{"t":3}', 2);
    await device.publish(`devices/${dev}/status`, 'charging', 1);
    await device.publish(`devices/${dev}/message`, Buffer.alloc(0), 1);
    expect(await sub.texts(4)).toEqual([
      `devices/${dev}/message {"t":1}`,
      `devices/${dev}/message {"t":2}`,
      `devices/${dev}/message {"t":3}`,
      `devices/${dev}/message `,
    ]);
    expect(sub.inbox).toEqual([]);
  });

  it('delivers large binary payloads unchanged', async () => {
    const dev = uniqueId('dev');
    const sub = await client(uniqueId('sub'));
    await sub.subscribe(`devices/${dev}/#`);
    const device = await client(dev);
    const bytes = Buffer.from(Array.from({ length: 60_000 }, (_, i) => (i * 7) & 0xff));
    await device.publish(`devices/${dev}/message`, bytes, 1);
    const { packet } = await eventually('it comes', () =>
      sub.inbox.find(({ topic }) => topic === `devices/${dev}/message`),
    );
    expect(Buffer.compare(packet.payload as Buffer, bytes)).toBe(0);
  });

  it('keeps the order of a thousand events', async () => {
    const dev = uniqueId('dev');
    const sub = await client(uniqueId('sub'));
    await sub.subscribe(`devices/${dev}/message`);
    const device = await client(dev);
    const sent = Array.from({ length: 1000 }, (_, i) =>
      device.publish(`devices/${dev}/message`, String(i), i % 2 === 0 ? 0 : 1),
    );
    await Promise.all(sent);
    const texts = await sub.texts(1000);
    expect(texts).toEqual(texts.map((_, i) => `devices/${dev}/message ${i}`));
  });

  it('follows present and future devices with a wildcard', async () => {
    const sub = await client(uniqueId('sub'));
    expect(await sub.subscribe(['devices/+/status', 'devices/+/presence'])).toEqual([0, 0]);
    const dev = uniqueId('dev');
    const device = await client(dev, { will: undefined });
    await device.publish(`devices/${dev}/status`, 'on', 1);
    await device.publish(`devices/${dev}/message`, 'not asked for', 1);
    await device.mqtt.endAsync();
    const mine = (): string[] =>
      sub.inbox.filter(({ topic }) => topic.includes(dev)).map(({ topic, payload }) => `${topic} ${payload}`);
    await eventually('it is offline', () => mine().some((text) => text.includes('"offline"')));
    expect(mine()[0]).toMatch(
      new RegExp(`^devices/${dev}/presence \\{"state":"online","reason":"connected"\\}`),
    );
    expect(mine()[1]).toBe(`devices/${dev}/status on`);
    expect(mine()).toHaveLength(3);
  });

  it('gets a code for each refused topic filter', async () => {
    const sub = await client(uniqueId('sub'));
    const refused = isFive ? 0x8f : 0x80;
    expect(await sub.subscribe('devices/+/x/message')).toEqual([refused]);
    expect(await sub.subscribe('foo')).toEqual([refused]);
    expect(await sub.subscribe(['devices/dev-9/message', 'foo/#'])).toEqual([0, refused]);
    expect(await sub.subscribe('$share/g/devices/#')).toEqual([isFive ? 0x9e : 0x80]);
    const id = uniqueId('sub');
    await hub.deny('dev-denied', id);
    expect(await (await client(id)).subscribe('devices/dev-denied/#')).toEqual([isFive ? 0x87 : 0x80]);
  });

  it('gets the newest message, the newest status and the presence as retained', async () => {
    const dev = uniqueId('dev');
    const device = await client(dev);
    await device.publish(`devices/${dev}/message`, 'old', 1);
    await device.publish(`devices/${dev}/message`, 'new', 1);
    await device.publish(`devices/${dev}/status`, '{"status":"on","data":1}', 1);
    await device.publish(`devices/${dev}/pong`, '1', 1);
    const sub = await client(uniqueId('sub'));
    await sub.subscribe(`devices/${dev}/#`);
    const texts = await sub.texts(3);
    expect(texts.sort()).toEqual([
      `!devices/${dev}/message new`,
      `!devices/${dev}/presence {"state":"online","reason":"connected"}`,
      `!devices/${dev}/status {"status":"on","data":1}`,
    ]);
    await device.publish(`devices/${dev}/message`, 'live', 1);
    expect(await sub.texts(1)).toEqual([`devices/${dev}/message live`]);
    expect(sub.inbox).toEqual([]);
  });

  it('gets no events after UNSUBSCRIBE', async () => {
    const dev = uniqueId('dev');
    const sub = await client(uniqueId('sub'));
    await sub.subscribe([`devices/${dev}/message`, `devices/${dev}/pong`]);
    const device = await client(dev);
    await device.publish(`devices/${dev}/message`, '1', 1);
    expect(await sub.texts(1)).toEqual([`devices/${dev}/message 1`]);
    await sub.mqtt.unsubscribeAsync(`devices/${dev}/message`);
    await device.publish(`devices/${dev}/message`, '2', 1);
    await device.publish(`devices/${dev}/pong`, '3', 1);
    expect(await sub.texts(1)).toEqual([`devices/${dev}/pong 3`]);
  });

  it('sees events of devices that speak JSON', async () => {
    const dev = uniqueId('dev');
    const sub = await client(uniqueId('sub'));
    await sub.subscribe([`devices/${dev}/message`, `devices/${dev}/status`]);
    await hub.publishAsJson(dev, { type: 'message', data: { temperature: 21.5 } });
    await hub.publishAsJson(dev, { type: 'status', status: 'charging', data: { soc: 80 } });
    // A status is urgent: it may come before an earlier message.
    const [message = '', status = ''] = (await sub.texts(2)).sort();
    expect(message).toBe(`devices/${dev}/message {"temperature":21.5}`);
    expect(status.startsWith(`devices/${dev}/status {`)).toBe(true);
    expect(JSON.parse(status.slice(status.indexOf(' ') + 1))).toEqual({
      status: 'charging',
      data: { soc: 80 },
    });
  });

  it('has its will published just before it goes offline, but not after DISCONNECT', async () => {
    const dev = uniqueId('dev');
    const sub = await client(uniqueId('sub'));
    await sub.subscribe([`devices/${dev}/status`, `devices/${dev}/presence`]);
    const will = {
      topic: `devices/${dev}/status`,
      payload: Buffer.from('gone'),
      qos: 1,
      retain: true,
    } as const;
    const device = await client(dev, { will });
    device.breakOff();
    const texts = await sub.texts(3);
    expect(texts[0]).toBe(`devices/${dev}/presence {"state":"online","reason":"connected"}`);
    expect(texts[1]).toBe(`devices/${dev}/status gone`);
    expect(texts[2]).toMatch(new RegExp(`^devices/${dev}/presence \\{"state":"offline"`));
    const again = await client(dev, { will });
    await again.mqtt.endAsync();
    const [online, offline] = await sub.texts(2);
    expect(online).toMatch(/"online"/);
    expect(offline).toMatch(/"offline"/);
  });

  it('stays online if it reconnects within the leave grace', async () => {
    const { dev, sub, again } = await firstOf('it was back too late', async () => {
      const dev = uniqueId('dev');
      const sub = await client(uniqueId('sub'));
      await sub.subscribe([`devices/${dev}/#`]);
      const will = {
        topic: `devices/${dev}/status`,
        payload: Buffer.from('gone'),
        qos: 0,
        retain: false,
      } as const;
      const device = await client(dev, { will });
      const presence = `devices/${dev}/presence {"state":"online","reason":"connected"}`;
      expect(await sub.texts(1)).toEqual([presence]);
      const since = performance.now();
      device.breakOff();
      const again = await client(dev, { will });
      return performance.now() - since < LEAVE_GRACE_MS ? { dev, sub, again } : undefined;
    });
    await new Promise((resolve) => setTimeout(resolve, 2 * LEAVE_GRACE_MS));
    await again.publish(`devices/${dev}/message`, 'still here', 1);
    expect(await sub.texts(1)).toEqual([`devices/${dev}/message still here`]);
  });

  it('is replaced by a newer connection of its id', async () => {
    const id = uniqueId('sub');
    const older = await client(id);
    const newer = await client(id);
    await older.ended();
    expect(older.disconnectReason).toBe(isFive ? 0x8e : undefined);
    expect(newer.mqtt.connected).toBe(true);
  });

  it('resumes its session after a reconnect', async () => {
    const dev = uniqueId('dev');
    const id = uniqueId('sub');
    const options = isFive ? { clean: false, properties: { sessionExpiryInterval: 100 } } : { clean: false };
    const first = await client(id, { ...options, resubscribe: false });
    expect(first.packets[0]).toMatchObject({ cmd: 'connack', sessionPresent: false });
    await first.subscribe(`devices/${dev}/message`);
    first.breakOff();
    await first.ended();
    const second = await client(id, { ...options, resubscribe: false });
    expect(second.packets[0]).toMatchObject({ cmd: 'connack', sessionPresent: true });
    const device = await client(dev);
    await device.publish(`devices/${dev}/message`, '1', 1);
    expect(await second.texts(1)).toEqual([`devices/${dev}/message 1`]);
    await second.mqtt.endAsync();
    const clean = await client(id, { clean: true });
    expect(clean.packets[0]).toMatchObject({ cmd: 'connack', sessionPresent: false });
    await device.publish(`devices/${dev}/message`, '2', 1);
    await clean.subscribe('devices/none/message'); // whatever was on its way has come by its answer
    expect(clean.inbox).toEqual([]);
  });

  it('publishes a QoS 2 event once, even if the connection breaks before PUBREL', async () => {
    const dev = uniqueId('dev');
    const sub = await client(uniqueId('sub'));
    await sub.subscribe(`devices/${dev}/message`);
    const expiry = isFive ? { properties: { sessionExpiryInterval: 100 } } : {};
    const device = await client(dev, { clean: false, reconnectPeriod: 50, ...expiry });
    let broken = 0;
    device.mqtt.on('packetreceive', ({ cmd }) => {
      if (cmd === 'pubrec' && broken++ === 0) device.breakOff();
    });
    await device.publish(`devices/${dev}/message`, 'once', 2);
    await device.publish(`devices/${dev}/message`, 'then', 2);
    expect(await sub.texts(2)).toEqual([`devices/${dev}/message once`, `devices/${dev}/message then`]);
    expect(broken).toBeGreaterThan(0);
    expect(sub.inbox).toEqual([]);
  });

  it('cannot publish to a foreign topic', async () => {
    const [dev, other] = [uniqueId('dev'), uniqueId('dev')];
    const sub = await client(uniqueId('sub'));
    await sub.subscribe(`devices/${other}/#`);
    const device = await client(dev);
    if (isFive) {
      await expect(device.publish(`devices/${other}/message`, '1', 1)).rejects.toThrow(/Not authorized/);
      await expect(device.publish(`devices/${other}/message`, '1', 2)).rejects.toThrow(/Not authorized/);
      expect(device.mqtt.connected).toBe(true);
    }
    device.mqtt.publish('home/kitchen', '1');
    await device.ended();
    expect(device.disconnectReason).toBe(isFive ? 0x87 : undefined);
    await sub.subscribe('devices/none/message'); // whatever was on its way has come by its answer
    expect(sub.inbox).toEqual([]);
  });

  it('cannot have a will on a foreign topic', async () => {
    const will = {
      topic: 'devices/somebody/status',
      payload: Buffer.from('x'),
      qos: 0,
      retain: false,
    } as const;
    const device = open(hub, { way, protocolVersion, clientId: uniqueId('dev'), will });
    await eventually('it is refused', () => device.errors[0]);
    expect(device.errors[0]).toMatchObject({ code: isFive ? 0x87 : 5 });
  });

  it('is disconnected after an oversized packet', async () => {
    const dev = uniqueId('dev');
    const bystander = await client(uniqueId('sub'));
    const device = await client(dev);
    // mqtt.js itself sends none: the header of a PUBLISH of 70,000 bytes.
    device.mqtt.stream.write(Buffer.from('30f0a204', 'hex'));
    await device.ended();
    expect(device.disconnectReason).toBe(isFive ? 0x95 : undefined);
    expect(await bystander.subscribe('devices/x/#')).toEqual([0]);
  });

  it('learns whether anybody listens to it', async () => {
    const dev = uniqueId('dev');
    const device = await client(dev);
    expect(await device.subscribe(`devices/${dev}/interest`)).toEqual([0]);
    expect(await device.texts(1)).toEqual([`!devices/${dev}/interest 0`]);
    const sub = await client(uniqueId('sub'));
    await sub.subscribe(`devices/${dev}/message`);
    expect(await device.texts(1)).toEqual([`devices/${dev}/interest 1`]);
    expect(await sub.subscribe(`devices/${dev}/interest`)).toEqual([isFive ? 0x87 : 0x80]);
  });

  it('gets PINGRESP', async () => {
    const sub = await client(uniqueId('sub'));
    for (const count of [1, 2]) {
      sub.mqtt.sendPing();
      await eventually(
        'the ping is answered',
        () => sub.packets.filter(({ cmd }) => cmd === 'pingresp').length === count,
      );
    }
    expect(sub.closes).toBe(0);
  });

  it('gets DISCONNECT when the hub drains', async () => {
    const own = await startMqttHub(hubOptions);
    const sub = await connect(own, { way, protocolVersion, clientId: 'sub' });
    await own.drain();
    await sub.ended();
    expect(sub.disconnectReason).toBe(isFive ? 0x8b : undefined);
    await own.stop();
  });

  it.each([
    ['kick', 0x98],
    ['terminate', 0x98],
  ] as const)('gets DISCONNECT when an operator ends it: %s', async (deed, reason) => {
    const id = uniqueId('dev');
    const device = await client(id);
    await device.publish(`devices/${id}/message`, '1', 1);
    await device.subscribe('devices/none/#');
    await hub[deed](id);
    await device.ended();
    expect(device.disconnectReason).toBe(isFive ? reason : undefined);
  });
});

describe('MQTT 5', () => {
  let hub: MqttHub;
  beforeAll(async () => {
    hub = await startMqttHub({ leaveGraceMs: 60_000, env: { DAT_MQTT_KEEP_ALIVE_MAX_MS: '120000' } });
  });
  afterAll(() => hub.stop());
  const client = (clientId: string, options: ClientOptions = {}): Promise<Client> =>
    connect(hub, { protocolVersion: 5, clientId, ...options });

  it('announces its limits in CONNACK', async () => {
    const { packets } = await client('');
    expect(packets[0]).toMatchObject({
      cmd: 'connack',
      properties: {
        assignedClientIdentifier: expect.stringMatching(/^[A-Za-z0-9._:~-]+$/),
        receiveMaximum: 1024,
        maximumPacketSize: 65_536,
        sharedSubscriptionAvailable: false,
        topicAliasMaximum: expect.any(Number),
      },
    });
  });

  it('names the longest keep-alive to clients that ask for a longer one, or for none', async () => {
    const told = async (keepalive: number, protocolVersion: 4 | 5 = 5): Promise<unknown> => {
      const { packets } = await client(uniqueId('sub'), { keepalive, protocolVersion });
      return (packets[0] as IConnackPacket).properties?.serverKeepAlive;
    };
    expect([await told(0), await told(121), await told(120)]).toEqual([120, 120, undefined]);
    expect(await told(0, 4)).toBeUndefined();
  });

  it('accepts topic aliases', async () => {
    const dev = uniqueId('dev');
    const sub = await client(uniqueId('sub'));
    await sub.subscribe(`devices/${dev}/message`);
    const device = await client(dev, { autoAssignTopicAlias: true });
    for (const payload of ['1', '2', '3']) await device.publish(`devices/${dev}/message`, payload, 1);
    expect(await sub.texts(3)).toHaveLength(3);
  });

  it('delivers subscription identifiers', async () => {
    const dev = uniqueId('dev');
    const sub = await client(uniqueId('sub'));
    const subscribe = (filter: string, subscriptionIdentifier: number) =>
      sub.mqtt.subscribeAsync(filter, { qos: 0, rh: 2, properties: { subscriptionIdentifier } });
    await subscribe(`devices/${dev}/message`, 7);
    await subscribe('devices/+/message', 300);
    const device = await client(dev);
    await device.publish(`devices/${dev}/message`, '1', 1);
    const { packet } = await sub.next();
    expect(packet.properties?.subscriptionIdentifier).toEqual([7, 300]);
    expect(sub.inbox).toEqual([]);
  });

  it('obeys No Local', async () => {
    const dev = uniqueId('dev');
    const device = await client(dev);
    await device.mqtt.subscribeAsync('devices/+/message', { qos: 0, nl: true, rh: 2 });
    await device.publish(`devices/${dev}/message`, 'own', 1);
    const other = uniqueId('dev');
    await (await client(other)).publish(`devices/${other}/message`, 'other', 1);
    expect(await device.texts(1)).toEqual([`devices/${other}/message other`]);
  });

  it('obeys retain handling', async () => {
    const dev = uniqueId('dev');
    await (await client(dev)).publish(`devices/${dev}/message`, '1', 1);
    const sub = await client(uniqueId('sub'));
    const subscribe = (rh: 0 | 1 | 2) => sub.mqtt.subscribeAsync(`devices/${dev}/message`, { qos: 0, rh });
    await subscribe(2);
    await subscribe(1);
    await subscribe(0);
    await sub.subscribe('devices/none/message');
    expect(await sub.texts(1)).toEqual([`!devices/${dev}/message 1`]);
    expect(sub.inbox).toEqual([]);
  });

  it('takes Retain As Published, and the flag of a PUBLISH, without effect', async () => {
    const dev = uniqueId('dev');
    const sub = await client(uniqueId('sub'));
    await sub.mqtt.subscribeAsync(`devices/${dev}/message`, { qos: 0, rap: true });
    const device = await client(dev);
    await device.mqtt.publishAsync(`devices/${dev}/message`, '1', { qos: 1, retain: true });
    expect(await sub.texts(1)).toEqual([`devices/${dev}/message 1`]);
  });

  it('obeys a will delay shorter than the leave grace', async () => {
    const dev = uniqueId('dev');
    const sub = await client(uniqueId('sub'));
    await sub.subscribe(`devices/${dev}/status`);
    const will = {
      topic: `devices/${dev}/status`,
      payload: Buffer.from('gone'),
      qos: 0,
      retain: false,
    } as const;
    const device = await client(dev, { will: { ...will, properties: { willDelayInterval: 1 } } });
    device.breakOff();
    expect(await sub.texts(1)).toEqual([`devices/${dev}/status gone`]);
  });

  it('has a reason string for a refused event', async () => {
    const dev = uniqueId('dev');
    const device = await client(dev);
    await expect(device.publish(`devices/${dev}/status`, '{"state":1}', 1)).rejects.toThrow(
      /Payload format invalid/,
    );
    expect(device.packets.at(-1)).toMatchObject({
      cmd: 'puback',
      properties: { reasonString: expect.stringContaining('"status"') },
    });
  });

  it('sends nothing over the client’s maximum packet size', async () => {
    const dev = uniqueId('dev');
    const sub = await client(uniqueId('sub'), { properties: { maximumPacketSize: 100 } });
    await sub.subscribe(`devices/${dev}/message`);
    const device = await client(dev);
    await device.publish(`devices/${dev}/message`, 'x'.repeat(200), 1);
    await device.publish(`devices/${dev}/message`, 'small', 1);
    expect(await sub.texts(1)).toEqual([`devices/${dev}/message small`]);
  });
});

describe('with tokens', () => {
  let hub: MqttHub;
  beforeAll(async () => {
    hub = await startMqttHub({ needsTokens: true });
  });
  afterAll(() => hub.stop());

  describe.each(matrix)('mqtt.js, $way, version $protocolVersion', ({ way, protocolVersion }) => {
    const isFive = protocolVersion === 5;
    const withToken = async (
      claims: Parameters<MqttHub['token']>[0],
      clientId = claims.sub,
    ): Promise<Client> =>
      connect(hub, { way, protocolVersion, clientId, username: 'any', password: await hub.token(claims) });
    const refusalOf = async (options: ClientOptions): Promise<number> => {
      const client = open(hub, { way, protocolVersion, ...options });
      const error = await eventually('it is refused', () => client.errors[0]);
      return (error as Error & { code: number }).code;
    };

    it('refuses missing, wrong and foreign tokens', async () => {
      const id = uniqueId('dev');
      const [bad, foreign] = isFive ? [0x86, 0x87] : [4, 5];
      expect(await refusalOf({ clientId: id })).toBe(bad);
      expect(await refusalOf({ clientId: id, username: 'u', password: 'wrong' })).toBe(bad);
      const password = await hub.token({ sub: uniqueId('dev'), role: 'device' });
      expect(await refusalOf({ clientId: id, username: 'u', password })).toBe(foreign);
    });

    it('lets a device use its own topics only', async () => {
      const [dev, other] = [uniqueId('dev'), uniqueId('dev')];
      const device = await withToken({ sub: dev, role: 'device' });
      await device.publish(`devices/${dev}/message`, '1', 1);
      const denied = isFive ? 0x87 : 0x80;
      expect(await device.subscribe(`devices/${dev}/interest`)).toEqual([0]);
      expect(await device.subscribe(`devices/${other}/message`)).toEqual([denied]);
      expect(await device.subscribe('devices/#')).toEqual([denied]);
    });

    it('lets a subscriber follow what its token covers, and publish nothing', async () => {
      const site = uniqueId('site');
      const sub = await withToken({ sub: uniqueId('sub'), role: 'subscriber', devices: [`${site}.*`] });
      const denied = isFive ? 0x87 : 0x80;
      expect(await sub.subscribe([`devices/${site}.a/#`, `devices/${site}/#`])).toEqual([0, denied]);
      expect(await sub.subscribe('devices/#')).toEqual([0]);
      sub.mqtt.publish(`devices/${sub.mqtt.options.clientId}/message`, '1');
      await sub.ended();
      expect(sub.disconnectReason).toBe(isFive ? 0x87 : undefined);
    });

    it('lets a gateway publish for the devices of its token', async () => {
      const site = uniqueId('site');
      const sub = await withToken({ sub: uniqueId('sub'), role: 'subscriber' });
      await sub.subscribe(`devices/${site}.a/message`);
      const gateway = await withToken({ sub: uniqueId('gw'), role: 'gateway', devices: [`${site}.*`] });
      await gateway.publish(`devices/${site}.a/message`, '1', 1);
      expect(await sub.texts(1)).toEqual([`devices/${site}.a/message 1`]);
      if (isFive)
        await expect(gateway.publish('devices/other/message', '1', 1)).rejects.toThrow(/Not authorized/);
      gateway.mqtt.publish('devices/other/message', '1');
      await gateway.ended();
    });
  });
});
