/** Which node a request about a device or a subscriber concerns. On main. */
import { Numbering } from '../presence/columns.ts';
import type { SlotPage } from '../presence/reader.ts';
import type { AdminDeps } from './deps.ts';
import { askOthers, type Known, NodeCall, type Who } from './node-calls.ts';
import { turn } from './pages.ts';

/** Rows of a subscriber that are checked at once. */
const SCANNED_MAX = 1000;

/**
 * @param orWhoKnows whether it may be another node that knows the id, if the device has no home and this one does not
 * @returns its home, or such a node; undefined: to be answered here
 */
export async function nodeOfDevice(
  deps: AdminDeps,
  device: string,
  orWhoKnows = true,
): Promise<string | undefined> {
  const { cluster, presence } = deps;
  const slot = presence.findDevice(device);
  if (slot >= 0 && Atomics.load(presence.devices.rows.home, slot) !== Numbering.elsewhere)
    return cluster!.node;
  try {
    const home = await cluster!.ask<'locate'>({ ask: 'locate', device });
    if (home !== undefined || slot >= 0 || !orWhoKnows) return home;
  } catch {
    return undefined; // the others can not be asked now: what is known here is answered
  }
  const known = await askOthers<Known>(deps, NodeCall.known, device);
  return known.find(({ answer }) => answer?.known)?.node;
}

/** The node that a subscriber is connected to, else one that keeps what it follows; undefined: none is known. */
export async function nodeOfSubscriber(deps: AdminDeps, subscriber: string): Promise<string | undefined> {
  const { cluster } = deps;
  const own = await whoIs(deps, subscriber);
  if (own.connected) return cluster!.node;
  const known = await askOthers<Who>(deps, NodeCall.who, subscriber);
  const connected = known.find(({ answer }) => answer?.connected);
  if (connected !== undefined) return connected.node;
  if (own.kept) return cluster!.node;
  return known.find(({ answer }) => answer?.kept)?.node;
}

/** What this node has of a subscriber. */
export async function whoIs({ presence }: AdminDeps, subscriber: string): Promise<Who> {
  const slot = presence.findSubscriber(subscriber);
  const row = slot < 0 ? undefined : presence.subscriber(slot);
  if (row === undefined || row.connected) return { connected: row !== undefined, kept: false };
  const isSubscribed = (pair: number): boolean => {
    const status = presence.subscription(pair)?.status;
    return status === 'active' || status === 'inactive';
  };
  const isKept =
    (await some(
      (from) => presence.filterSlotsOfSubscriber(slot, from, 1),
      () => true,
    )) ||
    (await some((from) => presence.subscriptionSlotsOfSubscriber(slot, from, SCANNED_MAX), isSubscribed));
  return { connected: false, kept: isKept };
}

/** Whether a slot passes; looks in short parts, between which the thread turns to its connections. */
async function some(scan: (from: number) => SlotPage, passes: (slot: number) => boolean): Promise<boolean> {
  for (let from: number | undefined = 0; from !== undefined; ) {
    const page: SlotPage = scan(from);
    if (page.slots.some(passes)) return true;
    from = page.next;
    if (from !== undefined) await turn();
  }
  return false;
}
