/** All devices of a fleet on one connection: a gateway. */
import type { RawData, WebSocket } from 'ws';
import { lasting } from '../peer-failure.ts';
import type { Uplink, UplinkEvents } from './uplink.ts';

export interface GatewayOptions {
  readonly url: URL;
  /** '' for none. */
  readonly token: string;
  readonly id: string;
}

const RETRY_MS = 1000;
const NORMAL = 1000;
const GATEWAY_PATH = '/v1/gateway';
/** Events that the hub does not take are not kept for long: a simulation is about now. */
const WAITING_BYTES_MAX = 1024 * 1024;

interface HubFrame {
  readonly op: string;
  readonly device?: string;
  readonly message?: string;
}

export async function gatewayUplink(options: GatewayOptions, told: UplinkEvents): Promise<Uplink> {
  const { WebSocket: Socket } = await import('ws');
  const uplink = new GatewayUplink(options, told, Socket);
  uplink.connect();
  return uplink;
}

class GatewayUplink implements Uplink {
  readonly #options: GatewayOptions;
  readonly #told: UplinkEvents;
  readonly #Socket: typeof WebSocket;
  readonly #present = new Set<string>();
  /** Devices that connected elsewhere; this gateway does not speak for them any more. */
  readonly #taken = new Set<string>();
  #socket: WebSocket | undefined;
  #isWelcome = false;
  #hasConnected = false;
  #isClosing = false;

  constructor(options: GatewayOptions, told: UplinkEvents, Socket: typeof WebSocket) {
    this.#options = options;
    this.#told = told;
    this.#Socket = Socket;
  }

  connect(): void {
    const { url, token, id } = this.#options;
    const target = new URL(url);
    if (target.pathname === '/') target.pathname = GATEWAY_PATH;
    target.searchParams.set('id', id);
    const headers = token === '' ? {} : { authorization: `Bearer ${token}` };
    const socket = new this.#Socket(target, { headers });
    this.#socket = socket;
    let why = '';
    socket.on('message', (data) => this.#read(data));
    socket.on('error', ({ message }) => {
      why = message;
    });
    socket.on('close', (code, reason) => void this.#lost(`closed with ${code}: ${why || reason}`));
  }

  enter(device: string): void {
    this.#present.add(device);
    // A frame of the device connects it; one that was taken away has to ask first.
    if (this.#taken.delete(device)) this.#send({ op: 'open', device });
  }

  leave(device: string): void {
    this.#present.delete(device);
    this.#send({ op: 'close', device });
  }

  isConnected(device: string): boolean {
    const isBehind = (this.#socket?.bufferedAmount ?? 0) > WAITING_BYTES_MAX;
    return this.#isWelcome && !isBehind && this.#present.has(device) && !this.#taken.has(device);
  }

  message(device: string, data: object): void {
    this.#send({ device, type: 'message', data });
  }

  status(device: string, status: string): void {
    this.#send({ device, type: 'status', status });
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const socket = this.#socket;
    if (socket === undefined || socket.readyState === socket.CLOSED) return;
    for (const device of this.#present) this.#send({ op: 'close', device });
    await new Promise((resolve) => {
      socket.once('close', resolve);
      socket.close(NORMAL);
    });
  }

  #send(frame: object): void {
    if (this.#isWelcome) this.#socket?.send(JSON.stringify(frame));
  }

  #read(data: RawData): void {
    const { op, device = '', message = '' } = JSON.parse(String(data)) as HubFrame;
    if (op === 'welcome') {
      this.#isWelcome = true;
      this.#hasConnected = true;
    } else if (op === 'closed') {
      this.#taken.add(device);
      this.#told.lost('a device connected elsewhere, and was taken from the gateway');
    } else if (op === 'error') this.#told.refused(message);
  }

  async #lost(why: string): Promise<void> {
    this.#isWelcome = false;
    this.#taken.clear(); // whoever comes back first has the device
    if (this.#isClosing) return;
    const failure = this.#hasConnected
      ? undefined
      : await lasting({ message: why }, { ...this.#options, listener: 'device' });
    if (failure !== undefined) {
      this.#told.failed(failure);
      return;
    }
    this.#told.lost(why);
    setTimeout(() => this.connect(), RETRY_MS).unref();
  }
}
