/**
 * A hub that follows sections 2 to 4 and 7 to 12 of the wire contract for a few peers, all of them on one port. It is
 * slow and simple on purpose; what it cannot do by itself (forget, crash, refuse) a test makes it do.
 */
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { Inbox } from '../../support/inbox.ts';
import { type FakeDevice, type FakeEvent, Fleet, type Type } from './fleet.ts';
import { Follower, type FollowerOptions, type Frame } from './follower.ts';

export interface FakeHubOptions extends Partial<FollowerOptions> {
  /** Events of a device that are kept; 0: there is no history. Default 100. */
  readonly historyEvents?: number;
  /** From the last listener to `interest` false. Default 0. */
  readonly lingerMs?: number;
}

interface EventFrame extends Frame {
  readonly type?: Type;
  readonly device?: string;
  readonly data?: unknown;
  readonly data64?: string;
  readonly status?: string;
  readonly priority?: 'low' | 'normal' | 'high';
}

interface Home {
  readonly socket: WebSocket;
  readonly gateway: string | undefined;
  readonly hasInterest: boolean;
}

/** Refuses frames as long as there are any left. */
interface Refusal {
  left: number;
  readonly op: string;
  readonly retryAfterMs: number;
}

export class FakeHub {
  readonly port: number;
  readonly fleet: Fleet;
  readonly followers = new Map<string, Follower>();
  /** What subscribers, devices and gateways sent. */
  readonly frames = new Inbox<EventFrame & { readonly peer: string }>('frames at the hub');
  /** Of every upgrade. */
  readonly urls: URL[] = [];
  readonly #server: WebSocketServer;
  readonly #options: FakeHubOptions;
  readonly #homes = new Map<string, Home>();
  /** By gateway: devices that were taken from it. */
  readonly #taken = new Map<string, Set<string>>();
  readonly #interest = new Map<string, boolean>();
  #refusal: Refusal | undefined;
  /** Requests whose answers are held back. */
  #held: (() => void)[] | undefined;

