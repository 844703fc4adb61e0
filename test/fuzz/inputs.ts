/** What the fuzzer sends: good input of every kind, mutated. Input `n` of a seed is always the same. */

import type { PeerRole } from '../../src/roles.ts';
import { Random } from '../support/random.ts';
import { Opcode } from '../support/raw-peer.ts';
import { clientFrame, closeFrame, fragments, text } from '../support/websocket-frames.ts';
import { sampleConnect, samplePackets } from '../wire/mqtt/samples.ts';
import { mutate } from './mutate.ts';

export type ListenerName = 'device' | 'subscriber' | 'admin' | 'mqtt';

export interface FuzzInput {
  readonly number: number;
  readonly listener: ListenerName;
  /** Sent first and untouched; empty where the head itself is mutated. */
  readonly head: string;
  /** Sent as so many writes. */
  readonly writes: readonly Buffer[];
  /** Whether the connection is reset at the end, or ended. */
  readonly reset: boolean;
}

const paths = { device: '/v1/device', gateway: '/v1/gateway', subscriber: '/v1/subscribe' } as const;

const parameters: Readonly<Record<PeerRole, string>> = {
  device: '&devices=fuzz-1,fuzz-2',
  gateway: '&interest=true',
  subscriber: '&devices=fuzz-1,fuzz-2',
};

function upgradeHead(target: string, subprotocols = 'dat.v1.binary, dat.v1.json'): string {
  return [
    `GET ${target} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Protocol: ${subprotocols}`,
    'Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.x',
    '',
    '',
  ].join('\r\n');
}

const json: Readonly<Record<PeerRole, readonly string[]>> = {
  device: [
    '{"type":"message","data":{"temperature":21.5,"on":[true,false,null]},"priority":"high","id":"a"}',
    '{"type":"status","status":"charging","data":"\\u20ac \\ud83d\\ude00","id":12345678901234567890}',
    '{"type":"pong","data":-1.5e-7,"id":"\\"\\\\"}',
    '{"type":"message","data":[[[[[[[[[[]]]]]]]]]],"type":"message"}',
  ],
  gateway: [
    '{"type":"message","device":"fuzz-1","data":{"temperature":21.5},"priority":"high","id":"a"}',
    '{"type":"status","device":"fuzz-\\u0032","status":"charging","id":7}',
    '{"device":"other","type":"pong","device":"fuzz-3"}',
    '{"op":"open","device":"fuzz-1"}',
    '{"op":"close","device":"fuzz-1","id":"bye"}',
    '{"op":"shut","device":"fuzz-2"}',
    '{"type":"message","device":"no id!","data":1}',
  ],
  subscriber: [
    '{"op":"subscribe","id":1,"devices":["fuzz-1","fuzz-2","no id!"]}',
    '{"op":"unsubscribe","id":"x","devices":["fuzz-1"]}',
    '{"op":"pause","id":2}',
    '{"op":"resume","id":3,"devices":["fuzz-2"]}',
    '{"op":"list","id":4}',
    '{"op":"touch"}',
  ],
};

const binaryEvents = [Buffer.from([0x32, 1, 2, 3]), Buffer.from([0x03, 0x6f, 0x6b]), Buffer.from([0x11])];

function framesFor(role: PeerRole, random: Random): Buffer {
  const one = (): Buffer => {
    const said = random.pick(json[role]);
    switch (random.below(6)) {
      case 0:
        return Buffer.concat(fragments(said.slice(0, 9), said.slice(9, 20), said.slice(20)));
      case 1:
        return clientFrame({ opcode: Opcode.binary, payload: random.pick(binaryEvents) });
      case 2:
        return clientFrame({ opcode: random.pick([Opcode.ping, Opcode.pong]), payload: 'p' });
      case 3:
        return closeFrame(random.pick([1000, 3000, 4999]), 'bye');
      default:
        return text(said);
    }
  };
  return Buffer.concat(Array.from({ length: 1 + random.below(4) }, one));
}

