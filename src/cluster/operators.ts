/**
 * What operators set, in a JetStream key-value bucket that every node obeys: reads the whole bucket, follows it, writes
 * to it, and fills it if it is new or was lost. Cluster thread only. The protocol: docs/cluster.md.
 */
import { jetstream } from '@nats-io/jetstream';
import { type KV, type KvEntry, Kvm, type KvWatchEntry } from '@nats-io/kv';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import {
  entryChange,
  entryKey,
  entryValue,
  MARKER_KEY,
  markerOf,
  SEEDING_KEY,
  withoutEntry,
} from './bucket-entries.ts';
import type { SetPair } from './commands.ts';
import type { LinkCounts } from './figures.ts';
import type { OperatorChange } from './host.ts';
import { BUCKET_MS, BUCKET_WRITES_MAX, CONFIRM_LATE_MS, CONFIRM_MS, SEEDING_MS } from './limits.ts';
import { type SeedPlan, seedBucket } from './seeding.ts';
import { after, within } from './time-limits.ts';

export interface OperatorsDeps {
  readonly nats: NatsConnection;
  readonly bucket: string;
  /** DAT_CLUSTER_REPLICAS. */
  readonly replicas: number;
  readonly node: string;
  readonly figures: LinkCounts;
  /** What this node knew before: fills a bucket that no other node can fill. */
  readonly snapshot: readonly OperatorChange[];
  readonly isConnected: () => boolean;
  /** Tells the host; answered with `applied`. */
  readonly apply: (changes: readonly OperatorChange[], revision: number) => void;
  /** The host obeys everything up to the revision. */
  readonly obeys: (revision: number, marker: string) => void;
  /** Waits until every node obeys. @returns nodes that did not confirm */
  readonly confirm: (revision: number, marker: string) => Promise<string[]>;
  /** When this node may fill the bucket, compared with the others. */
  readonly seedPlan: () => SeedPlan;
  /** The bucket cannot be read; reading is retried. Not called for every try. */
  readonly failed: (error: Error) => void;
}

export type ChangeResult =
  | { readonly ok: true; readonly revision: number; readonly pendingNodes: readonly string[] }
  /** NATS is away, nothing is obeyed yet, or the bucket did not answer or is another one now: 503. */
  | { readonly ok: false; readonly message: string };

const RETRY_MS = 300;
/** Failed readings are reported at most once in this time, ms. */
const FAILURES_EVERY_MS = 10_000;

export class Operators {
  readonly #deps: OperatorsDeps;
  /** The contents of the bucket that the host was told, by key. */
  readonly #known = new Map<string, OperatorChange>();
  #kv: KV | undefined;
  /** Of the bucket that the host obeys; '': of none yet. */
  #marker = '';
  #obeyedRevision = 0;
  #stopWatching: () => void = () => {};
  /** Whether a reading should begin, and who waits for it. */
  #isWanted = false;
  #waiting: (() => void)[] = [];
  /** Settles once all reading is done; undefined: nothing is being read. */
  #reading: Promise<void> | undefined;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  #awaited: { revision: number; resolve: () => void }[] = [];
  #applying = Promise.resolve();
  /** This node's own changes that its host does not obey yet. */
  #own: { readonly revision: number; readonly resolve: () => void }[] = [];

  constructor(deps: OperatorsDeps) {
    this.#deps = deps;
  }

  /** Whether this node has obeyed the bucket since it started. */
  get hasObeyed(): boolean {
    return this.#marker !== '';
  }

