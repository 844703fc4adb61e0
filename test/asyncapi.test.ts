/** asyncapi.yaml against a running hub: what it says of each frame holds for the frames that cross real sockets. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { fromDevice, toDevice } from '../src/asyncapi/device-frames.ts';
import type { FrameDescription } from '../src/asyncapi/frames.ts';
import { fromGateway, toGateway } from '../src/asyncapi/gateway-frames.ts';
import { fromSubscriber, toSubscriber } from '../src/asyncapi/subscriber-frames.ts';
import { closes } from '../src/codes.ts';
import {
  createDeviceFrame,
  createGatewayFrame,
  parseDeviceText,
  parseGatewayText,
} from '../src/wire/device-frames.ts';
import { DEFAULT_TEMPLATES, Kind, kindNames } from '../src/wire/mqtt/templates.ts';
import { PUBLISHABLE } from '../src/wire/mqtt/topics.ts';
import { parseSubscriberOp } from '../src/wire/subscriber-ops.ts';
import { admin } from './support/admin.ts';
import { eventually } from './support/eventually.ts';
import type { Frame } from './support/frames.ts';
import { startHub } from './support/hub-process.ts';
import { Device, Gateway, Subscriber } from './support/peers.ts';

type Frames = Readonly<Record<string, FrameDescription>>;

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const text = readFileSync(`${ROOT}asyncapi.yaml`, 'utf8');

/** The name of the description that a frame of the hub belongs to. */
function nameOf(frame: Frame, welcome: string): string {
  if (frame.op === 'subscribed' && frame.filter !== undefined) return 'subscribedByFilter';
  if (frame.op === 'welcome') return welcome;
  if (welcome === 'gatewayWelcome') return gatewayNames[frame.op] ?? frame.op;
  if (frame.op === 'batch') return frame.events?.[0]?.head === undefined ? 'batch' : 'binaryBatch';
  return frame.head === undefined ? frame.op : 'binaryEvent';
}

/** What a gateway gets differs by the device that it names. */
const gatewayNames: Readonly<Record<string, string>> = {
  ack: 'gatewayAck',
  error: 'gatewayError',
  interest: 'gatewayInterest',
};

/** Frames of the hub that were seen, by name. */
class Seen {
  readonly byName = new Map<string, Frame[]>();

  add(frames: readonly Frame[], welcome: string): void {
    for (const frame of frames) {
      const name = nameOf(frame, welcome);
      this.byName.set(name, [...(this.byName.get(name) ?? []), frame]);
    }
  }
}

describe('asyncapi.yaml', () => {
  it('is what its generator makes', () => {
    expect(spawnSync(process.execPath, ['scripts/asyncapi.js', '--check'], { cwd: ROOT }).status).toBe(0);
  });

  it('refers to nothing that is not in it', () => {
    const document = parse(text) as Record<string, unknown>;
    const references = [...text.matchAll(/\$ref: "#\/([^"]+)"/g)].map(([, path = '']) => path);
    expect(references.length).toBeGreaterThan(40);
    for (const path of references) {
      const found = path
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], document);
      expect(found, path).toBeDefined();
    }
  });

  it('says of every object what is in it', () => {
    const { components } = parse(text) as { components: { messages: object } };
    const empty: string[] = [];
    const look = (schema: unknown, path: string): void => {
      if (typeof schema !== 'object' || schema === null) return;
      const { type, properties, additionalProperties } = schema as Record<string, unknown>;
      if (type === 'object' && (properties ?? additionalProperties) === undefined) empty.push(path);
      for (const [key, below] of Object.entries(schema))
        if (key !== 'examples') look(below, `${path}/${key}`);
    };
    look(components.messages, '');
    expect(empty).toEqual([]);
  });

  it('takes the event that nobody could number: of a device whose node was lost', () => {
    const lost = {
      op: 'event',
      device: 'dev-1',
      type: 'status',
      source: 'hub',
      seq: 0,
      at: 1,
      priority: 'high',
    };
    const event = { ...lost, data: { state: 'offline', reason: 'node lost' } };
    expect(toSubscriber['event']?.schema?.safeParse(event)).toMatchObject({ success: true });
  });

  it('takes a resumed of another node, which names filters too', () => {
    const resumed = { op: 'resumed', devices: [], filters: ['site-a.*'], more: false };
    expect(toSubscriber['resumed']?.schema?.safeParse(resumed)).toMatchObject({ success: true });
  });

  it('names every close code', () => {
    for (const { code, reason } of Object.values(closes)) {
      expect(text.replace(/\s+/g, ' ')).toContain(`${code} ${reason}`);
    }
  });

  it('has the topics of MQTT, and who may send them', () => {
    const { channels, operations } = parse(text) as {
      channels: Record<string, { address: string }>;
      operations: Record<string, { action: string; channel: { $ref: string } }>;
    };
    const [template] = DEFAULT_TEMPLATES;
    const typesOf = (action: string): string[] =>
      kindNames.filter((kind) =>
        Object.values(operations).some(({ action: its, channel }) => {
          const { address } = channels[channel.$ref.split('/').at(-1)!]!;
          return its === action && address === template.replace('{type}', kind);
        }),
      );
    expect(typesOf('send')).toEqual(kindNames);
    expect(typesOf('receive')).toEqual(kindNames.filter((kind) => (Kind[kind] & PUBLISHABLE) !== 0));
  });

  const described = Object.entries({
    ...fromDevice,
    ...toDevice,
    ...fromGateway,
    ...toGateway,
    ...fromSubscriber,
    ...toSubscriber,
  });
  const withSchema = described.filter(([, { schema }]) => schema !== undefined);
  it.each(withSchema)('gives an example of %s that its schema accepts', (_name, { schema, example }) => {
    expect(schema?.safeParse(example)).toMatchObject({ success: true });
  });
});

