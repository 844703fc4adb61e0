/** An admin server over a presence table that the test fills itself; commands to the owner are only recorded. */
import { onTestFinished } from 'vitest';
import type { AdminDeps, AdminOptions } from '../../src/admin/deps.ts';
import { type AdminServer, startAdmin } from '../../src/admin/server.ts';
import { Taps } from '../../src/edge/publish/taps.ts';
import { attachHistory, createHistory, historyUsage } from '../../src/history/memory.ts';
import { HistoryReader } from '../../src/history/reader.ts';
import { createLogger } from '../../src/logging.ts';
import { Counters, createCounters } from '../../src/memory/counters.ts';
import { Registry } from '../../src/owner/registry.ts';
import { RowState } from '../../src/presence/lifecycle.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import type {
  ConnectionInfo,
  OperatorCommand,
  OperatorResult,
  SlowSubscriber,
} from '../../src/records/commands.ts';
import type { ReloadAnswer } from '../../src/reload.ts';
import { Activity } from '../../src/supervise/activity.ts';
import { RuleKeeper } from '../../src/supervise/rule-keeper.ts';
import { FakeClock } from '../support/fake-clock.ts';

const CAPACITY = { devices: 64, subscribers: 64, subscriptions: 256 };

export class FakeHub {
  readonly clock = new FakeClock();
  readonly registry: Registry;
  readonly main = new Counters(createCounters());
  readonly worker = new Counters(createCounters());
  readonly commands: OperatorCommand[] = [];
  readonly failures: unknown[] = [];
  readonly deps: AdminDeps;
  /** What the owner answers; the test sets it. */
  answer: (command: OperatorCommand) => OperatorResult | Promise<OperatorResult> = () => ({ ok: true });
  slow: SlowSubscriber[] = [];
  readonly taps = new Taps();
  draining: string | undefined;
  connections: ConnectionInfo[] = [];
  /** Lines of the log. */
  readonly lines: Record<string, unknown>[] = [];
  reload: () => ReloadAnswer = () => ({ changed: [], needRestart: [] });
  dead: string | undefined;
  /** A thread that has not run for six seconds. */
  late: string | undefined;
  #server: AdminServer | undefined;

  constructor(deps: Partial<AdminDeps> = {}) {
    const memory = createPresence(CAPACITY);
    this.registry = new Registry(memory, 1);
    this.deps = {
      version: '1.2.3',
      transport: 'ws',
      fanoutWorkers: 1,
      ingestWorkers: 0,
      tlsThreads: 0,
      presence: new PresenceReader(memory),
      history: new HistoryReader(
        attachHistory(createHistory(0)),
        new PresenceReader(memory).devices,
        { eventsMax: 100, ttlMs: 3_600_000 },
        this.clock,
      ),
      historyUsage: () => historyUsage(attachHistory(createHistory(0))),
      clock: this.clock,
      startedAtMs: this.clock.wallNow(),
      threads: [
        { thread: 'main', counters: this.main },
        { thread: 'fanout-0', counters: this.worker },
      ],
      rings: [{ ring: 'main-to-owner', usedRatio: () => 0.25 }],
      workerRestarts: () => ({ owner: 0, ingest: 0, fanout: 2 }),
      certificateExpiresAtMs: () => undefined,
      connectionsUsedRatio: () => 0.25,
      notReady: () => this.draining,
      notAlive: () => this.dead,
      lateSeconds: (thread) => (thread === this.late ? 6 : 0),
      operate: async (command) => {
        this.commands.push(command);
        return this.answer(command);
      },
      rules: new RuleKeeper([], (command) => this.deps.operate(command)),
      connections: async (sessions) => this.connections.filter(({ session }) => sessions.includes(session)),
      slowSubscribers: () => this.slow,
      tap: (device, listener) => this.taps.add(device, listener),
      reload: async () => this.reload(),
      activity: new Activity(createLogger({ logLevel: 'info' }, { terminal: false, destination: this })),
      failed: (error) => this.failures.push(error),
      ...deps,
    };
  }

  /** Of the log. */
  write(line: string): void {
    this.lines.push(JSON.parse(line) as Record<string, unknown>);
  }

  async start(options: Partial<AdminOptions> = {}): Promise<void> {
    this.#server = await startAdmin(
      {
        host: '127.0.0.1',
        port: 0,
        adminToken: '',
        allowedOrigins: [],
        allowedHosts: [],
        maxMessageBytes: 65536,
        ...options,
      },
      this.deps,
    );
  }

  get port(): number {
    return this.#server!.port;
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  /** Another node of the cluster calls. */
  call(name: string, body: Uint8Array): ReturnType<AdminServer['call']> {
    return this.#server!.call(name, body);
  }

  async ask(method: string, path: string, request: { json?: unknown } & RequestInit = {}): Promise<Answer> {
    const { json, ...init } = request;
    const headers = new Headers(init.headers);
    if (json !== undefined) headers.set('content-type', 'application/json');
    const body = json === undefined ? init.body : JSON.stringify(json);
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      ...init,
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true && text !== '';
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text) : text,
    };
  }

  /** A device row, offline and never seen unless the test writes more. @returns its slot */
  device(id: string): number {
    const bytes = Buffer.from(id);
    return this.registry.ensureDevice(bytes, 0, bytes.length);
  }

  /** @returns the subscription's slot */
  subscribe(device: string, subscriber: string, state: RowState = RowState.active): number {
    const bytes = Buffer.from(subscriber);
    const slot = this.registry.ensureSubscriber(bytes, 0, bytes.length);
    return this.registry.createRow(this.device(device), slot, state);
  }

  subscriber(id: string): number {
    const bytes = Buffer.from(id);
    return this.registry.findSubscriber(bytes, 0, bytes.length);
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever came
  readonly body: any;
}

/** Starts one that ends with the test. */
export async function fakeHub(
  given: { options?: Partial<AdminOptions>; deps?: Partial<AdminDeps> } = {},
): Promise<FakeHub> {
  const hub = new FakeHub(given.deps);
  await hub.start(given.options);
  onTestFinished(() => hub.close());
  return hub;
}

/** The shape of every refusal. */
export function refusal(status: number, code: string, message: string | RegExp) {
  return expectRefusal.bind(undefined, { status, code, message });
}

function expectRefusal(
  wanted: { status: number; code: string; message: string | RegExp },
  { status, headers, body }: Answer,
): void {
  const { error, ...rest } = body ?? {};
  const problems = [
    status === wanted.status || `status ${status}`,
    headers.get('content-type')?.startsWith('application/json') || `type ${headers.get('content-type')}`,
    error?.code === wanted.code || `code ${error?.code}`,
    Object.keys(rest).length === 0 || `more than an error: ${Object.keys(rest)}`,
    (typeof wanted.message === 'string'
      ? error?.message === wanted.message
      : wanted.message.test(error?.message)) || `message ${error?.message}`,
  ].filter((problem) => problem !== true);
  if (problems.length > 0) throw new Error(`not ${JSON.stringify(wanted)}: ${problems.join('; ')}`);
}
