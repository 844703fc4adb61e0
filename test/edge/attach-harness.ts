/** An edge as a thread builds it on shared memory; the test plays the transport, the owner and main. No assertions. */

import { edgeSettings } from '../../fixtures/edge-settings.ts';
import { createAdmissionMemory } from '../../src/access/admission-state.ts';
import type { TokenConfig } from '../../src/access/keys.ts';
import { createAllowances } from '../../src/edge/allowances.ts';
import { type AttachOptions, attachEdge } from '../../src/edge/attach.ts';
import type { JournalEntry } from '../../src/edge/journal.ts';
import { createEdgeMemory, type EdgeMemory } from '../../src/edge/memory.ts';
import { createHistory } from '../../src/history/memory.ts';
import { Counter, type CounterName } from '../../src/memory/counters.ts';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { RingProducer } from '../../src/memory/ring.ts';
import { EdgeLink } from '../../src/owner/edge-link.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { EVENT_KIND } from '../../src/records/event.ts';
import { createTickets } from '../../src/records/tickets.ts';
import type { Connection, Route } from '../../src/transport/transport.ts';
import type { Frame } from '../support/frames.ts';
import { OwnerRecords } from './owner-records.ts';

export const EDGE = 3;
export const SECRET: TokenConfig = {
  secret: 'a secret of at least 32 characters',
  publicKey: '',
  jwksUrl: '',
  audience: '',
  issuer: '',
};

export const SETTINGS: AttachOptions['settings'] = {
  ...edgeSettings,
  maxMessageBytes: 10_000,
  sendQueueBytes: 1000,
  sendQueueMaxBytes: 4000,
  maxConnectionsPerAddress: 0,
  connectionsPerSecondPerAddress: 0,
  authFailuresPerMinute: 0,
  authBanMs: 1000,
  host: '0.0.0.0',
  allowedHosts: [],
  allowedOrigins: [],
  mqttTopics: ['devices/{device}/{type}'],
  flushMaxMs: 0,
  logLevel: 'info',
};

interface Options {
  readonly settings?: Partial<AttachOptions['settings']>;
  readonly tokens?: TokenConfig;
  readonly isBoth?: boolean;
  readonly historyBytes?: number;
  readonly memory?: EdgeMemory;
}

/** A connection of the test's. */
interface Peer extends Connection<unknown> {
  readonly frames: Frame[];
  readonly codes: number[];
}

export class Bench {
  readonly memory: EdgeMemory;
  readonly ownerAway = new SharedArrayBuffer(4);
  readonly failures: string[] = [];
  readonly journal: JournalEntry[] = [];
  readonly link: EdgeLink;
  readonly attached;
  readonly owner: OwnerRecords;

  constructor(options: Options = {}) {
    const { settings = {}, tokens, isBoth = false, historyBytes = 0 } = options;
    this.memory = options.memory ?? createEdgeMemory(64 * 1024);
    this.link = new EdgeLink(new RingProducer(this.memory.fromOwner), new Ringer(createDoorbell()));
    this.owner = new OwnerRecords(this.memory.toOwner);
    const others = Array.from({ length: EDGE }, () => createEdgeMemory(4096).counters);
    this.attached = attachEdge({
      shared: {
        presence: createPresence({ devices: 8, subscribers: 8, subscriptions: 8 }),
        history: createHistory(historyBytes),
        ownerDoorbell: createDoorbell(),
        ownerAway: this.ownerAway,
        admission: createAdmissionMemory([...others, this.memory.counters], 0, 'seed'),
        allowances: createAllowances(),
        tickets: createTickets(),
      },
      memory: this.memory,
      edge: EDGE,
      settings: { ...SETTINGS, ...settings },
      tokens,
      deliveringEdges: 2,
      files: { connections: 100, waiting: 2, places: 1 },
      isBoth,
      frameFailed: ({ message }) => void this.failures.push(message),
      journal: (entries) => void this.journal.push(...entries),
    });
  }

  route(listener: 'device' | 'subscriber', path: string): Route<unknown> {
    return this.attached.routes[listener].find((route) => route.path === path)!;
  }

  /** An upgrade of a WebSocket. */
  upgrade(listener: 'device' | 'subscriber', path: string, query: string, protocol = '') {
    return this.route(listener, path).handlers.upgrade({
      query,
      header: (name) => (name === 'sec-websocket-protocol' ? protocol : ''),
      remoteAddress: '192.0.2.1',
    });
  }

  /** A peer that is let in. */
  connect(listener: 'device' | 'subscriber', path: string, query: string): Peer {
    const answer = this.upgrade(listener, path, query);
    if (!('session' in answer)) throw new Error('not let in');
    const peer = peerOf(answer.session);
    this.route(listener, path).handlers.open(peer);
    return peer;
  }

  /** The owner lets the peer in. @param slot of its row */
  welcome({ session }: Peer, slot = 1): void {
    this.link.joined((session as { number: number }).number, slot);
    this.link.flush();
    this.attached.poller.wake();
  }

  device(): Peer {
    const peer = this.connect('device', '/v1/device', 'id=dev');
    this.welcome(peer);
    return peer;
  }

  /** The device sends messages. */
  send(device: Peer, count = 1): void {
    const bytes = Buffer.from('{"type":"message","data":1}');
    for (let n = 0; n < count; n++) this.route('device', '/v1/device').handlers.message(device, bytes, false);
  }

  count(name: CounterName): number {
    return this.attached.counters.cells[Counter[name]]!;
  }

  /** Events in the ring to the owner. */
  events(): number {
    return this.owner.take().filter(({ record }) => record === `kind ${EVENT_KIND}`).length;
  }
}

function peerOf(session: unknown): Peer {
  const [frames, codes]: [Frame[], number[]] = [[], []];
  return {
    session,
    transport: 'websocket',
    remoteAddress: '192.0.2.1',
    frames,
    codes,
    send: (frame) => void frames.push(JSON.parse(Buffer.from(frame as string).toString()) as Frame),
    cork: (body) => body(),
    ping: () => {},
    close: (code) => void codes.push(code),
    terminate: () => {},
    join: () => {},
    leave: () => {},
    bufferedBytes: () => 0,
  };
}
