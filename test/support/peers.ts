/** A device and a subscriber over the `ws` client: they record every frame in order and wait for what is to come. */
import { WebSocket } from 'ws';
import {
  type Ack,
  type Batch,
  decodeBinary,
  type EventFrame,
  type Frame,
  type Subscribed,
} from './frames.ts';
import { Inbox } from './inbox.ts';
import { WAIT_MS } from './waits.ts';

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

export interface PeerOptions {
  /** false: WebSocket pings stay without an answer. */
  readonly autoPong?: boolean;
  readonly origin?: string;
  readonly protocols?: readonly string[];
  /** Goes as `Authorization: Bearer`. */
  readonly token?: string;
  /** Connects with wss and trusts this certificate (PEM) alone. */
  readonly ca?: string;
}

/** The hub answered the upgrade with an HTTP status. */
export class UpgradeRefused extends Error {
  override readonly name = 'UpgradeRefused';
  readonly status: number;

  constructor(url: string, status: number) {
    super(`${url} was refused with ${status}`);
    this.status = status;
  }
}

class Peer {
  /** Those of a batch one by one. */
  readonly frames: Inbox<Frame>;
  /** As they came. */
  readonly batches: Batch[] = [];
  readonly closed: Promise<Closed>;
  readonly url: string;
  readonly #socket: WebSocket;
  readonly #opened: Promise<void>;
  #requests = 0;

  constructor(url: string, { autoPong = true, origin, protocols = [], token, ca }: PeerOptions) {
    this.url = url;
    this.frames = new Inbox(new URL(url).pathname + new URL(url).search);
    this.#socket = new WebSocket(url, [...protocols], {
      autoPong,
      handshakeTimeout: WAIT_MS,
      perMessageDeflate: false,
      ...(origin === undefined ? {} : { origin }),
      ...(ca === undefined ? {} : { ca }),
      ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
    });
    this.#opened = new Promise((resolve, reject) => {
      this.#socket.once('open', resolve);
      this.#socket.once('unexpected-response', (request, response) => {
        reject(new UpgradeRefused(url, response.statusCode ?? 0));
        request.destroy();
      });
      this.#socket.on('error', reject); // after the opening a no-op: 'close' tells
    });
    this.#socket.on('message', (data: Buffer, isBinary) => {
      const frame = isBinary ? decodeBinary(data) : parseFrame(data);
      if (frame.events !== undefined) this.batches.push({ ...frame, events: frame.events });
      for (const each of frame.events ?? [frame]) this.frames.push(each);
    });
    this.closed = new Promise((resolve) => {
      this.#socket.once('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.frames.end(`closed with ${code} ${reason}`);
      });
    });
  }

  /** @throws UpgradeRefused */
  opened(): Promise<void> {
    return this.#opened;
  }

  /** The subprotocol that the hub chose, '' for none. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(frame: unknown): void {
    this.#socket.send(JSON.stringify(frame));
  }

  sendText(text: string): void {
    this.#socket.send(text);
  }

  sendBinary(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  /** Sends a frame with an id of its own, and waits for the frame that echoes the id. */
  protected request(frame: object): Promise<Frame> {
    this.#requests += 1;
    const id = `request-${this.#requests}`;
    this.send({ ...frame, id });
    return this.frames.next((answer) => answer.id === id);
  }

  /** Takes nothing more from the kernel: what the hub sends piles up, here and there. */
  stopReading(): void {
    this.#socket.pause();
  }

  readAgain(): void {
    this.#socket.resume();
  }

  welcome(): Promise<Frame> {
    return this.frames.next(({ op }) => op === 'welcome');
  }

  error(): Promise<Frame> {
    return this.frames.next(({ op }) => op === 'error');
  }

  /** Closes with a close frame; without a code the frame has none. */
  close(code?: number): Promise<Closed> {
    this.#socket.close(code);
    return this.closed;
  }

  /** Ends the connection without a close frame. */
  drop(): Promise<Closed> {
    this.#socket.terminate();
    return this.closed;
  }
}

export type { Peer };

/** A text frame that is no JSON becomes a frame of its own, so that a test sees it instead of a dead socket. */
function parseFrame(data: Buffer): Frame {
  const text = data.toString();
  try {
    return JSON.parse(text) as Frame;
  } catch {
    return { op: 'unreadable', message: text };
  }
}

function schemeOf({ ca }: PeerOptions): 'ws' | 'wss' {
  return ca === undefined ? 'ws' : 'wss';
}

export class Device extends Peer {
  /** @throws UpgradeRefused */
  static async connect(port: number, query: string, options: PeerOptions = {}): Promise<Device> {
    const device = new Device(`${schemeOf(options)}://127.0.0.1:${port}/v1/device${query}`, options);
    await device.opened();
    return device;
  }

