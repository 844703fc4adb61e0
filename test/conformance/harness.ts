/** A hub per suite, and what nearly every test of the contract does with it. */
import { afterAll, beforeAll, expect } from 'vitest';
import { type AdminAnswer, type AdminRequest, admin, Metrics } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import type { EventFrame } from '../support/frames.ts';
import { type Env, type HubProcess, type StartOptions, startHub } from '../support/hub-process.ts';
import { Device, Gateway, type Peer, type PeerOptions, Subscriber } from '../support/peers.ts';

/** One way to run the hub; the whole contract holds in each. */
export interface MatrixRow {
  readonly name: string;
  readonly env: Env;
}

/** Nothing times out by itself in these; small tables start quickly. */
export const calm: Env = {
  DAT_HISTORY_BYTES: '0',
  DAT_DEVICE_RATE: '0',
  DAT_DEVICE_LEAVE_GRACE_MS: '600000',
  DAT_DEVICE_STALE_AFTER_MS: '600000',
  DAT_DEVICE_REMOVE_AFTER_MS: '600000',
  DAT_SUBSCRIBER_INACTIVE_AFTER_MS: '600000',
  DAT_SUBSCRIBER_REMOVE_AFTER_MS: '600000',
  DAT_MAX_DEVICES: '4000',
  DAT_MAX_SUBSCRIBERS: '4000',
  DAT_MAX_SUBSCRIPTIONS: '40000',
};

export interface DeviceEntry {
  readonly device: string;
  readonly state: string;
  readonly status: string | null;
  readonly lastSeen: number;
  readonly connectedAt: number | null;
  readonly gateway?: string;
  readonly seq: number;
  readonly epoch: string;
  readonly subscribers: Readonly<Record<'active' | 'inactive' | 'allow' | 'deny', number>>;
}

export interface RowEntry {
  readonly subscriber: string;
  readonly status: string;
  readonly reason: string | null;
  readonly lastSeen: number;
  readonly vip: boolean;
  readonly connected: boolean;
}

export interface FilterEntry {
  readonly filter: string;
  readonly status: string;
  readonly reason: string | null;
}

export interface DeviceOptions extends PeerOptions {
  /** Follows `?id=`. */
  readonly query?: string;
}

export interface SubscriberOptions extends PeerOptions {
  readonly id?: string;
  /** For `?devices=`. */
  readonly devices?: readonly string[];
  /** For `?batch=`. */
  readonly batch?: boolean;
  readonly hold?: boolean;
  /** For `?every=`. */
  readonly every?: number | string;
}

let ids = 0;

/** An id that no other test of this process uses. */
export function uniqueId(prefix: string): string {
  ids += 1;
  return `${prefix}-${ids}`;
}

/** Registers the start and the end of a hub for the surrounding suite. */
export function useHub(env: Env): TestHub {
  const hub = new TestHub({ ...calm, ...env });
  beforeAll(() => hub.start());
  afterAll(() => hub.end());
  return hub;
}

export class TestHub {
  readonly #env: Env;
  readonly #options: StartOptions;
  /** Goes with requests that name no other. */
  readonly #adminToken: string | undefined;
  readonly #peers = new Set<Peer>();
  #process: HubProcess | undefined;

  constructor(env: Env, options: StartOptions = {}, adminToken?: string) {
    this.#env = env;
    this.#options = options;
    this.#adminToken = adminToken;
  }

  async start(): Promise<void> {
    this.#process = await startHub(this.#env, this.#options);
  }

