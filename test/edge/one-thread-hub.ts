/**
 * A hub without threads and sockets: an owner, and one edge with the routes of all listeners, on their own rings. Its
 * connections are lists of what was sent to them. Time stands still unless the test moves it. No assertions.
 */

import { vi } from 'vitest';
import { edgeSettings } from '../../fixtures/edge-settings.ts';
import { openAdmissionDeps } from '../../fixtures/open-admission.ts';
import { ownerSettings } from '../../fixtures/owner-settings.ts';
import { Admission, type Admitted, type Credentials, type Refused } from '../../src/access/admission.ts';
import { Upgrades, type UpgradesDeps } from '../../src/access/upgrades.ts';
import { Allowances, createAllowances } from '../../src/edge/allowances.ts';
import { SubscriberRoute } from '../../src/edge/deliver/subscriber-route.ts';
import { Edge } from '../../src/edge/edge.ts';
import type { EdgeSession, EdgeSettings } from '../../src/edge/edge-deps.ts';
import { Journal, type JournalEntry } from '../../src/edge/journal.ts';
import { MqttRoute } from '../../src/edge/mqtt/route.ts';
import { DeviceRoute } from '../../src/edge/publish/device-route.ts';
import { GatewayRoute } from '../../src/edge/publish/gateway-route.ts';
import { attachHistory, createHistory } from '../../src/history/memory.ts';
import { HistoryReader } from '../../src/history/reader.ts';
import { Counter, type CounterName, Counters, createCounters } from '../../src/memory/counters.ts';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { createHeartbeat, Pulse } from '../../src/memory/heartbeat.ts';
import { createRing, RingConsumer, RingProducer, ringBytesFor } from '../../src/memory/ring.ts';
import { EdgeLink } from '../../src/owner/edge-link.ts';
import { Owner } from '../../src/owner/owner.ts';
import type { OwnerDeps } from '../../src/owner/owner-deps.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import type { OperatorCommand, OperatorResult } from '../../src/records/commands.ts';
import { applyToEstate, createEstate } from '../../src/records/estate.ts';
import { createSessionNumbers, sessionNumbers } from '../../src/records/sessions.ts';
import type { PeerRole } from '../../src/roles.ts';
import type { TcpOptions } from '../../src/transport/tcp.ts';
import type { ListenerHandlers, Route } from '../../src/transport/transport.ts';
import { DEFAULT_TEMPLATES } from '../../src/wire/mqtt/templates.ts';
import { deviceTerms, gatewayTerms, mqttTerms, subscriberTerms } from '../../src/wire/upgrade-terms.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { lineInto } from '../support/no-owner-line.ts';
import { layoutOf } from '../wire/mqtt/layouts.ts';
import { HubSocket } from './hub-socket.ts';
import { restAtEnd } from './rest-at-end.ts';

const POLL_RECORDS = 100_000;
/** Within so many turns of both threads everything has been said. */
const TURNS_MAX = 200;

export interface OneThreadHubOptions {
  readonly settings?: Partial<EdgeSettings>;
  /** 0: nothing is kept. */
  readonly historyBytes?: number;
  /** Of the edge's ring to the owner. */
  readonly ringBytes?: number;
  /** As `DAT_MQTT_TOPICS` has them. */
  readonly topics?: readonly string[];
  readonly devices?: number;
  /** Of the owner. */
  readonly owner?: Partial<OwnerDeps['settings']>;
  /** See `PublisherDeps`. */
  readonly relieve?: () => void;
}

/** What a token is: the role that it is for, its id, and the devices that it covers. */
export interface Token {
  readonly sub: string;
  readonly role: PeerRole;
  readonly devices?: Admitted['actor']['devices'];
  /** Hub clock, ms. */
  readonly expiresAt?: number;
}

type Routes = {
  readonly [Name in 'device' | 'gateway' | 'subscriber' | 'mqttDevice' | 'mqttSubscriber']: Route<never>;
} & { readonly mqttTcp: TcpOptions<never> };

/** Decides itself where a test says so. */
class TestAdmission extends Admission {
  decide: ((credentials: Credentials) => Admitted | Refused | Promise<Admitted | Refused>) | undefined;

  override admit(credentials: Credentials): Admitted | Refused | Promise<Admitted | Refused> {
    return this.decide?.(credentials) ?? super.admit(credentials);
  }
}

