/**
 * A node of the cluster on NATS: the connection, the subjects, timers, and the bucket. Cluster thread only; nothing
 * else in the hub knows NATS.
 */
import { readFileSync } from 'node:fs';
import {
  connect,
  credsAuthenticator,
  errors,
  type Msg,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import type { Clock } from '../clock.ts';
import type { LinkCounts } from './figures.ts';
import type { ClusterHost, OperatorChange } from './host.ts';
import { BATCH_BYTES, FLUSH_MS, MESSAGE_OVERHEAD_BYTES, NODES_MAX } from './limits.ts';
import { type ClusterNames, clusterNames, encodeName } from './names.ts';
import { ClusterNode } from './node.ts';
import { Operators } from './operators.ts';
import type { SeedPlan } from './seeding.ts';
import { Ticker } from './ticker.ts';
import { after } from './time-limits.ts';

export interface LinkOptions {
  /** The parts of DAT_CLUSTER_NATS_URL: `nats://` or `tls://`, with or without a user and password, or a token. */
  readonly servers: readonly string[];
  /** DAT_CLUSTER_NATS_CREDS_FILE. */
  readonly credsFile: string | undefined;
  /** A certificate authority other than the host's, and this node's certificate if NATS requires one. */
  readonly tls: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  /** DAT_CLUSTER_NAME. */
  readonly cluster: string;
  /** DAT_NODE_ID. */
  readonly node: string;
  /** Of the hub's code. */
  readonly version: string;
  /** DAT_CLUSTER_NODE_TIMEOUT_MS. */
  readonly timeoutMs: number;
  /** DAT_CLUSTER_REPLICAS. */
  readonly replicas: number;
  /** DAT_MAX_MESSAGE_BYTES. */
  readonly maxMessageBytes: number;
  /** Gives up waiting for NATS. */
  readonly stopped: AbortSignal;
  /**
   * NATS has accepted this node before, so what it refuses now it may accept later, for example after a restart without
   * its accounts.
   */
  readonly isReopened: boolean;
  readonly clock: Clock;
  readonly host: ClusterHost;
  /** The hub's counts since its start: this link continues from the previous link's. */
  readonly figures: LinkCounts;
  /** What operators have set, as this node knew it before. */
  readonly snapshot: readonly OperatorChange[];
  readonly log: (level: 'info' | 'warn' | 'error', message: string, fields?: object) => void;
  /** The connection to NATS was made, lost, or made again. */
  readonly connectedChanged: (connected: boolean) => void;
}

/** NATS does not carry messages as large as the hub accepts; the message names the settings. */
export class PayloadTooLarge extends Error {
  override readonly name = 'PayloadTooLarge';
}

const RECONNECT_MS = 250;
const MAX_BOOT = Number.MAX_SAFE_INTEGER;

export class ClusterLink {
  readonly node: ClusterNode;
  readonly operators: Operators;
  readonly #options: LinkOptions;
  readonly #nats: NatsConnection;
  readonly #names: ClusterNames;
  readonly #mailboxes = new Map<string, string>();
  readonly #ticker: Ticker;
  #isConnected = true;
  #isClosing = false;
  #flushedAtMs = 0;

  /**
   * Connects and joins; waits until NATS is there. @throws PayloadTooLarge, and NATS' error if the credentials or the
   * certificate are wrong, unless it is reopened; Error if it was stopped
   */
  static async open(options: LinkOptions): Promise<ClusterLink> {
    const nats = await connectPatiently(options);
    const link = new ClusterLink(options, nats);
    options.connectedChanged(true); // the link before this one may have ended while NATS was away
    return link;
  }

  private constructor(options: LinkOptions, nats: NatsConnection) {
    this.#options = options;
    this.#nats = nats;
    const { clock, node, version, timeoutMs, maxMessageBytes, host, figures } = options;
    const { cluster, replicas, snapshot, log } = options;
    this.#names = clusterNames(cluster);
    this.#ticker = new Ticker(clock, () => this.node.tick());
    this.node = new ClusterNode({
      clock,
      node,
      boot: newBoot(),
      version,
      timeoutMs,
      payloadBytesMax: maxMessageBytes,
      figures,
      host,
      send: (to, message) => this.#send(this.#mailbox(to), message),
      sendToAll: (message) => this.#send(this.#names.beats, message),
      flushSoon: () => this.#flushSoon(),
      readBucket: (done) => this.operators.read(done),
    });
    this.operators = new Operators({
      nats,
      bucket: this.#names.bucket,
      replicas,
      node,
      snapshot,
      figures,
      isConnected: () => this.#isConnected,
      apply: (changes, revision) => host.apply(changes, revision),
      obeys: (revision, marker) => this.node.confirms.obeys(revision, marker),
      confirm: (revision, marker) => this.node.confirm(revision, marker),
      seedPlan: () => this.#seedPlan(),
      failed: (error) => log('warn', "the cluster's bucket cannot be read", { error: error.message }),
    });
    this.#subscribe();
    void this.#watchStatus();
    this.node.connected();
  }

  /** Whether NATS is connected. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Says goodbye and disconnects, whether NATS hears it or goes away meanwhile. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#ticker.stop();
    this.node.stop();
    this.operators.close();
    if (this.#isConnected) await this.#nats.drain().catch(() => {}); // it goes away: nobody hears the goodbye
    await this.#nats.close(); // a drain that fails would go on looking for NATS
  }

  #subscribe(): void {
    const take = (handle: (message: Uint8Array) => void) => (error: Error | null, message: Msg) => {
      if (this.#isClosing) return; // the host may be the next link's by now
      if (error !== null) this.#options.log('error', 'a subscription failed', { error: error.message });
      else handle(message.data);
    };
    this.#nats.subscribe(this.#mailbox(this.#options.node), {
      callback: take((message) => {
        this.#ticker.busy();
        this.node.received(message);
      }),
    });
    this.#nats.subscribe(this.#names.beats, { callback: take((message) => this.node.heard(message)) });
  }

  async #watchStatus(): Promise<void> {
    for await (const status of this.#nats.status()) {
      if (this.#isClosing) return;
      if (status.type === 'disconnect') this.#disconnected();
      else if (status.type === 'reconnect') this.#reconnected();
      else if (status.type === 'error') this.#options.log('warn', 'NATS', { error: status.error.message });
    }
  }

  #disconnected(): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#options.log('warn', 'NATS is away');
    this.#options.connectedChanged(false);
  }

  #reconnected(): void {
    this.#isConnected = true;
    const problem = payloadProblem(this.#nats, this.#options);
    if (problem !== undefined) this.#options.log('error', problem.message);
    this.#options.log('info', 'NATS is back', { server: this.#nats.getServer() });
    this.node.connected();
    this.operators.read(); // whatever happened to the bucket meanwhile
    this.#options.connectedChanged(true);
  }

  /** While NATS is away, messages are dropped: sessions keep them and send them again. */
  #send(subject: string, message: Uint8Array): void {
    if (this.#isConnected && !this.#nats.isClosed() && !this.#nats.isDraining())
      this.#nats.publish(subject, message);
  }

  #mailbox(node: string): string {
    let mailbox = this.#mailboxes.get(node);
    if (mailbox === undefined) {
      mailbox = this.#names.mailbox(node);
      if (this.#mailboxes.size >= NODES_MAX) this.#mailboxes.clear(); // names of nodes that are gone
      this.#mailboxes.set(node, mailbox);
    }
    return mailbox;
  }

  /** After a pause, at the end of the turn; while the link is busy, when the batch window ends. */
  #flushSoon(): void {
    const { clock } = this.#options;
    this.#ticker.busy();
    const flush = (): void => {
      if (this.#isClosing) return;
      this.#flushedAtMs = clock.now();
      this.node.flush();
    };
    const waitMs = FLUSH_MS - (clock.now() - this.#flushedAtMs);
    if (waitMs <= 0) setImmediate(flush);
    else setTimeout(flush, waitMs);
  }

  #seedPlan(): SeedPlan {
    const { node } = this.#options;
    const { revision } = this.node.confirms.applied;
    const others = [...this.node.members.all].filter(({ beat }) => beat.revision > 0);
    const isBetter = (other: { node: string; beat: { revision: number } }): boolean =>
      other.beat.revision > revision || (other.beat.revision === revision && other.node < node);
    return {
      betterNodes: others.filter(isBetter).length,
      hasObeyed: this.operators.hasObeyed,
      othersHaveObeyed: others.length > 0,
    };
  }
}

/** Waits for a server that listens; what a server refuses, the operator must fix. */
async function connectPatiently(options: LinkOptions): Promise<NatsConnection> {
  for (let tries = 0; ; tries++) {
    try {
      return await connectOnce(options);
    } catch (error) {
      const mayPass = options.isReopened || isAway(error);
      if (!mayPass || options.stopped.aborted) throw error;
      if (tries === 0) options.log('warn', 'NATS is away', { error: (error as Error).message });
      await after(RECONNECT_MS * 2);
    }
  }
}

/** @throws PayloadTooLarge; Error if it was stopped meanwhile */
async function connectOnce(options: LinkOptions): Promise<NatsConnection> {
  const nats = await connect(connectionOptions(options));
  const problem = options.stopped.aborted ? new Error('stopped') : payloadProblem(nats, options);
  if (problem === undefined) return nats;
  await nats.close();
  throw problem;
}

/** Error codes of a network or a name service that may soon be available. */
const AWAY_CODES = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNRESET',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

function isAway(error: unknown): boolean {
  if (error instanceof errors.AuthorizationError) return false;
  if (error instanceof errors.ConnectionError || error instanceof errors.TimeoutError) return true;
  return error instanceof Error && AWAY_CODES.has((error as NodeJS.ErrnoException).code ?? '');
}

/** A number that no other start of a node has. */
function newBoot(): number {
  return 1 + Math.floor(Math.random() * (MAX_BOOT - 1));
}

function connectionOptions({
  servers,
  credsFile,
  tls,
  node,
  cluster,
  timeoutMs,
}: LinkOptions): NodeConnectionOptions {
  const urls = servers.map((server) => new URL(server));
  const isTls = urls.some(({ protocol }) => protocol === 'tls:') || Object.keys(tls).length > 0;
  return {
    servers: urls.map(({ host }) => host),
    ...secretsOf(urls),
    name: `dat ${cluster} ${node}`,
    inboxPrefix: `_INBOX.dat.${cluster}.${encodeName(node)}`, // of its own: so NATS can keep others out of it
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true, // credentials may be on their way to a server that was set up anew
    reconnectTimeWait: RECONNECT_MS,
    reconnectJitter: RECONNECT_MS,
    pingInterval: timeoutMs / 2,
    maxPingOut: 2,
    ...(isTls ? { tls } : {}),
    ...(credsFile === undefined ? {} : { authenticator: credsAuthenticator(readFileSync(credsFile)) }),
  };
}

/** `nats://user:password@host`, or `nats://token@host`; of a list, those of the first that has any. */
function secretsOf(urls: readonly URL[]): { user?: string; pass?: string; token?: string } {
  const url = urls.find(({ username }) => username !== '');
  if (url === undefined) return {};
  const [user, pass] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  return pass === '' ? { token: user } : { user, pass };
}

function payloadProblem(nats: NatsConnection, { maxMessageBytes }: LinkOptions): PayloadTooLarge | undefined {
  const carries = nats.info?.max_payload ?? 0;
  if (carries < BATCH_BYTES) {
    return new PayloadTooLarge(
      `this NATS server carries ${carries} bytes in a message, a cluster needs ${BATCH_BYTES}: raise max_payload of the server`,
    );
  }
  const carried = carries - MESSAGE_OVERHEAD_BYTES;
  if (maxMessageBytes <= carried) return undefined;
  return new PayloadTooLarge(
    `maxMessageBytes (DAT_MAX_MESSAGE_BYTES) is ${maxMessageBytes}, but this NATS server carries at most ${carried}: lower it, or raise max_payload of the server`,
  );
}