describe('what the document says that peers send', () => {
  const wrongDevice = [
    {},
    { type: 'hello' },
    { type: 'status' },
    { type: 'status', status: '' },
    { type: 'status', status: 'x'.repeat(65) },
    { type: 'message', priority: 'urgent' },
    { type: 'message', id: {} },
  ];
  const wrongOps = [
    {},
    { op: 'hello' },
    { op: 'subscribe' },
    { op: 'subscribe', devices: [] },
    { op: 'subscribe', devices: ['dev-1'], types: [] },
    { op: 'subscribe', devices: ['dev-1'], history: 0 },
    { op: 'subscribe', devices: Array.from({ length: 1001 }, (_, index) => `dev-${index}`) },
    { op: 'pause', devices: 'dev-1' },
    { op: 'since' },
    { op: 'since', since: { 'dev-1': { seq: 1 } } },
    { op: 'list', id: {} },
  ];
  const accepts = (frames: Frames, frame: unknown): boolean =>
    Object.values(frames).some(({ schema }) => schema?.safeParse(frame).success);

  it('is what the parser of device frames accepts, and no more', () => {
    const problem = (frame: unknown) =>
      parseDeviceText(Buffer.from(JSON.stringify(frame)), createDeviceFrame());
    for (const { schema, example } of Object.values(fromDevice))
      if (schema !== undefined) expect(problem(example)).toBeUndefined();
    for (const frame of wrongDevice) {
      expect(problem(frame), JSON.stringify(frame)).toBeTypeOf('string');
      expect(accepts(fromDevice, frame), JSON.stringify(frame)).toBe(false);
    }
  });

  it("is what the parser of gateways' frames accepts, and no more", () => {
    const frame = createGatewayFrame();
    const isFine = (given: object): boolean =>
      parseGatewayText(Buffer.from(JSON.stringify(given)), frame) === undefined && frame.op !== undefined;
    for (const { example } of Object.values(fromGateway)) expect(isFine(example as object)).toBe(true);
    const wrongFrames = [
      ...wrongDevice.map((wrong) => ({ ...wrong, device: 'dev-7' })),
      { type: 'message' },
      { op: 'open' },
      { op: 'open', device: 'two words' },
      { op: 'shut', device: 'dev-7' },
    ];
    for (const wrong of wrongFrames) {
      expect(isFine(wrong), JSON.stringify(wrong)).toBe(false);
      expect(accepts(fromGateway, wrong), JSON.stringify(wrong)).toBe(false);
    }
  });

  it('is every op that the parser of subscriber ops knows', () => {
    const refused = parseSubscriberOp('{"op":"nope"}');
    const known = /expected (.+)$/.exec(refused.ok ? '' : refused.message)?.[1]?.split(/, | or /);
    const described = Object.values(fromSubscriber).map(({ example }) => (example as { op: string }).op);
    expect(described.sort()).toEqual(known?.sort());
  });

  it('is what the parser of subscriber ops accepts, and no more', () => {
    for (const { example } of Object.values(fromSubscriber))
      expect(parseSubscriberOp(JSON.stringify(example)).ok).toBe(true);
    for (const frame of wrongOps) {
      expect(parseSubscriberOp(JSON.stringify(frame)).ok, JSON.stringify(frame)).toBe(false);
      expect(accepts(fromSubscriber, frame), JSON.stringify(frame)).toBe(false);
    }
  });
});

