/** Clients over `ws` whose connections a test can cut, and what they told. */
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import {
  type ConnectionState,
  connectDevice,
  connectGateway,
  connectSubscriber,
  type Device,
  type DeviceEvent,
  type DeviceOptions,
  type Gap,
  type Gateway,
  type GatewayOptions,
  type Removal,
  type SocketConstructor,
  type StatusNotice,
  type Subscribed,
  type Subscriber,
  type SubscriberOptions,
  type TunnelError,
} from '../../clients/js/src/index.ts';
import { Inbox } from './inbox.ts';
import { WAIT_MS } from './waits.ts';

/** Reconnects soon and gives up late: waiting is not what these tests are about. */
const patient = {
  reconnect: { baseMs: 20, capMs: 100 },
  connectTimeoutMs: WAIT_MS,
  requestTimeoutMs: WAIT_MS,
};

/** What devices and subscribers have in common. */
export interface Client {
  readonly connection: ConnectionState;
  on(name: 'state', listener: (state: ConnectionState) => void): () => void;
  on(name: 'error', listener: (error: TunnelError) => void): () => void;
  close(): Promise<void>;
}

export type Connected = ConnectionState & { readonly state: 'connected' };

interface Line {
  readonly states: Inbox<ConnectionState>;
  readonly errors: Inbox<TunnelError>;
  /** Ends the WebSocket without a close frame. */
  cut(): void;
  /** Waits until it is connected, cuts it, and waits until it is connected again. */
  reconnect(): Promise<Connected>;
}

export interface DeviceLine extends Line {
  readonly device: Device;
}

export interface SubscriberLine extends Line {
  readonly subscriber: Subscriber;
  readonly events: Inbox<DeviceEvent>;
  readonly gaps: Inbox<Gap>;
  readonly statuses: Inbox<StatusNotice>;
  readonly removals: Inbox<Removal>;
  readonly subscribed: Inbox<Subscribed>;
  readonly changes: Inbox<readonly string[]>;
}

export interface GatewayLine extends Line {
  readonly gateway: Gateway;
}

/** Closed when the test is over. */
export function openDevice(port: number, options: Partial<DeviceOptions> = {}): DeviceLine {
  const sockets: WebSocket[] = [];
  const url = `ws://127.0.0.1:${port}`;
  const device = connectDevice({ url, WebSocket: recording(sockets), ...patient, ...options });
  return { device, ...lineOf(device, sockets) };
}

/** Closed when the test is over. */
export function openSubscriber(port: number, options: Partial<SubscriberOptions> = {}): SubscriberLine {
  const sockets: WebSocket[] = [];
  const url = `ws://127.0.0.1:${port}`;
  const subscriber = connectSubscriber({ url, WebSocket: recording(sockets), ...patient, ...options });
  const line = lineOf(subscriber, sockets);
  const inboxes = {
    events: new Inbox<DeviceEvent>('events'),
    gaps: new Inbox<Gap>('gaps'),
    statuses: new Inbox<StatusNotice>('statuses'),
    removals: new Inbox<Removal>('removals'),
    subscribed: new Inbox<Subscribed>('subscribed'),
    changes: new Inbox<readonly string[]>('changes'),
  };
  subscriber.on('event', (event) => inboxes.events.push(event));
  subscriber.on('gap', (gap) => inboxes.gaps.push(gap));
  subscriber.on('status', (notice) => inboxes.statuses.push(notice));
  subscriber.on('removed', (removal) => inboxes.removals.push(removal));
  subscriber.on('subscribed', (answer) => inboxes.subscribed.push(answer));
  subscriber.on('change', (ids) => inboxes.changes.push(ids));
  return { subscriber, ...line, ...inboxes };
}

/** Closed when the test is over. */
export function openGateway(port: number, options: Partial<GatewayOptions> = {}): GatewayLine {
  const sockets: WebSocket[] = [];
  const url = `ws://127.0.0.1:${port}`;
  const gateway = connectGateway({ url, WebSocket: recording(sockets), ...patient, ...options });
  return { gateway, ...lineOf(gateway, sockets) };
}

/** The class of `ws`, noting every socket that is made of it. */
function recording(sockets: WebSocket[]): SocketConstructor {
  return class extends WebSocket {
    constructor(url: string, protocols?: string[]) {
      super(url, protocols, { perMessageDeflate: false });
      sockets.push(this);
    }
  };
}

function lineOf(client: Client, sockets: readonly WebSocket[]): Line {
  onTestFinished(() => {
    void client.close();
    for (const socket of sockets) socket.terminate();
  });
  const states = new Inbox<ConnectionState>('states');
  const errors = new Inbox<TunnelError>('errors');
  client.on('state', (state) => states.push(state));
  client.on('error', (error) => errors.push(error));
  const cut = (): void => sockets.at(-1)?.terminate();
  return {
    states,
    errors,
    cut,
    async reconnect() {
      if (client.connection.state !== 'connected') await nextConnected(client);
      cut();
      return nextConnected(client);
    },
  };
}

function nextConnected(client: Client): Promise<Connected> {
  return new Promise((resolve) => {
    const leave = client.on('state', (state) => {
      if (state.state !== 'connected') return;
      leave();
      resolve(state);
    });
  });
}
