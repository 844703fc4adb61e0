/** What an MQTT session keeps while its client is away, as text: the edges write and read it, the owner holds it. */
import type { KeptSession } from './host.ts';

/**
 * The scope of a session whose connection ended before the hub had answered all of its requests. What the hub itself
 * keeps for the client may differ, so when the client is back, all of its subscriptions are followed again. No
 * fingerprint has this value.
 */
export const UNSETTLED = '?';

/**
 * The session of a client that is gone before its CONNACK: what the hub itself keeps for it may expire sooner, at the
 * time that the previous connection asked for.
 */
export function unsettled(kept: KeptSession): KeptSession {
  return { ...kept, scope: UNSETTLED };
}

type Kept = readonly [
  subscriptions: readonly (readonly [filter: string, identifier: number, noLocal: 0 | 1])[],
  packetIds: readonly number[],
  scope: string,
];

export function encodeKeptSession({ subscriptions, packetIds, scope }: KeptSession): string {
  const kept: Kept = [
    subscriptions.map(({ filter, identifier, noLocal }) => [filter, identifier, noLocal ? 1 : 0]),
    packetIds,
    scope,
  ];
  return JSON.stringify(kept);
}

/** @param text as `encodeKeptSession` wrote it */
export function decodeKeptSession(text: string): KeptSession {
  const [subscriptions, packetIds, scope] = JSON.parse(text) as Kept;
  return {
    subscriptions: subscriptions.map(([filter, identifier, noLocal]) => ({
      filter,
      identifier,
      noLocal: noLocal === 1,
    })),
    packetIds,
    scope,
  };
}
