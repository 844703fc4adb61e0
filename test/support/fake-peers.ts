/** Clients on fake WebSockets, for tests with a fake clock. */
import { vi } from 'vitest';
import {
  type ConnectionState,
  connectDevice,
  connectSubscriber,
  type Device,
  type DeviceOptions,
  type SocketConstructor,
  type Subscriber,
  type SubscriberOptions,
} from '../../clients/js/src/index.ts';
import type { Client } from './client.ts';
import { type FakeSocket, fakeSockets } from './fake-socket.ts';

export interface Peer<Kind> {
  readonly client: Kind;
  readonly sockets: readonly FakeSocket[];
  readonly states: readonly ConnectionState[];
  /** The newest WebSocket. */
  socket(): FakeSocket;
}

export const url = 'ws://hub.test:7400';

async function peerOf<Kind extends Client>(
  connect: (WebSocket: SocketConstructor) => Kind,
): Promise<Peer<Kind>> {
  const { WebSocket, sockets } = fakeSockets();
  const client = connect(WebSocket);
  const states: ConnectionState[] = [];
  client.on('state', (state) => states.push(state));
  await vi.advanceTimersByTimeAsync(0);
  return { client, sockets, states, socket: () => sockets.at(-1)! };
}

export const deviceOf = (options: Partial<DeviceOptions> = {}): Promise<Peer<Device>> =>
  peerOf((WebSocket) => connectDevice({ url, id: 'me', WebSocket, ...options }));
export const subscriberOf = (options: Partial<SubscriberOptions> = {}): Promise<Peer<Subscriber>> =>
  peerOf((WebSocket) => connectSubscriber({ url, id: 'me', WebSocket, ...options }));

/** To be called in `beforeEach`: the clock stands still, and every jitter is half of its window. */
export function useFakeTime(): void {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
}

/** To be called in `afterEach`. */
export function useRealTime(): void {
  vi.useRealTimers();
  vi.restoreAllMocks();
}
