/** Section 9 of the contract: what is kept of a device, and what of it a new follower gets. */
import type { Wishes } from './commands.ts';
import {
  ALL_TYPES,
  type Device,
  type EventType,
  type Pair,
  type Position,
  type Sent,
  type World,
} from './world.ts';

/** Newest message and newest status of the device's own. */
function lastOf({ sent }: Device): Sent[] {
  const newest = [
    sent.findLast(({ type }) => type === 'message'),
    sent.findLast(({ type, source }) => type === 'status' && source === 'device'),
  ];
  return newest.filter((one) => one !== undefined).sort((one, other) => one.seq - other.seq);
}

/** All that is kept, oldest first. */
export function keptOf({ terms }: World, device: Device): Sent[] {
  if (!terms.history) return [];
  const events = device.sent.filter(({ type }) => type !== 'pong');
  const newest = events.slice(-terms.historyEvents);
  const last = lastOf(device);
  return events.filter((one) => newest.includes(one) || last.includes(one));
}

/** A pair that is active now. */
export interface Begun {
  readonly pair: Pair;
  readonly wasActive: boolean;
}

export function activate(world: World, device: string, subscriber: string): Begun {
  const wasActive = world.pair(device, subscriber)?.state === 'active';
  return { pair: world.ensurePair(device, subscriber, 'active'), wasActive };
}

/**
 * A follower gets an entry, then what it asked for of the past.
 * @param via of the entry
 * @param since where the follower stands; it then gets all that is kept after that
 */
export function begin(
  world: World,
  { pair, wasActive }: Begun,
  via: string,
  wishes: Wishes,
  since?: Position,
  isRecovery = false,
): void {
  if (since !== undefined) {
    recover(world, pair, via, since);
    return;
  }
  // Which of the filters that are recovered together is the one that recovers a device, the contract leaves open.
  world.tellEntry(pair, via, wasActive && isRecovery ? { optional: true } : {});
  const device = world.device(pair.device);
  const kept = keptOf(world, device);
  const { last = false, history, types = ALL_TYPES } = wishes;
  const wanted =
    history !== undefined ? kept.slice(-history) : last && world.terms.history ? lastOf(device) : [];
  replay(world, pair, wanted, { wasActive, types });
}

function recover(world: World, pair: Pair, via: string, since: Position): void {
  const device = world.device(pair.device);
  const kept = keptOf(world, device);
  if (since.epoch !== device.epoch) {
    world.tellEntry(pair, via, { recovered: false });
    replay(world, pair, kept);
    return;
  }
  const later = device.sent.filter(({ seq }) => seq > since.seq);
  const lost = later.filter((one) => one.type !== 'pong' && !kept.includes(one));
  const isLimited = world.typesOf(pair).length < ALL_TYPES.length;
  // Without history the hub cannot know that only pongs are missing; with types, whether all were wanted counts.
  const isOpen = (lost.length > 0 && isLimited) || (!world.terms.history && later.length > 0);
  const onlyPongs = isOpen && lost.length === 0;
  const recovered = onlyPongs || (isOpen && isLimited) ? 'either' : lost.length === 0;
  world.tellEntry(pair, via, { recovered });
  const wanted = lost.filter(({ type }) => world.typesOf(pair).includes(type));
  const gap = onlyPongs ? { optional: true } : {};
  if (lost.length > 0 || onlyPongs) {
    const seqs = wanted.map(({ seq }) => seq);
    world.tell(pair.subscriber, {
      kind: 'missing',
      device: pair.device,
      seqs,
      ...(wanted.length === 0 ? { optional: true } : gap),
    });
  }
  replay(
    world,
    pair,
    kept.filter(({ seq }) => seq > since.seq),
  );
}

/**
 * The contract leaves open whether one who has followed the device all along gets events again, and whether a request
 * replays types that only another follow of the device wants.
 */
function replay(
  world: World,
  pair: Pair,
  events: readonly Sent[],
  asked: { readonly wasActive: boolean; readonly types: readonly EventType[] } = {
    wasActive: false,
    types: ALL_TYPES,
  },
): void {
  const { seq, epoch } = world.device(pair.device);
  for (const sent of events.filter(({ type }) => world.typesOf(pair).includes(type))) {
    const isSure = !asked.wasActive && asked.types.includes(sent.type);
    world.tellEvent(pair, sent, true, isSure ? {} : { optional: true });
  }
  world.subscriber(pair.subscriber).positions.set(pair.device, { epoch, seq });
}