  /** Ends with the test. */
  static async start(options: FakeHubOptions = {}): Promise<FakeHub> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await new Promise((resolve) => server.once('listening', resolve));
    const hub = new FakeHub(server, options);
    onTestFinished(() => {
      for (const follower of hub.followers.values()) follower.disconnect();
      for (const socket of server.clients) socket.terminate();
      server.close();
    });
    return hub;
  }

  private constructor(server: WebSocketServer, options: FakeHubOptions) {
    this.#server = server;
    this.#options = options;
    this.port = (server.address() as AddressInfo).port;
    this.fleet = new Fleet(options.historyEvents ?? 100);
    server.on('connection', (socket, request) => this.#connected(socket, request));
  }

  follower(id: string): Follower {
    let follower = this.followers.get(id);
    if (follower === undefined) {
      const { pageSize = 1000, maxFilters = 100, mayFollow = () => true } = this.#options;
      follower = new Follower(id, this.fleet, { pageSize, maxFilters, mayFollow });
      this.followers.set(id, follower);
    }
    return follower;
  }

  /** A device sends an event. It connects with it, where it never has. @returns its number; 0: it was skipped */
  publish(id: string, fields: { readonly type?: Type } & Partial<FakeEvent>): number {
    const device = this.#appear(id, undefined);
    return this.#broadcast(device, { type: 'message', source: 'device', ...fields })?.seq ?? 0;
  }

  /** The device leaves the table. */
  remove(id: string, code = 123): void {
    this.fleet.delete(id);
    this.#homes.delete(id);
    for (const follower of this.followers.values()) follower.gone(id, code);
  }

  /** The events of the device up to this number are no longer kept. */
  forget(id: string, upTo: number): void {
    const device = this.fleet.row(id);
    device.kept = device.kept.filter(({ seq }) => seq > upTo);
    for (const follower of this.followers.values()) follower.lose(id, upTo);
  }

  /** The numbering of the device starts anew; its followers are told. */
  renumber(id: string): void {
    const device = this.fleet.row(id);
    this.fleet.renumber(device);
    for (const follower of this.followers.values()) {
      if (follower.wants(id) === 'now')
        follower.send({ op: 'subscribed', devices: [follower.entry(id)], errors: [] });
    }
  }

  /** Everything is forgotten, every connection lost. */
  crash(): void {
    for (const socket of this.#server.clients) socket.terminate();
    this.followers.clear();
    for (const device of this.fleet.all) this.fleet.renumber(device);
  }

  /** The next frames with this op, or events of this type, are refused for their rate. */
  refuse(op: string, count: number, retryAfterMs: number): void {
    this.#refusal = { left: count, op, retryAfterMs };
  }

  /** Answers are held back until the function that is returned is called. */
  holdAnswers(): () => void {
    this.#held = [];
    return () => {
      const held = this.#held ?? [];
      this.#held = undefined;
      for (const answer of held) answer();
    };
  }

  #connected(socket: WebSocket, { url = '/' }: IncomingMessage): void {
    const { pathname, searchParams } = new URL(url, 'ws://hub');
    this.urls.push(new URL(url, 'ws://hub'));
    const id = searchParams.get('id') ?? `generated-${this.urls.length}`;
    if (pathname === '/v1/subscribe') this.#subscriberConnected(socket, id, searchParams);
    else if (pathname === '/v1/gateway') this.#gatewayConnected(socket, id);
    else this.#deviceConnected(socket, id, searchParams);
  }

  #subscriberConnected(socket: WebSocket, id: string, parameters: URLSearchParams): void {
    const follower = this.follower(id);
    const every = parameters.get('every');
    const link = {
      socket,
      isBinary: socket.protocol === 'dat.v1.binary',
      isBatch: parameters.get('batch') === 'true',
      everyMs: every === null ? undefined : Number(every),
    };
    follower.connect(link, parameters.get('hold') === 'true');
    this.#tellInterest();
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as Frame;
      this.frames.push({ ...frame, peer: id });
      const limit = (retryAfterMs: number): void =>
        socket.send(
          JSON.stringify({ op: 'error', id: frame.id, code: 111, message: 'slower', retryAfterMs }),
        );
      if (this.#isRefused(frame.op, limit)) return;
      const answer = (): void => {
        follower.answer(frame);
        this.#tellInterest();
      };
      if (this.#held === undefined) answer();
      else if (this.#held.length >= 16) limit(10);
      else this.#held.push(answer);
    });
    socket.on('close', () => {
      // Another connection of the same id may have taken over, or the hub forgotten it.
      if (this.followers.get(id) !== follower || !isCurrent(link)) return;
      follower.disconnect();
      this.#tellInterest();
    });
    const isCurrent = ({ socket: own }: typeof link): boolean => this.#sockets.get(id) === own;
    this.#sockets.set(id, socket);
  }

  /** Of subscribers. */
  readonly #sockets = new Map<string, WebSocket>();

  #deviceConnected(socket: WebSocket, id: string, parameters: URLSearchParams): void {
    const home: Home = {
      socket,
      gateway: undefined,
      hasInterest: parameters.get('interest') === 'true',
    };
    socket.send(JSON.stringify({ op: 'welcome', device: id, pingIntervalMs: 25_000 }));
    this.#appear(id, home);
    this.#interest.delete(id);
    this.#tellInterest();
    socket.on('message', (data, isBinary) => {
      const frame = isBinary ? frameOfBytes(data as Buffer) : (JSON.parse(String(data)) as EventFrame);
      this.#event(socket, id, frame, {});
    });
    socket.on('close', (code) => this.#left(id, home, code));
  }

  #gatewayConnected(socket: WebSocket, gateway: string): void {
    this.#taken.set(gateway, new Set());
    socket.send(JSON.stringify({ op: 'welcome', gateway, pingIntervalMs: 25_000 }));
    const home: Home = { socket, gateway, hasInterest: false };
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as EventFrame;
      const { device: id = '', op } = frame;
      const refuse = (code: number, message: string): void =>
        socket.send(JSON.stringify({ op: 'error', id: frame.id, device: id, code, message }));
      const taken = this.#taken.get(gateway);
      if (!/^[A-Za-z0-9._:~-]{1,128}$/.test(id)) refuse(107, 'names no valid device');
      else if (this.#options.mayFollow?.(id) === false) refuse(103, 'not of this gateway');
      else if (op === 'open') {
        this.frames.push({ ...frame, peer: gateway });
        taken?.delete(id);
        this.#appear(id, home);
      } else if (taken?.has(id)) refuse(103, 'connected elsewhere');
      else if (op === 'close') {
        this.frames.push({ ...frame, peer: gateway });
        this.#left(id, home, 1000);
      } else {
        this.#appear(id, home);
        this.#event(socket, gateway, frame, { device: id });
      }
    });
    socket.on('close', () => {
      for (const [id, { socket: own }] of this.#homes) if (own === socket) this.#left(id, home, 1006);
    });
  }

  /** An event of a device. @param named what answers carry */
  #event(socket: WebSocket, peer: string, frame: EventFrame, named: { readonly device?: string }): void {
    this.frames.push({ ...frame, peer });
    const { type, id, data, data64, status, priority } = frame;
    const answer = (fields: object): void => socket.send(JSON.stringify({ ...fields, id, ...named }));
    const limit = (retryAfterMs: number): void =>
      answer({ op: 'error', code: 111, message: 'slower', retryAfterMs });
    if (this.#isRefused(type, limit)) return;
    if (type === undefined) {
      answer({ op: 'error', code: 107, message: 'no type' });
      return;
    }
    const device = this.fleet.row(named.device ?? peer);
    const isHeard = this.#isHeard(device.id);
    const event = this.#broadcast(device, {
      type,
      source: 'device',
      ...(data64 === undefined ? { data: data ?? null } : { data64 }),
      ...(status !== undefined && { status }),
      ...(priority !== undefined && { priority }),
    });
    if (id !== undefined) {
      answer({ op: 'ack', seq: event?.seq ?? device.seq, ...(!isHeard && { skipped: true }) });
    }
  }

  #isRefused(op: unknown, refuse: (retryAfterMs: number) => void): boolean {
    const refusal = this.#refusal;
    if (refusal === undefined || refusal.op !== op || refusal.left === 0) return false;
    refusal.left -= 1;
    refuse(refusal.retryAfterMs);
    return true;
  }

  /** The device is there from now on; where it was before, it is taken from. */
  #appear(id: string, home: Home | undefined): FakeDevice {
    const device = this.fleet.row(id);
    const before = this.#homes.get(id);
    if (home !== undefined) {
      if (before !== undefined && before.socket !== home.socket) this.#takeOver(id, before);
      this.#homes.set(id, home);
    }
    if (!device.isReal) {
      device.isReal = true;
      for (const follower of this.followers.values()) follower.appeared(device);
    }
    if (device.state !== 'online') this.#present(device, 'online', 'connected');
    return device;
  }

  #takeOver(id: string, { socket, gateway }: Home): void {
    if (gateway === undefined) {
      socket.close(4004, 'replaced');
      return;
    }
    this.#taken.get(gateway)?.add(id);
    socket.send(JSON.stringify({ op: 'closed', device: id, code: 4004 }));
  }

  #left(id: string, { socket }: Home, code: number): void {
    if (this.#homes.get(id)?.socket !== socket) return;
    this.#homes.delete(id);
    if (code !== 1000) return; // the leave grace outlasts every test
    this.#present(this.fleet.row(id), 'offline', 'closed');
  }

  #present(device: FakeDevice, state: FakeDevice['state'], reason: string): void {
    device.state = state;
    this.#broadcast(device, { type: 'status', source: 'hub', data: { state, reason } });
  }

  #broadcast(device: FakeDevice, fields: Parameters<Fleet['event']>[1]): FakeEvent | undefined {
    const followers = [...this.followers.values()];
    const isNeeded = followers.some((follower) => follower.wants(device.id) !== undefined);
    const event = this.fleet.event(device, fields, isNeeded);
    if (event !== undefined) for (const follower of followers) follower.deliver(event);
    return event;
  }

  #isHeard(id: string): boolean {
    return [...this.followers.values()].some((follower) => follower.wants(id) === 'now');
  }

  #tellInterest(): void {
    for (const [id, { socket, hasInterest }] of this.#homes) {
      const active = this.#isHeard(id);
      if (!hasInterest || this.#interest.get(id) === active) continue;
      const wasTold = this.#interest.has(id);
      this.#interest.set(id, active);
      const tell = (): void => {
        if (this.#interest.get(id) === active) socket.send(JSON.stringify({ op: 'interest', active }));
      };
      if (active || !wasTold) tell();
      else setTimeout(tell, this.#options.lingerMs ?? 0);
    }
  }
}

function frameOfBytes(data: Buffer): EventFrame {
  const type = (['', 'pong', 'message', 'status'] as const)[data[0]! & 15] as Type;
  return { type, data64: data.subarray(1).toString('base64') } as EventFrame;
}