  /** Sends an event and waits for its ack. */
  async publish(event: object): Promise<Ack> {
    const answer = await this.request(event);
    if (answer.op !== 'ack') throw new Error(`no ack but ${JSON.stringify(answer)}`);
    return answer as Ack;
  }

  /** Sends an event of type message and waits for its ack. */
  message(data: unknown): Promise<Ack> {
    return this.publish({ type: 'message', data });
  }
}

/** Speaks for many devices. */
export class Gateway extends Peer {
  /** @throws UpgradeRefused */
  static async connect(port: number, query: string, options: PeerOptions = {}): Promise<Gateway> {
    const gateway = new Gateway(`${schemeOf(options)}://127.0.0.1:${port}/v1/gateway${query}`, options);
    await gateway.opened();
    return gateway;
  }

  /** Sends a frame of a device and waits for its ack. */
  async publish(device: string, event: object): Promise<Ack> {
    const answer = await this.ask(device, event);
    if (answer.op !== 'ack') throw new Error(`no ack but ${JSON.stringify(answer)}`);
    return answer as Ack;
  }

  /** Sends a message of a device and waits for its ack. */
  message(device: string, data: unknown): Promise<Ack> {
    return this.publish(device, { type: 'message', data });
  }

  /** Sends a frame of a device and waits for the answer, which may be an error. */
  ask(device: string, frame: object): Promise<Frame> {
    return this.request({ ...frame, device });
  }

  tell(op: 'open' | 'close', device: string): void {
    this.send({ op, device });
  }

  /** The next notice by which the hub takes the device from it. */
  taken(device: string): Promise<Frame> {
    return this.frames.next((frame) => frame.op === 'closed' && frame.device === device);
  }
}

export interface FilterEntry {
  readonly device: string;
  readonly status: string;
  readonly state: string;
  readonly seq: number;
}

export class Subscriber extends Peer {
  /** @throws UpgradeRefused */
  static async connect(port: number, query = '', options: PeerOptions = {}): Promise<Subscriber> {
    const subscriber = new Subscriber(
      `${schemeOf(options)}://127.0.0.1:${port}/v1/subscribe${query}`,
      options,
    );
    await subscriber.opened();
    return subscriber;
  }

  /** Asks for something and waits for the answer, which may be an error. */
  ask(op: string, devices?: readonly string[], more: object = {}): Promise<Frame> {
    return this.request(devices === undefined ? { op, ...more } : { op, devices, ...more });
  }

  /** Pages of a filter's devices, up to the last. @returns the entries of all */
  async filterPages(filter: string): Promise<readonly FilterEntry[]> {
    const entries: FilterEntry[] = [];
    for (;;) {
      const page = await this.frames.next((frame) => frame.op === 'subscribed' && frame.filter === filter);
      entries.push(...(page.devices as readonly FilterEntry[]));
      if (page.more !== true) return entries;
    }
  }

  async subscribe(...devices: readonly string[]): Promise<Subscribed> {
    return subscribedFrom(await this.ask('subscribe', devices));
  }

  async resume(...devices: readonly string[]): Promise<Subscribed> {
    return subscribedFrom(await this.ask('resume', devices.length === 0 ? undefined : devices));
  }

  /** The answer to `?devices=` in the URL. */
  async subscribedByUrl(): Promise<Subscribed> {
    return subscribedFrom(await this.frames.next(({ op }) => op === 'subscribed'));
  }

  /** Device → status of this subscriber's subscriptions. */
  async list(): Promise<Readonly<Record<string, string>>> {
    const { devices = [] } = await this.ask('list');
    const items = devices as readonly { readonly device: string; readonly status: string }[];
    return Object.fromEntries(items.map(({ device, status }) => [device, status]));
  }

  /** The next event not yet taken, of that device where one is named. */
  async event(device?: string): Promise<EventFrame> {
    const frame = await this.frames.next(
      (it) => isEvent(it) && (device === undefined || it.device === device),
    );
    return frame as EventFrame;
  }

  /** Every event so far, of that device where one is named. */
  events(device?: string): EventFrame[] {
    return this.frames.all.filter(isEvent).filter((event) => device === undefined || event.device === device);
  }
}

function isEvent(frame: Frame): frame is EventFrame {
  return frame.op === 'event';
}

function subscribedFrom(frame: Frame): Subscribed {
  if (frame.op !== 'subscribed') throw new Error(`not subscribed but ${JSON.stringify(frame)}`);
  return frame as unknown as Subscribed;
}
