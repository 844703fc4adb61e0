/** What an MQTT session keeps while its client is away, as text: the edges write and read it, the owner holds it. */
import type { KeptSession } from './host.ts';

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
