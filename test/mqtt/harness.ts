/**
 * The hub that the tests of this folder talk to with clients that others wrote. Nothing but `startMqttHub` knows what
 * it is: here a fake of it in this process, behind this project's sessions, its TCP transport and its `ws` transport.
 */
import { randomUUID } from 'node:crypto';
import { closes } from '../../src/codes.ts';
import { listenTcp } from '../../src/transport/tcp.ts';
import type { Tls } from '../../src/transport/tls.ts';
import { createWsTransport } from '../../src/transport/ws.ts';
import { EventType } from '../../src/wire/events.ts';
import { DEFAULT_TEMPLATES, readTemplates } from '../../src/wire/mqtt/templates.ts';
import { TopicLayout } from '../../src/wire/mqtt/topics.ts';
import { roomForAll } from '../support/room.ts';
import { type Claims, FakeListener, newContext, type Shared } from './fake-connection.ts';
import { FakeHub } from './fake-hub.ts';

export interface MqttHubOptions {
  /** As `DAT_MQTT_TOPICS` has them. */
  readonly topics?: readonly string[];
  /** Whether tokens are needed; `token` makes them. */
  readonly needsTokens?: boolean;
  readonly leaveGraceMs?: number;
  /** How long what a client left is kept. */
  readonly keptMs?: number;
  readonly messageBytesMax?: number;
  readonly hasHistory?: boolean;
  /** TCP and WebSockets with this certificate. */
  readonly tls?: Tls;
}

export interface MqttHub {
  readonly tcpPort: number;
  readonly devicePort: number;
  readonly subscriberPort: number;
  /** @returns a token with these claims */
  token(claims: Claims): Promise<string>;
  /** An event of a device that speaks the hub's own protocol in JSON. */
  publishAsJson(device: string, event: JsonEvent): Promise<void>;
  /** What an operator does. */
  deny(device: string, subscriber: string): Promise<void>;
  kick(subscriber: string): Promise<void>;
  terminate(device: string): Promise<void>;
  drain(): Promise<void>;
  stop(): Promise<void>;
}

export interface JsonEvent {
  readonly type: 'message' | 'status' | 'pong';
  readonly status?: string;
  readonly data?: unknown;
}

/** Starts a hub of a test's own. */
export async function startMqttHub(options: MqttHubOptions = {}): Promise<MqttHub> {
  const { topics = DEFAULT_TEMPLATES, needsTokens = false, messageBytesMax = 65_536, tls } = options;
  const read = readTemplates(topics);
  if (!read.ok) throw new Error(read.problems.join('\n'));
  const hub = new FakeHub(new TopicLayout(read.templates), {
    leaveGraceMs: options.leaveGraceMs ?? 15_000,
    keptMsMax: options.keptMs ?? 300_000,
    hasHistory: options.hasHistory ?? true,
  });
  const shared: Shared = {
    hub,
    context: newContext(hub, messageBytesMax),
    tokens: needsTokens ? new Map() : undefined,
    byClientId: new Map(),
    all: new Set(),
  };
  const ws = createWsTransport(tls);
  const webSocket = (name: 'device' | 'subscriber') =>
    ws.listen('127.0.0.1', 0, {
      routes: [
        {
          path: '/mqtt',
          frameBytesMax: 4 * messageBytesMax,
          queueBytesMax: 0,
          handlers: new FakeListener(name, shared),
        },
      ],
      arrivals: roomForAll(),
    });
  const handlers = new FakeListener('tcp', shared);
  const tcpOptions = { firstBytesMsMax: 10_000, queueBytesMax: 0, arrivals: roomForAll(), handlers };
  const [device, subscriber, tcp] = await Promise.all([
    webSocket('device'),
    webSocket('subscriber'),
    listenTcp(tls, '127.0.0.1', 0, tcpOptions),
  ]);
  const timer = setInterval(() => {
    for (const { session } of shared.all) session.tick();
  }, 200);
  const close = (id: string, { code, reason }: { code: number; reason: string }): void =>
    shared.byClientId.get(id)?.session.close(code, reason);
  return {
    tcpPort: tcp.port,
    devicePort: device.port,
    subscriberPort: subscriber.port,
    token: async (claims) => {
      const token = `token-${randomUUID()}`;
      shared.tokens?.set(token, claims);
      return token;
    },
    publishAsJson: async (id, { type, status = '', data }) => {
      hub.connect(id, hub, undefined);
      const payload = data === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(data));
      const common = { fromHub: false, isAsPublished: false, payloadIsJson: true };
      hub.publish({ device: id, type: EventType[type], ...common, status: Buffer.from(status), payload });
    },
    deny: async (id, by) => void hub.denied.add(`${id} ${by}`),
    kick: async (id) => close(id, closes.kicked),
    terminate: async (id) => close(id, closes.terminated),
    drain: async () => {
      for (const { session } of shared.all) session.close(closes.drain.code, closes.drain.reason);
    },
    stop: async () => {
      clearInterval(timer);
      for (const listener of [device, subscriber, tcp]) listener.close();
      hub.stop();
    },
  };
}