describe('frames of a running hub', () => {
  const device = new Seen();
  const gateway = new Seen();
  const subscriber = new Seen();

  beforeAll(async () => {
    const hub = await startHub({
      DAT_DEVICE_LEAVE_GRACE_MS: '0',
      DAT_SEND_QUEUE_BYTES: '16384',
      DAT_SEND_QUEUE_MAX_BYTES: '8388608',
      DAT_DEVICE_RATE: '0',
    });
    const watch = await Subscriber.connect(hub.subscriberPort, '?id=s-1');
    const dev = await Device.connect(hub.devicePort, '?id=dev-1&interest=true');

    // Every example of a client's frame, as it stands in the document.
    for (const { example } of Object.values(fromDevice)) if (example !== undefined) dev.send(example);
    await dev.frames.next(({ op, id }) => op === 'ack' && id === 3); // nobody listens yet: skipped
    for (const { example } of Object.values(fromSubscriber)) watch.send(example);
    await watch.frames.next(({ op }) => op === 'list');
    await watch.ask('subscribe', ['dev-*']);
    await watch.filterPages('dev-*');
    await watch.ask('unsubscribe', ['dev-*']);
    const many = await Subscriber.connect(hub.subscriberPort, '?id=s-many');
    for (let page = 0; page < 2; page++)
      await many.subscribe(...Array.from({ length: 1000 }, (_, n) => `many-${page}-${n}`));
    await many.close(1000);
    await eventually('they are kept', async () => {
      const { body } = await admin(hub.adminPort, 'GET', '/v1/devices/many-0-0/subscribers');
      return JSON.stringify(body).includes('disconnected');
    });
    const again = await Subscriber.connect(hub.subscriberPort, '?id=s-many');
    await again.frames.next(({ op, more }) => op === 'resumed' && more === false);
    await watch.subscribe('dev-1', 'dev-2');
    for (const { example } of Object.values(fromDevice)) if (example !== undefined) dev.send(example);
    dev.sendBinary(Uint8Array.of(2, 1, 2, 3));
    await watch.frames.next(({ op, data64 }) => op === 'event' && data64 === 'AQID');
    await watch.ask('unsubscribe', ['dev-3']);

    dev.sendText('nonsense');
    watch.sendText('nonsense');
    await Promise.all([dev.error(), watch.error()]);

    await admin(hub.adminPort, 'PUT', '/v1/devices/dev-2/subscribers/s-1', { body: { status: 'deny' } });
    await watch.frames.next(({ op }) => op === 'removed');
    await watch.subscribe('dev-2'); // refused: the errors of the answer

    const binary = await Subscriber.connect(hub.subscriberPort, '?id=s-2&devices=dev-1', {
      protocols: ['dat.v1.binary'],
    });
    await binary.subscribedByUrl();
    await dev.message('for the binary one');
    await binary.event('dev-1');

    const batched: Subscriber[] = [];
    for (const protocol of ['dat.v1.json', 'dat.v1.binary']) {
      const one = await Subscriber.connect(hub.subscriberPort, '?devices=dev-1&batch=true', {
        protocols: [protocol],
      });
      await one.subscribedByUrl();
      batched.push(one);
    }
    await eventually('batches come', () => {
      for (let count = 0; count < 20; count += 1) dev.send({ type: 'message', data: count });
      return batched.every(({ batches }) => batches.length > 0);
    });

    const slow = await Subscriber.connect(hub.subscriberPort, '?id=s-3&devices=dev-1');
    await slow.subscribedByUrl();
    slow.stopReading();
    await eventually('a subscriber lags', async () => {
      for (let count = 0; count < 20; count += 1) await dev.message('x'.repeat(50_000));
      const { text: page } = await admin(hub.adminPort, 'GET', '/metrics');
      return /^dat_lagging_subscribers [1-9]/m.test(page);
    });
    for (const data of ['missed', 'kept']) await dev.message(data); // of what it misses it gets the newest
    slow.readAgain();
    await slow.frames.next(({ op }) => op === 'gap');

    for (const status of ['inactive', 'active']) {
      await admin(hub.adminPort, 'PUT', '/v1/devices/dev-1/subscribers/s-1', { body: { status } });
      await watch.frames.next((frame) => frame.op === 'status' && frame.status === status);
    }
    await dev.close(1000);
    await watch.frames.next(({ op, source }) => op === 'event' && source === 'hub');

    const gw = await Gateway.connect(hub.devicePort, '?id=gw-1&interest=true');
    for (const { example } of Object.values(fromGateway)) gw.send(example);
    gw.sendText('nonsense');
    await gw.error();
    await (await Device.connect(hub.devicePort, '?id=dev-7')).welcome();
    await gw.taken('dev-7');
    await gw.ask('dev-7', { type: 'pong' });

    const last = await Device.connect(hub.devicePort, '?id=dev-9');
    await last.welcome();
    expect(await hub.stop()).toBe(0);
    await Promise.all([last.closed, watch.closed, gw.closed]);
    gateway.add(gw.frames.all, 'gatewayWelcome');
    device.add([...dev.frames.all, ...last.frames.all], 'deviceWelcome');
    for (const peer of [watch, binary, slow, again, ...batched])
      subscriber.add([...peer.frames.all, ...peer.batches], 'subscriberWelcome');
  });

  for (const [role, frames, seen] of [
    ['device', toDevice, device],
    ['gateway', toGateway, gateway],
    ['subscriber', toSubscriber, subscriber],
  ] as const) {
    it.each(Object.entries(frames))(`to a ${role} are as described: %s`, (name, { schema }) => {
      const all = seen.byName.get(name) ?? [];
      expect(all.length).toBeGreaterThan(0);
      for (const frame of all) if (schema !== undefined) expect(schema.parse(frame)).toEqual(frame);
    });

    it(`to a ${role} are all described`, () => {
      for (const name of seen.byName.keys()) expect(Object.keys(frames)).toContain(name);
    });
  }
});