const adminRequests: readonly (readonly [line: string, body: string])[] = [
  ['GET /v1/stats', ''],
  ['GET /metrics', ''],
  ['GET /openapi.json', ''],
  ['GET /v1/devices?limit=10&cursor=AAAA&state=online', ''],
  ['GET /v1/devices/fuzz-1', ''],
  ['GET /v1/devices/fuzz-1/subscribers?limit=1000', ''],
  ['GET /v1/subscribers/fuzz-s', ''],
  ['GET /v1/access/rules', ''],
  ['DELETE /v1/devices/fuzz-1', ''],
  ['DELETE /v1/subscribers/fuzz-s', ''],
  ['POST /v1/devices/fuzz-1/events', '{"type":"message","data":{"a":[1,2]},"priority":"low"}'],
  ['POST /v1/devices/fuzz-1/events', '{"type":"status","status":"ok"}'],
  ['PUT /v1/devices/fuzz-1/subscribers/fuzz-s', '{"status":"allow","vip":true}'],
  ['PUT /v1/devices/fuzz-1/subscribers/fuzz-s', '{"status":"inactive"}'],
];

function adminRequest([line, body]: readonly [string, string]): string {
  const head = [`${line} HTTP/1.1`, 'Host: 127.0.0.1', 'Content-Type: application/json'];
  return [...head, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n');
}

/** A CONNECT, mostly as it should be, and mutated packets. */
function mqttPackets(random: Random): Buffer {
  const version = random.pick([4, 5] as const);
  const connect = sampleConnect(version);
  const packets = Array.from({ length: random.below(6) }, () => random.pick(samplePackets(version)));
  const other = random.pick(samplePackets(version));
  const rest = Buffer.concat(packets);
  return Buffer.concat([
    random.below(8) === 0 ? mutate(connect, random, other) : connect,
    random.below(4) === 0 ? rest : mutate(rest, random, other),
  ]);
}

/** @returns the untouched head, and the mutated rest */
function content(speaker: PeerRole | 'admin' | 'mqtt', random: Random): [head: string, rest: Buffer] {
  if (speaker === 'admin') {
    const [line, body] = random.pick(adminRequests);
    const whole = Buffer.from(adminRequest([line, body]));
    const other = Buffer.from(adminRequest(random.pick(adminRequests)));
    if (body === '' || random.below(2) === 0) return ['', mutate(whole, random, other)];
    const mutated = mutate(Buffer.from(body), random, other).toString('latin1');
    return ['', Buffer.from(adminRequest([line, mutated]), 'latin1')];
  }
  if (speaker === 'mqtt') return ['', mqttPackets(random)];
  if (random.below(3) === 0) {
    const frames = clientFrame({ opcode: Opcode.binary, payload: mqttPackets(random) });
    return [upgradeHead('/mqtt', 'mqtt'), random.below(4) === 0 ? mutate(frames, random, frames) : frames];
  }
  const id = `fuzz-${random.below(8)}`;
  const query = `?id=${id}${random.below(2) === 0 ? parameters[speaker] : ''}`;
  const head = upgradeHead(`${paths[speaker]}${query}`);
  const other = Buffer.from(head);
  const frames = framesFor(speaker, random);
  switch (random.below(4)) {
    case 0:
      return ['', mutate(other, random, frames)];
    case 1: {
      const said = Buffer.from(random.pick(json[speaker]));
      const kind = random.below(4) === 0 ? Opcode.binary : Opcode.text;
      const mutated = Array.from({ length: 3 }, () => mutate(said, random, frames));
      return [head, Buffer.concat(mutated.map((payload) => clientFrame({ opcode: kind, payload })))];
    }
    default:
      return [head, mutate(frames, random, other)];
  }
}

export function fuzzInput(seed: number, number: number): FuzzInput {
  const random = new Random(seed ^ Math.imul(number + 1, 0x9e3779b1));
  const speaker = random.pick([
    'device',
    'gateway',
    'subscriber',
    'mqtt',
    'device',
    'subscriber',
    'mqtt',
    'admin',
  ] as const);
  const listener = speaker === 'gateway' ? 'device' : speaker;
  const [head, rest] = content(speaker, random);
  const cut = random.below(rest.length + 1);
  const writes = random.below(3) === 0 ? [rest.subarray(0, cut), rest.subarray(cut)] : [rest];
  return { number, listener, head, writes, reset: random.below(2) === 0 };
}
