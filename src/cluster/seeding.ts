/**
 * Fills a bucket that has no marker, because it is new or was lost. One node does it, the one that knows most: a live
 * node that has obeyed the bucket before, the highest revision first; if there is none, one with a snapshot. Cluster
 * thread only.
 */
import { randomUUID } from 'node:crypto';
import type { KV } from '@nats-io/kv';
import { MARKER_KEY, SEEDING_KEY } from './bucket-entries.ts';
import type { OperatorChange } from './host.ts';
import { after } from './time-limits.ts';

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
  readonly kv: KV;
  readonly node: string;
  readonly plan: () => SeedPlan;
  /** Age of a `seeding` entry after which its node is considered dead. */
  readonly staleMs: number;
  readonly readMarker: () => Promise<string | undefined>;
  readonly changes: () => readonly OperatorChange[];
  readonly write: (changes: readonly OperatorChange[]) => Promise<number>;
}

/** @returns the marker's id, whoever wrote it */
export async function seedBucket(options: SeedOptions): Promise<string> {
  const { kv, plan, readMarker, changes, write } = options;
  const { betterNodes, hasObeyed, othersHaveObeyed } = plan();
  const waitMs = betterNodes * TURN_MS + (!hasObeyed && othersHaveObeyed ? OTHERS_MS : 0);
  const written = await waitForMarker(readMarker, waitMs);
  if (written !== undefined) return written;
  if (!(await takeTurn(options))) {
    const other = await waitForMarker(readMarker, options.staleMs);
    if (other !== undefined) return other;
    throw new Error('another node is filling the bucket');
  }
  const late = await readMarker(); // somebody finished between the look and the turn
  if (late !== undefined) return late;
  await write(changes());
  const id = randomUUID();
  await kv.put(MARKER_KEY, JSON.stringify({ id }));
  await kv.delete(SEEDING_KEY);
  return id;
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

/** Takes `seeding`, which only one node can hold; after a while, it is taken from a node that does not finish. */
async function takeTurn({ kv, node, staleMs, readMarker }: SeedOptions): Promise<boolean> {
  const value = JSON.stringify({ node });
  const taken = async (write: Promise<number>): Promise<boolean> => {
    try {
      await write;
      return true;
    } catch {
      return false; // another node was first
    }
  };
  if (await taken(kv.create(SEEDING_KEY, value))) return true;
  const before = await kv.get(SEEDING_KEY);
  if ((await waitForMarker(readMarker, staleMs)) !== undefined || before === null) return false;
  return taken(kv.update(SEEDING_KEY, value, before.revision));
}
