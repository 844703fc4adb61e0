/**
 * Fills a bucket that has no marker, because it is new or was lost. One node does it, the one that knows most: a live
 * node that has obeyed the bucket before, the highest revision first; if there is none, one with a snapshot. Cluster
 * thread only.
 */
import { randomUUID } from 'node:crypto';
import type { KV, KvEntry, KvPutOptions } from '@nats-io/kv';
import { entryKey, entryValue, MARKER_KEY, SEEDING_KEY } from './bucket-entries.ts';
import type { OperatorChange } from './host.ts';
import { BUCKET_MS, BUCKET_WRITES_MAX } from './limits.ts';
import { after, within } from './time-limits.ts';

/** When this node may begin. */
export interface SeedPlan {
  /** The number of live nodes that know more, or know as much and have a lower id. */
  readonly betterNodes: number;
  /** Whether its knowledge came from a bucket; false: from a snapshot, or it knows nothing. */
  readonly hasObeyed: boolean;
  /** Whether another live node has obeyed a bucket. */
  readonly othersHaveObeyed: boolean;
}

/** A node that knows less waits this long for each node that knows more, and for any that has obeyed a bucket. */
const TURN_MS = 500;
const OTHERS_MS = 5_000;
const LOOK_EVERY_MS = 200;

export interface SeedOptions {
  readonly kv: Pick<KV, 'get' | 'create' | 'put' | 'delete'>;
  readonly node: string;
  readonly plan: () => SeedPlan;
  /** Age of a `seeding` entry after which its node is considered dead. */
  readonly staleMs: number;
  readonly readMarker: () => Promise<string | undefined>;
  readonly changes: () => readonly OperatorChange[];
}

/** @returns the marker's id, whoever wrote it @throws Error if another node took over meanwhile */
export async function seedBucket(options: SeedOptions): Promise<string> {
  const { kv, plan, readMarker, changes } = options;
  const { betterNodes, hasObeyed, othersHaveObeyed } = plan();
  const waitMs = betterNodes * TURN_MS + (!hasObeyed && othersHaveObeyed ? OTHERS_MS : 0);
  const written = await waitForMarker(readMarker, waitMs);
  if (written !== undefined) return written;
  const turn = await takeTurn(options);
  if (turn === undefined) {
    const other = await waitForMarker(readMarker, options.staleMs);
    if (other !== undefined) return other;
    throw new Error('another node is filling the bucket');
  }
  const before = await kv.get(MARKER_KEY);
  const late = await readMarker(); // somebody finished between the look and the turn
  if (late !== undefined) return late;
  await fill(options, turn, changes());
  const id = randomUUID();
  await kv.put(MARKER_KEY, JSON.stringify({ id }), replacing(before));
  await kv.delete(SEEDING_KEY);
  return id;
}

/**
 * Writes what this node knows. It may stand still at any time, and meanwhile another node fills the bucket and operators
 * change it. So it looks before it writes, and each write names the revision that it replaces.
 */
async function fill(options: SeedOptions, turn: number, changes: readonly OperatorChange[]): Promise<void> {
  for (let at = 0; at < changes.length; at += BUCKET_WRITES_MAX) {
    const part = changes.slice(at, at + BUCKET_WRITES_MAX);
    await within(BUCKET_MS, 'no answer in time', writePart(options, turn, part));
  }
}

async function writePart(options: SeedOptions, turn: number, part: readonly OperatorChange[]): Promise<void> {
  const { kv } = options;
  const write = (change: OperatorChange, before: KvEntry | null): Promise<number> =>
    kv.put(entryKey(change), entryValue(change)!, replacing(before));
  await assertTurn(options, turn);
  const areNew = await Promise.all(part.map((change) => succeeds(write(change, null))));
  const others = part.filter((_, n) => areNew[n] === undefined);
  if (others.length === 0) return;
  // A node that died in the middle left them, or they were written just now.
  const left = await Promise.all(others.map((change) => kv.get(entryKey(change))));
  await assertTurn(options, turn);
  await Promise.all(others.map((change, n) => write(change, left[n]!)));
}

/** @param entry as it was read; null: there was none. `KV.update` does not take that. */
function replacing(entry: KvEntry | null): Pick<KvPutOptions, 'previousSeq'> {
  return { previousSeq: entry?.revision ?? 0 };
}

/** @throws Error if another node has taken the turn, or has finished */
async function assertTurn({ kv, readMarker }: SeedOptions, turn: number): Promise<void> {
  const [seeding, marker] = await Promise.all([kv.get(SEEDING_KEY), readMarker()]);
  if (seeding?.revision !== turn || marker !== undefined)
    throw new Error('another node has taken over filling the bucket');
}

async function waitForMarker(
  readMarker: () => Promise<string | undefined>,
  ms: number,
): Promise<string | undefined> {
  const endMs = performance.now() + ms;
  for (;;) {
    const marker = await readMarker();
    const leftMs = endMs - performance.now();
    if (marker !== undefined || leftMs <= 0) return marker;
    await after(Math.min(LOOK_EVERY_MS, leftMs));
  }
}

/**
 * Takes `seeding`, which only one node can hold; after a while, it is taken from a node that does not finish.
 * @returns its revision; undefined: another node has it
 */
async function takeTurn({ kv, node, staleMs, readMarker }: SeedOptions): Promise<number | undefined> {
  const value = JSON.stringify({ node });
  const taken = await succeeds(kv.create(SEEDING_KEY, value));
  if (taken !== undefined) return taken;
  const before = await kv.get(SEEDING_KEY);
  if ((await waitForMarker(readMarker, staleMs)) !== undefined || before === null) return undefined;
  return succeeds(kv.put(SEEDING_KEY, value, replacing(before)));
}

/** @returns the revision; undefined: another node was first */
async function succeeds(write: Promise<number>): Promise<number | undefined> {
  try {
    return await write;
  } catch {
    return undefined;
  }
}
