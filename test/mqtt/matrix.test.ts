/**
 * One code path for every protocol: what a token's role may do, and what that comes to, is the same for peers of the
 * hub's own protocol and for MQTT clients of both versions.
 */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { uniqueId } from '../conformance/harness.ts';
import { eventually } from '../support/eventually.ts';
import { connect, type Way } from './client.ts';
import { type Claims, type MqttHub, startMqttHub } from './harness.ts';

const LIMITED: Claims['role'][] = ['device', 'subscriber', 'gateway'];
const SITE = 'site-a';
/** What happens: it is done, it is refused, or the peer does not get in. */
type Outcome = 'done' | 'refused' | 'not let in';

interface Peer {
  publish(device: string, payload?: string): Promise<Outcome>;
  /** An id, or a prefix with its star. */
  follow(name: string): Promise<Outcome>;
}

async function mqttPeer(
  hub: MqttHub,
  claims: Claims,
  protocolVersion: 4 | 5,
  way: Way = 'tcp',
): Promise<Peer> {
  const open = async () =>
    connect(hub, {
      protocolVersion,
      way,
      clientId: claims.sub,
      username: 'any',
      password: await hub.token(claims),
    });
  return {
    async publish(device, payload = '1') {
      const client = await open();
      const answer = client.publish(`devices/${device}/message`, payload, 1).then(
        () => 'done' as const,
        () => 'refused' as const,
      );
      const ended = client.ended().then(() => 'refused' as const);
      return Promise.race([answer, ended.catch(() => 'done' as const)]);
    },
    async follow(name) {
      const client = await open();
      const filter = name.endsWith('*') ? 'devices/#' : `devices/${name}/message`;
      const [granted] = await client.subscribe(filter);
      return granted === 0 ? 'done' : 'refused';
    },
  };
}

interface Frame {
  readonly op: string;
  readonly id?: unknown;
  readonly errors?: readonly unknown[];
}

/** @returns the answer to one frame, an error where the connection ends instead; undefined when the upgrade is refused */
async function ask(url: string, token: string, frame: object): Promise<Frame | undefined> {
  const ws = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
  onTestFinished(() => ws.terminate());
  const frames: Frame[] = [];
  ws.on('message', (bytes) => frames.push(JSON.parse(String(bytes)) as Frame));
  const opened = await Promise.race([
    once(ws, 'open').then(() => true),
    once(ws, 'unexpected-response').then(() => false),
  ]);
  if (!opened) return undefined;
  let hasEnded = false;
  ws.on('close', () => (hasEnded = true));
  ws.send(JSON.stringify(frame));
  return eventually('an answer', () => {
    const answer = frames.find(
      ({ op, id }) => id === 1 && (op === 'ack' || op === 'subscribed' || op === 'error'),
    );
    return answer ?? (hasEnded ? { op: 'error' } : undefined);
  });
}

async function jsonPeer(hub: MqttHub, claims: Claims): Promise<Peer> {
  const token = await hub.token(claims);
  return {
    async publish(device, payload = '1') {
      const isGateway = claims.role === 'gateway';
      if (!isGateway && claims.sub !== device) return 'refused'; // a device's connection speaks for its own id only
      const url = `ws://127.0.0.1:${hub.devicePort}/v1/${isGateway ? 'gateway' : 'device'}?id=${claims.sub}`;
      const answer = await ask(url, token, {
        type: 'message',
        ...(isGateway && { device }),
        data: payload,
        id: 1,
      });
      return answer === undefined ? 'not let in' : answer.op === 'ack' ? 'done' : 'refused';
    },
    async follow(name) {
      const url = `ws://127.0.0.1:${hub.subscriberPort}/v1/subscribe`;
      const answer = await ask(url, token, { op: 'subscribe', devices: [name], id: 1 });
      if (answer === undefined) return 'not let in';
      return answer.errors?.length === 0 ? 'done' : 'refused';
    },
  };
}

