/** A node's state for an id that has its home here, or is about to. Rules: `homes.ts`. */
import type { Peer } from './peer.ts';
import { HomeKind } from './records.ts';
import type { Seek } from './seek.ts';

export const HomePhase = {
  /** Claimed; the other nodes have not all answered. */
  seeking: 0,
  home: 1,
  /** The host was told to surrender it to another node. */
  leaving: 2,
  /** Lost to another node while seeking: the host releases it, and hand-overs that still arrive are passed on. */
  passing: 3,
} as const;
export type HomePhase = (typeof HomePhase)[keyof typeof HomePhase];

/** A move to another node. */
export interface Departure {
  /** undefined: chosen once the host has released it. */
  readonly to: Peer | undefined;
  /** What the host gave when it released the id; undefined before that. */
  parts: readonly Uint8Array[] | undefined;
  /** A device's last event here, once the host has let go. */
  seq: number;
  /** What was handed over to this node meanwhile. */
  late: readonly Uint8Array[];
  /** Whether the local peer connected again after that; and whether it still is connected. */
  cameBack: boolean;
  isBack: boolean;
}

export interface Home {
  readonly kind: HomeKind;
  readonly id: string;
  phase: HomePhase;
  connected: boolean;
  /** The number of the claim; while seeking, the highest known one. */
  number: number;
  /** The number with which a connection was claimed, 0 if the last claim was not for a new connection. */
  sought: number;
  /** When it was last claimed, in this node's own count of claims. */
  stamp: number;
  seek: Seek | undefined;
  /** Whether to leave it to another node once it is settled. */
  leaves: boolean;
  /** The number under which it was handed over, if that came back and nothing has changed since; else 0. */
  returned: number;
  departure: Departure | undefined;
}

/** A device, subscriber or gateway with its home here. @param number of its claim */
export function createHome(kind: HomeKind, id: string, number: number, connected: boolean): Home {
  return {
    kind,
    id,
    number,
    connected,
    phase: HomePhase.home,
    sought: 0,
    stamp: 0,
    seek: undefined,
    leaves: false,
    returned: 0,
    departure: undefined,
  };
}

/**
 * The number of the home's claim, as other nodes are told: both sides of a conflict must compare the same numbers.
 * While seeking, it is above all known ones, so a claim that is made after an end is above the end.
 */
export function claimNumber({ number, sought, seek }: Home): number {
  return seek === undefined ? number : Math.max(number + 1, sought);
}

/** Its peer has connected. No claim is needed: had it connected elsewhere, this node would have been asked. */
export function connectedAgain(home: Home): void {
  home.connected = true;
  changed(home);
}

/** It has more than was handed over before it came back: what it hands over next is new. */
export function changed(home: Home): void {
  if (home.returned > 0) home.number = Math.max(home.number, home.returned + 1);
  home.returned = 0;
}

/** It moves to another node. @param to undefined: chosen when the host has let go */
export function depart(home: Home, phase: 2 | 3, to: Peer | undefined): void {
  home.phase = phase;
  home.departure = { to, parts: undefined, seq: 0, late: [], cameBack: false, isBack: false };
  home.connected = false;
}

const keyPrefixes = { [HomeKind.device]: 'd', [HomeKind.subscriber]: 's', [HomeKind.gateway]: 'g' } as const;

/** The key for maps over all kinds, because devices and subscribers may have the same id. */
export function homeKey(kind: HomeKind, id: string): string {
  return keyPrefixes[kind] + id;
}

/** Whether the first of two claims wins: the higher number, for equal ones the higher node id. */
export function outranks(number: number, node: string, otherNumber: number, otherNode: string): boolean {
  return number === otherNumber ? node > otherNode : number > otherNumber;
}

/**
 * The node that takes over what a draining node keeps, the same whichever node asks: the highest hash of node and id
 * (rendezvous hashing).
 */
export function keeperOf(id: string, nodes: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestHash = -1;
  for (const node of nodes) {
    const hash = fnv1a(`${node} ${id}`);
    if (hash > bestHash || (hash === bestHash && best !== undefined && node > best))
      [best, bestHash] = [node, hash];
  }
  return best;
}

/** FNV-1a with a final mixing step, so that texts that differ only at the end differ in all bits. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