  /** Whatever a suite did to it, a hub ends with 0. */
  async end(): Promise<void> {
    for (const peer of this.#peers) void peer.drop();
    if (this.#process === undefined) return; // the start failed, and has told why
    const { code, signal, stderr } = await this.process.stop().then(() => this.process.ended);
    expect({ code, signal }, stderr.slice(-4000)).toEqual({ code: 0, signal: null });
  }

  get process(): HubProcess {
    if (this.#process === undefined) throw new Error('the hub has not started');
    return this.#process;
  }

  /** A device that is connected, welcomed, and online for everyone who asks. */
  async device(id = uniqueId('dev'), options: PeerOptions = {}): Promise<Device> {
    const device = await this.connectDevice(id, options);
    await eventually(`device ${id} is online`, async () => (await this.deviceEntry(id))?.state === 'online');
    return device;
  }

  /** A device that is connected and welcomed. */
  async connectDevice(id: string, options: DeviceOptions = {}): Promise<Device> {
    const device = await this.openDevice(id, options);
    await device.welcome();
    return device;
  }

  /** A device whose upgrade was answered with 101, and nothing more is known. */
  async openDevice(id: string, options: DeviceOptions = {}): Promise<Device> {
    const query = `?id=${encodeURIComponent(id)}${options.query ?? ''}`;
    const device = await Device.connect(this.process.devicePort, query, options);
    this.#peers.add(device);
    return device;
  }

  /** A gateway that is connected and welcomed. */
  async gateway(id = uniqueId('gw'), options: DeviceOptions = {}): Promise<Gateway> {
    const gateway = await this.openGateway(id, options);
    await gateway.welcome();
    return gateway;
  }

  /** A gateway whose upgrade was answered with 101, and nothing more is known. */
  async openGateway(id: string, options: DeviceOptions = {}): Promise<Gateway> {
    const query = `?id=${encodeURIComponent(id)}${options.query ?? ''}`;
    const gateway = await Gateway.connect(this.process.devicePort, query, options);
    this.#peers.add(gateway);
    return gateway;
  }

  /** A subscriber that is connected and welcomed. */
  async subscriber(options: SubscriberOptions = {}): Promise<Subscriber> {
    const subscriber = await this.openSubscriber(options);
    await subscriber.welcome();
    return subscriber;
  }

  async openSubscriber({
    id = uniqueId('sub'),
    devices,
    batch,
    hold,
    every,
    ...options
  }: SubscriberOptions = {}): Promise<Subscriber> {
    const query = new URLSearchParams({ id });
    if (devices !== undefined) query.set('devices', devices.join(','));
    if (batch !== undefined) query.set('batch', String(batch));
    if (hold !== undefined) query.set('hold', String(hold));
    if (every !== undefined) query.set('every', String(every));
    const subscriber = await Subscriber.connect(this.process.subscriberPort, `?${query}`, options);
    this.#peers.add(subscriber);
    return subscriber;
  }

  /** An online device with its id, and a subscriber that listens to it. */
  async pair(): Promise<{ dev: string; sub: string; device: Device; subscriber: Subscriber }> {
    const dev = uniqueId('dev');
    const sub = uniqueId('sub');
    const device = await this.device(dev);
    const subscriber = await this.subscriber({ id: sub });
    await subscriber.subscribe(dev);
    return { dev, sub, device, subscriber };
  }

  /** Keeps a device listened to, so that its events take numbers whatever the subscriber under test does. */
  async witness(...devices: readonly string[]): Promise<Subscriber> {
    const witness = await this.subscriber({ id: uniqueId('witness') });
    await witness.subscribe(...devices);
    return witness;
  }

  admin(method: string, path: string, body?: unknown, request: AdminRequest = {}): Promise<AdminAnswer> {
    const all = { token: this.#adminToken, ...request, ...(body === undefined ? {} : { body }) };
    return admin(this.process.adminPort, method, path, all);
  }

  /** Sets a row as an operator and returns the answer. */
  setRow(device: string, subscriber: string, change: object): Promise<AdminAnswer> {
    return this.admin('PUT', `/v1/devices/${device}/subscribers/${subscriber}`, change);
  }

  async deviceEntry(id: string): Promise<DeviceEntry | undefined> {
    const { status, body } = await this.admin('GET', `/v1/devices/${id}`);
    return status === 200 ? (body as DeviceEntry) : undefined;
  }

  async rows(device: string): Promise<readonly RowEntry[]> {
    const { status, body } = await this.admin('GET', `/v1/devices/${device}/subscribers?limit=1000`);
    return status === 200 ? (body as { readonly subscribers: readonly RowEntry[] }).subscribers : [];
  }

  /** Of a subscriber, none where the hub knows no such subscriber. */
  async filters(subscriber: string): Promise<readonly FilterEntry[]> {
    const { status, body } = await this.admin('GET', `/v1/subscribers/${subscriber}`);
    return status === 200 ? (body as { filters: FilterEntry[] }).filters : [];
  }

  async row(device: string, subscriber: string): Promise<RowEntry | undefined> {
    return (await this.rows(device)).find((row) => row.subscriber === subscriber);
  }

  /** Waits until the row looks like that. */
  rowBecomes(device: string, subscriber: string, expected: Partial<RowEntry>): Promise<RowEntry> {
    return eventually(`row ${device} × ${subscriber} is ${JSON.stringify(expected)}`, async () => {
      const row = await this.row(device, subscriber);
      const fits = Object.entries(expected).every(
        ([field, value]) => row?.[field as keyof RowEntry] === value,
      );
      return row !== undefined && fits ? row : undefined;
    });
  }

  rowGoes(device: string, subscriber: string): Promise<boolean> {
    return eventually(
      `row ${device} × ${subscriber} is gone`,
      async () => (await this.row(device, subscriber)) === undefined,
    );
  }

  async metrics(): Promise<Metrics> {
    return new Metrics((await this.admin('GET', '/metrics')).text);
  }
}

/**
 * Publishes an event that the subscriber gets, so that whatever was sent to it before has come. The device must be one
 * that it listens to.
 */
export async function marker(device: Device, subscriber: Subscriber): Promise<EventFrame> {
  const data = uniqueId('marker');
  device.send({ type: 'message', data });
  return (await subscriber.frames.next((frame) => frame.op === 'event' && frame.data === data)) as EventFrame;
}

/** The payloads of the events so far, of that device. */
export function dataOf(subscriber: Subscriber, device: string): unknown[] {
  return subscriber.events(device).map(({ data }) => data);
}

/** 1, 2, 3 … `count`, or from another start. */
export function numbersFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}