const protocols = {
  json: jsonPeer,
  'mqtt 3.1.1': (hub: MqttHub, claims: Claims) => mqttPeer(hub, claims, 4),
  'mqtt 5': (hub: MqttHub, claims: Claims) => mqttPeer(hub, claims, 5),
  'mqtt 5 over WebSocket': (hub: MqttHub, claims: Claims) =>
    mqttPeer(hub, claims, 5, claims.role === 'subscriber' ? 'subscriber' : 'device'),
} as const;
type Protocol = keyof typeof protocols;

/** Of roles with `devices` limited to a site: what comes of each action. JSON has a listener for each role. */
const expected: Readonly<
  Record<Claims['role'], Readonly<Record<string, readonly [json: Outcome, mqtt: Outcome]>>>
> = {
  device: {
    'publishes as itself': ['done', 'done'],
    'publishes as another': ['refused', 'refused'],
    'publishes as a device of its site': ['refused', 'refused'],
    'publishes more than a message may hold': ['refused', 'refused'],
    'follows itself': ['not let in', 'done'],
    'follows another': ['not let in', 'refused'],
    'follows all': ['not let in', 'refused'],
  },
  subscriber: {
    'publishes as itself': ['not let in', 'refused'],
    'publishes as another': ['refused', 'refused'],
    'publishes as a device of its site': ['refused', 'refused'],
    'follows a device of its site': ['done', 'done'],
    'follows one of its site that an operator denies': ['refused', 'refused'],
    'follows another': ['refused', 'refused'],
    'follows all': ['done', 'done'],
  },
  gateway: {
    'publishes as itself': ['refused', 'refused'],
    'publishes as another': ['refused', 'refused'],
    'publishes as a device of its site': ['done', 'done'],
    'follows itself': ['not let in', 'refused'],
    'follows a device of its site': ['not let in', 'refused'],
    'follows another': ['not let in', 'refused'],
    'follows all': ['not let in', 'refused'],
  },
};

const MESSAGE_BYTES_MAX = 65_536;

const actions: Readonly<Record<string, (peer: Peer, id: string, hub: MqttHub) => Promise<Outcome>>> = {
  'publishes as itself': (peer, id) => peer.publish(id),
  'publishes as another': (peer) => peer.publish('another'),
  'publishes as a device of its site': (peer) => peer.publish(`${SITE}.${uniqueId('dev')}`),
  'publishes more than a message may hold': (peer, id) => peer.publish(id, 'x'.repeat(MESSAGE_BYTES_MAX)),
  'follows one of its site that an operator denies': async (peer, id, hub) => {
    await hub.deny(`${SITE}.1`, id);
    return peer.follow(`${SITE}.1`);
  },
  'follows itself': (peer, id) => peer.follow(id),
  'follows a device of its site': (peer) => peer.follow(`${SITE}.1`),
  'follows another': (peer) => peer.follow('another'),
  'follows all': (peer) => peer.follow('*'),
};

const rows = LIMITED.flatMap((role) =>
  Object.entries(expected[role]).flatMap(([action, [json, mqtt]]) =>
    (Object.keys(protocols) as Protocol[]).map((protocol) => ({
      protocol,
      role,
      action,
      outcome: protocol === 'json' ? json : mqtt,
    })),
  ),
);

describe('with tokens', () => {
  let hub: MqttHub;
  beforeAll(async () => {
    hub = await startMqttHub({ needsTokens: true });
  });
  afterAll(() => hub.stop());

  it.each(rows)('$protocol: a $role $action: $outcome', async ({ protocol, role, action, outcome }) => {
    const sub = uniqueId(role);
    const devices = role === 'device' ? {} : { devices: [`${SITE}.*`] };
    const peer = await protocols[protocol](hub, { sub, role, ...devices });
    expect(await actions[action]!(peer, sub, hub)).toBe(outcome);
  });
});
