/** The hub that the tests of this folder talk to with clients that others wrote: a process of its own. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { admin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { type Env, startHub } from '../support/hub-process.ts';
import { SECRET, tokenFor } from '../support/tokens.ts';

/** What a token says. */
export interface Claims {
  readonly sub: string;
  readonly role: 'device' | 'subscriber' | 'gateway';
  readonly devices?: readonly string[];
}

export interface MqttHubOptions {
  /** As `DAT_MQTT_TOPICS` has them. */
  readonly topics?: readonly string[];
  /** Whether tokens are needed; `token` makes them. */
  readonly needsTokens?: boolean;
  readonly leaveGraceMs?: number;
  /** How long what a client left is kept. */
  readonly keptMs?: number;
  readonly hasHistory?: boolean;
  /** TCP and WebSockets with this certificate. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  readonly workers?: number;
  readonly env?: Env;
}

export interface MqttHub {
  readonly tcpPort: number;
  readonly devicePort: number;
  readonly subscriberPort: number;
  readonly adminPort: number;
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

export const ADMIN_TOKEN = 'operator';

/** Starts a hub of a test's own. */
export async function startMqttHub(options: MqttHubOptions = {}): Promise<MqttHub> {
  const { topics, needsTokens = false, leaveGraceMs, keptMs, hasHistory = true, tls, workers = 0 } = options;
  const hub = await startHub({
    DAT_MQTT_PORT: '0',
    DAT_FANOUT_WORKERS: String(workers),
    DAT_DEVICE_RATE: '0',
    DAT_MAX_DEVICES: '4000',
    DAT_MAX_SUBSCRIBERS: '4000',
    DAT_MAX_SUBSCRIPTIONS: '40000',
    DAT_AUTH_FAILURES_PER_MINUTE: '0',
    DAT_DRAIN_TIMEOUT_MS: '1000',
    DAT_ADMIN_TOKEN: ADMIN_TOKEN,
    ...(topics !== undefined && { DAT_MQTT_TOPICS: topics.join(',') }),
    ...(needsTokens && { DAT_AUTH_JWT_SECRET: SECRET }),
    ...(leaveGraceMs !== undefined && { DAT_DEVICE_LEAVE_GRACE_MS: String(leaveGraceMs) }),
    ...(keptMs !== undefined && { DAT_SUBSCRIBER_REMOVE_AFTER_MS: String(keptMs) }),
    ...(!hasHistory && { DAT_HISTORY_BYTES: '0' }),
    ...(tls !== undefined && { DAT_TLS_CERT_FILE: tls.certFile, DAT_TLS_KEY_FILE: tls.keyFile }),
    ...options.env,
  });
  const operate = async (method: string, path: string, body?: unknown): Promise<void> => {
    const { status, text } = await admin(hub.adminPort, method, path, {
      token: ADMIN_TOKEN,
      ...(body !== undefined && { body }),
    });
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
  };
  const devices = new Map<string, { ws: WebSocket; acks: number[] }>();
  const deviceOf = async (id: string) => {
    const known = devices.get(id);
    if (known !== undefined) return known;
    const ws = new WebSocket(`ws://127.0.0.1:${hub.devicePort}/v1/device?id=${id}`);
    const made = { ws, acks: [] as number[] };
    devices.set(id, made);
    ws.on('message', (bytes) => {
      const frame = JSON.parse(String(bytes)) as { op: string; id?: number };
      if (frame.op === 'ack') made.acks.push(frame.id!);
    });
    await once(ws, 'open');
    return made;
  };
  let events = 0;
  return {
    tcpPort: hub.mqttPort,
    devicePort: hub.devicePort,
    subscriberPort: hub.subscriberPort,
    adminPort: hub.adminPort,
    token: (claims) => tokenFor({ ...claims }),
    publishAsJson: async (device, event) => {
      const id = ++events;
      const { ws, acks } = await deviceOf(device);
      ws.send(JSON.stringify({ ...event, id }));
      await eventually('the event is taken', () => acks.includes(id));
    },
    deny: (device, subscriber) =>
      operate('PUT', `/v1/devices/${device}/subscribers/${subscriber}`, { status: 'deny' }),
    kick: (subscriber) => operate('DELETE', `/v1/subscribers/${subscriber}`),
    terminate: (device) => operate('DELETE', `/v1/devices/${device}`),
    drain: async () => hub.signal('SIGTERM'),
    stop: async () => {
      for (const { ws } of devices.values()) ws.terminate();
      await hub.stop();
    },
  };
}