  /** Everything in the bucket that the host was told. */
  get known(): readonly OperatorChange[] {
    return [...this.#known.values()];
  }

  /** The entries for a pair, or for all pairs of a device or a subscriber. */
  pairs({ device, subscriber }: { readonly device?: string; readonly subscriber?: string }): SetPair[] {
    const isPair = device !== undefined && subscriber !== undefined;
    const key = isPair ? entryKey({ kind: 'pair', device, subscriber, access: undefined }) : undefined;
    const found = key === undefined ? this.#known.values() : [this.#known.get(key)];
    const pairs: SetPair[] = [];
    for (const change of found) {
      if (change?.kind !== 'pair' || change.access === undefined) continue;
      const isOf = change.device === (device ?? change.device);
      if (isOf && change.subscriber === (subscriber ?? change.subscriber))
        pairs.push({ device: change.device, subscriber: change.subscriber, access: change.access });
    }
    return pairs;
  }

  /** Reads the whole bucket as it is from now on, applies it, and calls back; retries until that succeeds. */
  read(done?: () => void): void {
    if (this.#isClosed) return;
    this.#isWanted = true;
    if (done !== undefined) this.#waiting.push(done);
    this.#reading ??= this.#readAll();
  }

  /** The host obeys the changes up to this revision. */
  applied(revision: number): void {
    const due = this.#awaited.filter((waiting) => waiting.revision <= revision);
    this.#awaited = this.#awaited.filter((waiting) => waiting.revision > revision);
    for (const { resolve } of due) resolve();
  }

  /**
   * Writes changes, and waits until every node obeys them. @param changes if empty, all nodes confirm what this node
   * obeys @returns `ok` false if NATS is away, or the bucket did not take all of it: the change may or may not have
   * been written; or if this node has not obeyed any bucket yet
   */
  async change(changes: readonly OperatorChange[]): Promise<ChangeResult> {
    if (!this.#deps.isConnected())
      return { ok: false, message: 'the cluster is disconnected: nothing can be changed' };
    if (!this.hasObeyed)
      return { ok: false, message: 'this node has not read what operators have set yet: ask again' };
    try {
      // It may be another bucket than before: what is written before it is filled could be overwritten.
      if (this.#reading !== undefined) await within(BUCKET_MS, 'it is being read', this.#reading);
      const [marker, before] = [this.#marker, this.#obeyedRevision];
      const revision = changes.length === 0 ? before : await this.#write(this.#kv!, changes);
      // A new bucket counts its revisions anew: one that is not obeyed would pass for one that is.
      if (this.#marker !== marker || (changes.length > 0 && revision <= before))
        throw new Error('another bucket has taken its place');
      const [own, others] = await Promise.all([
        this.#obeysItself(revision),
        this.#deps.confirm(revision, marker),
      ]);
      return { ok: true, revision, pendingNodes: own ? others : [this.#deps.node, ...others] };
    } catch (error) {
      this.read(); // the bucket may be gone
      return {
        ok: false,
        message: `the cluster's bucket did not take the change: ${(error as Error).message}`,
      };
    }
  }

  /** @returns whether this node obeys the revision within the time allowed for others */
  async #obeysItself(revision: number): Promise<boolean> {
    if (this.#obeyedRevision >= revision) return true;
    const obeyed = new Promise<void>((resolve) => this.#own.push({ revision, resolve }));
    // Others do the same when they are asked: see Confirms.
    const late = setTimeout(() => this.read(), CONFIRM_LATE_MS);
    const isObeyed = within(CONFIRM_MS, 'not obeyed in time', obeyed).then(
      () => true,
      () => false,
    );
    return isObeyed.finally(() => clearTimeout(late));
  }

  /** Tells the host nothing more. */
  close(): void {
    this.#isClosed = true;
    this.#stopWatching();
  }

  async #write(kv: KV, changes: readonly OperatorChange[]): Promise<number> {
    let revision = 0;
    for (let at = 0; at < changes.length; at += BUCKET_WRITES_MAX) {
      const writes = changes.slice(at, at + BUCKET_WRITES_MAX).map((change) => this.#writeEntry(kv, change));
      revision = Math.max(revision, ...(await within(BUCKET_MS, 'no answer in time', Promise.all(writes))));
    }
    return revision;
  }

  /** @returns its revision, which `kv.delete` would not return */
  async #writeEntry(kv: KV, change: OperatorChange): Promise<number> {
    const [key, value] = [entryKey(change), entryValue(change)];
    if (value !== undefined) return kv.put(key, value);
    const marked = headers();
    marked.set('KV-Operation', 'DEL');
    const subject = `$KV.${this.#deps.bucket}.${key}`;
    return (await jetstream(this.#deps.nats).publish(subject, '', { headers: marked })).seq;
  }

  async #readAll(): Promise<void> {
    while (this.#isWanted && !this.#isClosed) {
      this.#isWanted = false;
      const waiting = this.#waiting.splice(0);
      if (await this.#triesToRead()) for (const done of waiting) done();
      else {
        this.#isWanted = true;
        this.#waiting = [...waiting, ...this.#waiting];
        await after(RETRY_MS);
      }
    }
    this.#reading = undefined;
  }

  /** @returns whether the bucket was read to its end and is obeyed */
  async #triesToRead(): Promise<boolean> {
    if (!this.#deps.isConnected()) return false;
    try {
      await this.#readOnce();
      return true;
    } catch (error) {
      if (this.#deps.isConnected() && !this.#isClosed) this.#tellFailure(error as Error);
      return false;
    }
  }

  /** Limits reports: reading may be retried for hours, several times a second. */
  #tellFailure(error: Error): void {
    const now = performance.now();
    if (now - this.#failedAtMs < FAILURES_EVERY_MS) return;
    this.#failedAtMs = now;
    this.#deps.failed(error);
  }

  async #readOnce(): Promise<void> {
    const { nats, bucket, replicas, node, seedPlan, snapshot } = this.#deps;
    // Without direct gets every read is answered by the stream's leader: a replica may not have the marker yet.
    const options = { replicas, history: 1, allow_direct: false, description: 'what operators set' };
    const kv = await new Kvm(nats).create(bucket, options);
    this.#kv = kv;
    const marker =
      (await readMarker(kv)) ??
      (await seedBucket({
        kv,
        node,
        plan: seedPlan,
        staleMs: SEEDING_MS,
        readMarker: () => readMarker(kv),
        changes: () => (this.hasObeyed ? this.known : snapshot),
      }));
    await this.#follow(kv, marker);
  }

  /** Watches the bucket from the start: its contents replace what was known, then every change is applied. */
  async #follow(kv: KV, marker: string): Promise<void> {
    this.#stopWatching();
    const { last_seq: lastRevision } = (await kv.status()).streamInfo.state;
    const watch = await kv.watch({ key: '>' });
    if (this.#isClosed) {
      watch.stop();
      throw new Error('closed meanwhile');
    }
    let isStopped = false;
    this.#stopWatching = () => {
      isStopped = true;
      watch.stop();
    };
    const entries = new Map<string, KvEntry>();
    const reachedEnd = new Promise<void>((resolve) => {
      void (async () => {
        let isLive = false;
        let newest = 0;
        for await (const entry of watch) {
          if (isStopped) return;
          if (entry.revision <= newest) continue; // repeated: what came since holds
          newest = entry.revision;
          if (isLive) this.#changed(entry, marker);
          else entries.set(entry.key, entry);
          // The server's count of what is left may be wrong when an entry is replaced meanwhile; the newest is not.
          const isEnd = entry.revision >= lastRevision || entry.delta === 0;
          if (!isEnd || isLive) continue;
          isLive = true;
          this.#replace(entries, marker);
          resolve();
        }
        if (!isStopped) this.read(); // the server ended the watch
      })();
    });
    try {
      await within(BUCKET_MS, 'the bucket was not read in time', reachedEnd);
    } catch (error) {
      this.#stopWatching();
      throw error;
    }
    await this.#applying;
  }

  /** The whole bucket was read. */
  #replace(entries: ReadonlyMap<string, KvEntry>, marker: string): void {
    const changes: OperatorChange[] = [];
    let revision = 0;
    for (const entry of entries.values()) {
      revision = Math.max(revision, entry.revision);
      const change = this.#changeOf(entry);
      const before = this.#known.get(entry.key);
      if (change !== undefined && !isSame(before, change)) changes.push(change);
    }
    for (const [key, before] of this.#known) {
      if (!isHeld(entries.get(key))) changes.push(withoutEntry(before));
    }
    this.#obey(changes, revision, marker);
  }

  /**
   * One entry has changed. @param marker of the bucket that is watched: `#marker` may still be that of another, as long
   * as the host applies what was read
   */
  #changed(entry: KvWatchEntry, marker: string): void {
    const change = this.#changeOf(entry);
    const isMarker = entry.key === MARKER_KEY;
    if (isMarker && markerOf(textOf(entry)) !== marker) this.read();
    else this.#obey(change === undefined ? [] : [change], entry.revision, marker);
  }

  /** Makes the host apply the changes, one list after the other. */
  #obey(changes: readonly OperatorChange[], revision: number, marker: string): void {
    for (const change of changes) {
      if (entryValue(change) === undefined) this.#known.delete(entryKey(change));
      else this.#known.set(entryKey(change), change);
    }
    this.#applying = this.#applying.then(async () => {
      if (this.#isClosed) return; // the host may be the next link's by now
      await new Promise<void>((resolve) => {
        this.#awaited.push({ revision, resolve });
        this.#deps.apply(changes, revision);
      });
      this.#marker = marker;
      this.#obeyedRevision = revision;
      this.#deps.obeys(revision, marker);
      for (const own of this.#own) if (own.revision <= revision) own.resolve();
      this.#own = this.#own.filter((own) => own.revision > revision);
    });
  }

  #changeOf(entry: KvEntry): OperatorChange | undefined {
    if (entry.key === MARKER_KEY || entry.key === SEEDING_KEY) return undefined;
    const change = entryChange(entry.key, isHeld(entry) ? textOf(entry) : undefined);
    if (change === undefined) this.#deps.figures.undecodable += 1;
    return change;
  }
}

async function readMarker(kv: KV): Promise<string | undefined> {
  const entry = await within(BUCKET_MS, 'the marker was not read in time', kv.get(MARKER_KEY));
  return entry !== null && isHeld(entry) ? markerOf(textOf(entry)) : undefined;
}

const isHeld = (entry: KvEntry | undefined): boolean => entry?.operation === 'PUT';
const textOf = (entry: KvEntry): string => Buffer.from(entry.value).toString('utf8');

function isSame(one: OperatorChange | undefined, other: OperatorChange): boolean {
  return one !== undefined && entryValue(one) === entryValue(other);
}
