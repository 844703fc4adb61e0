/** A subscriber over fake WebSockets: the test plays the hub. */
import { vi } from 'vitest';
import { connectSubscriber, type Subscriber, type SubscriberOptions } from '../../clients/js/src/index.ts';
import { type FakeSocket, fakeSockets } from './fake-socket.ts';

/** A frame of a subscriber. */
export interface Asked {
  readonly op: string;
  readonly devices?: readonly string[];
}

/** A subscriber and the hub that the test plays for it. */
export interface Peer {
  readonly subscriber: Subscriber;
  socket(): FakeSocket;
  /** Drops the connection and welcomes the client on the next. @returns what it asks for there */
  reconnect(resumed?: readonly string[]): Promise<readonly Asked[]>;
}

/** Needs fake timers: it reconnects within 10 ms of them. */
export async function peerOf(options: Partial<SubscriberOptions> = {}): Promise<Peer> {
  const { WebSocket, sockets } = fakeSockets();
  const subscriber = connectSubscriber({
    url: 'ws://hub.test',
    id: 'me',
    WebSocket,
    reconnect: { baseMs: 1, capMs: 1 },
    ...options,
  });
  await vi.advanceTimersByTimeAsync(0);
  const socket = (): FakeSocket => sockets.at(-1)!;
  return {
    subscriber,
    socket,
    async reconnect(resumed = []) {
      socket().end();
      await vi.advanceTimersByTimeAsync(10);
      socket().welcome({ subscriber: 'me', resumed });
      return askedOf(socket());
    },
  };
}

/** What the client asked for: ops, and what they name. */
export function askedOf(socket: FakeSocket): readonly Asked[] {
  return socket.sent.map((frame) => {
    const { op, devices } = frame as Asked;
    return devices === undefined ? { op } : { op, devices };
  });
}

/** An entry of a `subscribed`. */
export const snapshot = (device: string, seq = 0): object => ({
  device,
  status: 'active',
  state: 'online',
  lastSeen: 1,
  seq,
  deviceStatus: null,
});