export class OneThreadHub {
  readonly clock = new FakeClock();
  readonly counters = new Counters(createCounters());
  readonly failures: Error[] = [];
  readonly journal: JournalEntry[] = [];
  readonly admission: TestAdmission;
  readonly edge: Edge;
  readonly presence: PresenceReader;
  /** May be changed, as by a reload. */
  readonly settings: { -readonly [Key in keyof EdgeSettings]: EdgeSettings[Key] };
  owner: Owner;
  isOwnerAway = false;
  /** By what comes in through it. */
  readonly routes: Routes;
  readonly #presence;
  readonly #ownerSettings: OwnerDeps['settings'];
  readonly #history;
  readonly #toOwner;
  readonly #fromOwner = createRing(ringBytesFor(1024 * 1024));
  readonly #journal: Journal;
  readonly #estate = createEstate();
  readonly #allowances = new Allowances(createAllowances());
  readonly #sockets = new Set<HubSocket<never>>();
  readonly #ending: (() => void)[] = [];

  constructor(options: OneThreadHubOptions = {}) {
    const { historyBytes = 1024 * 1024, ringBytes = 1024 * 1024, topics = DEFAULT_TEMPLATES } = options;
    const { clock, counters } = this;
    this.#presence = createPresence({
      devices: options.devices ?? 100,
      subscribers: 100,
      subscriptions: 1000,
    });
    this.presence = new PresenceReader(this.#presence);
    this.#history = createHistory(historyBytes);
    this.#toOwner = createRing(ringBytesFor(ringBytes));
    this.settings = { ...edgeSettings, ...options.settings };
    this.#ownerSettings = { ...ownerSettings, maxSubscriptionsPerSubscriber: 1000, ...options.owner };
    this.admission = new TestAdmission(openAdmissionDeps({ clock, counters }));
    this.#journal = new Journal({
      clock,
      settings: { logLevel: 'debug' },
      say: (entries) => void this.journal.push(...entries),
    });
    const limits = { eventsMax: ownerSettings.historyEvents, ttlMs: 3_600_000 };
    this.edge = new Edge({
      admission: this.admission,
      presence: this.presence,
      reader: new HistoryReader(attachHistory(this.#history), this.presence.devices, limits, clock),
      keepsHistory: historyBytes > 0,
      layout: layoutOf(...topics),
      line: lineInto(this.#toOwner),
      fromOwner: new RingConsumer(this.#fromOwner),
      clock,
      counters,
      allowances: this.#allowances,
      deliveringEdges: 1,
      numbers: (isUsed) => sessionNumbers(createSessionNumbers(), 0, isUsed),
      isOwnerAway: () => this.isOwnerAway,
      journal: this.#journal,
      settings: this.settings,
      ...(options.relieve === undefined ? {} : { relieve: options.relieve }),
    });
    this.edge.deliverer.attach({
      publish: (topic, frame) => {
        for (const socket of this.#sockets) if (socket.topics.has(topic)) socket.send(frame);
      },
      close: () => {},
    });
    this.owner = this.#newOwner(false);
    this.routes = this.#routes();
  }

  #newOwner(takesOver: boolean): Owner {
    return new Owner({
      presence: this.#presence,
      history: this.#history,
      rings: [new RingConsumer(this.#toOwner)],
      links: [new EdgeLink(new RingProducer(this.#fromOwner), new Ringer(createDoorbell()))],
      pulses: [new Pulse(createHeartbeat())],
      clock: this.clock,
      counters: new Counters(createCounters()),
      settings: this.#ownerSettings,
      rules: [],
      takesOver,
      estate: this.#estate,
      bequeath: (changes) => applyToEstate(this.#estate, structuredClone(changes)),
    });
  }

  #routes(): Routes {
    const { edge, admission, counters } = this;
    const upgrades = (role: PeerRole | undefined, terms: Pick<UpgradesDeps, 'subprotocols' | 'parameters'>) =>
      new Upgrades({
        admission,
        settings: { host: '0.0.0.0', allowedHosts: [], allowedOrigins: [] },
        role,
        ...terms,
      });
    const mqtt = (listener: 'device' | 'subscriber' | 'tcp') =>
      new MqttRoute(
        listener,
        {
          edge,
          admission,
          counters,
          frameFailed: (failure) => void this.failures.push(failure),
          refused: ({ ok, ...refusal }, address) =>
            this.#journal.refused({ ...(refusal as Refused), role: undefined, address, id: undefined }),
        },
        listener === 'tcp' ? undefined : upgrades(undefined, mqttTerms),
      );
    const arrivals = undefined as never; // the transport's alone
    const routes = {
      device: new DeviceRoute(edge, upgrades('device', deviceTerms)).route(),
      gateway: new GatewayRoute(edge, upgrades('gateway', gatewayTerms)).route(),
      subscriber: new SubscriberRoute(edge, upgrades('subscriber', subscriberTerms)).route(),
      mqttDevice: mqtt('device').route(),
      mqttSubscriber: mqtt('subscriber').route(),
      mqttTcp: mqtt('tcp').tcp(arrivals),
    };
    return routes as unknown as Routes;
  }

  /** @returns the connection, or why there is none */
  async connect<Session>(
    route: keyof Routes,
    query = '',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HubSocket<Session> | { readonly status: number; readonly message: string }> {
    const handlers = this.routes[route].handlers as unknown as ListenerHandlers<Session>;
    const protocol = route.startsWith('mqtt') ? { 'sec-websocket-protocol': 'mqtt' } : {};
    const all: Record<string, string> = { ...protocol, ...headers };
    const answer = await handlers.upgrade({
      query,
      header: (name) => all[name] ?? '',
      remoteAddress: '192.0.2.1',
    });
    if (!('session' in answer)) return answer;
    const socket = new HubSocket(answer.session, handlers, this.#ending);
    if (this.#sockets.size === 0) restAtEnd(this.edge, this.clock, this.#sockets);
    this.#sockets.add(socket as HubSocket<never>);
    handlers.open(socket);
    return socket;
  }

  /** A peer that speaks JSON, once the hub has welcomed it. */
  async peer<Session = unknown>(
    route: 'device' | 'gateway' | 'subscriber',
    id: string,
    query = '',
  ): Promise<HubSocket<Session>> {
    const socket = await this.connect<Session>(route, `id=${id}${query}`);
    if (!(socket instanceof HubSocket)) throw new Error(socket.message);
    await this.settle();
    return socket;
  }

  /** A gateway or a subscriber has tokens such as these; they are JSON. */
  useTokens(): void {
    this.admission.decide = ({ token = '', address, id }) => {
      if (token === '') return this.admission.refuse('token', 401, 'a token is needed');
      const { sub, role, devices, expiresAt = 0 } = this.tokens.get(token)!;
      if (id !== undefined && id !== sub) return this.admission.refuse('id', 403, 'another id');
      const actor = { role, id: sub, devices, vip: false };
      return { ok: true, actor, idIsGenerated: false, address, expiresAt };
    };
  }

  /** By the text that peers give. */
  readonly tokens = new Map<string, Token>();

  /** Both threads have their turns until nobody has anything to say. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      await new Promise(setImmediate);
      for (const end of this.#ending.splice(0)) end();
      if (this.turn() + this.#ending.length > 0 || this.edge.hasUnsent) continue;
      if (turn > 0) return;
    }
    throw new Error('the hub does not come to rest');
  }

  /** One turn of the owner, where there is one, and of the edge. @returns what they did */
  turn(): number {
    const done = this.isOwnerAway ? 0 : this.owner.poll(POLL_RECORDS);
    return done + this.edge.poll();
  }

  /** The owner takes what the edge has said, and dies before it does anything of it. */
  dieOverRecords(): void {
    const ring = new RingConsumer(this.#toOwner);
    while (ring.next() >= 0);
    ring.release();
  }

  /** The owner takes what the edge has said, does all of it, and dies before anybody hears of that. */
  dieUnheard(): void {
    const commit = vi.spyOn(EdgeLink.prototype, 'commit').mockReturnValue(undefined);
    const release = vi.spyOn(RingConsumer.prototype, 'release').mockReturnValue(undefined);
    this.owner.poll(POLL_RECORDS);
    commit.mockRestore();
    release.mockRestore();
  }

  /** The owner takes what the edge has said and dies at once; what comes next, nobody takes. */
  dieAtOnce(): void {
    const ring = new RingConsumer(this.#toOwner);
    while (ring.next() >= 0);
  }

  /** The owner has died, and another takes its place. */
  replaceOwner(): void {
    this.owner = this.#newOwner(true);
    this.isOwnerAway = false;
  }

  operate(command: OperatorCommand): OperatorResult {
    return this.owner.operate(command);
  }

  /** What the peer has used of its allowance at that rate, in frames. */
  used(session: EdgeSession, perSecond: number): number {
    this.edge.keepAllowance(session);
    const fullAtMs = this.#allowances.fullAtMs(session.payer, this.clock.nowMs);
    return fullAtMs === 0 ? 0 : ((fullAtMs - this.clock.nowMs) * perSecond) / 1000;
  }

  /** What the presence table says of the device; undefined: it does not know it. */
  device(id: string): ReturnType<PresenceReader['device']> {
    const slot = this.presence.findDevice(id);
    return slot < 0 ? undefined : this.presence.device(slot);
  }

  count(name: CounterName): number {
    return this.counters.cells[Counter[name]]!;
  }

  /** What the log would get since the last call. */
  told(): JournalEntry[] {
    this.#journal.tick();
    return this.journal.splice(0);
  }
}
