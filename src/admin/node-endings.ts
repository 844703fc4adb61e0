/** Ends a device or a subscriber on every node that has something of it. On main. */
import { Numbering } from '../presence/columns.ts';
import { type OperatorCommand, ToOwner } from '../records/commands.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import { allNodes, askOthers, type Kick, type Known, NodeCall } from './node-calls.ts';
import { whoIs } from './node-homes.ts';
import { operate } from './operate.ts';

/**
 * Terminates a device. Its home tells those who follow it. Where it has none, nobody does, so every node ends what it has.
 * @returns nodes that may have something left
 */
export async function terminate(deps: AdminDeps, device: string): Promise<readonly string[]> {
  const command = { kind: ToOwner.Terminate, device } as const;
  const { cluster, presence } = deps;
  const slot = presence.findDevice(device);
  const isHome = slot >= 0 && Atomics.load(presence.devices.rows.home, slot) === Numbering.here;
  if (cluster === undefined || isHome) return (await operate(deps, command)).pendingNodes ?? [];
  return endEverywhere(deps, command, NodeCall.end, device);
}

/**
 * Kicks a subscriber. If no node says that it has it, every node ends what it has; a frozen node does so when it wakes.
 * @returns nodes that may have something left
 */
export async function kick(deps: AdminDeps, subscriber: string, forget: boolean): Promise<readonly string[]> {
  const command = { kind: ToOwner.Kick, subscriber, forget } as const;
  const own = await whoIs(deps, subscriber);
  if (deps.cluster === undefined || own.connected || own.kept)
    return (await operate(deps, command)).pendingNodes ?? [];
  const number = await deps.cluster.ask<'ending'>({ ask: 'ending', subscriber }).catch((error: Error) => {
    throw new AdminError('unavailable', error.message);
  });
  return endEverywhere(
    deps,
    { ...command, number },
    NodeCall.kick,
    JSON.stringify({ subscriber, number } satisfies Kick),
  );
}

/** @param name of the call that has the other nodes do their part, and what it is given @returns nodes that may have something left */
async function endEverywhere(
  deps: AdminDeps,
  command: OperatorCommand,
  name: NodeCall,
  text: string,
): Promise<readonly string[]> {
  const [own, others, { lost }] = await Promise.all([
    operate(deps, command).catch((error: AdminError) => error),
    askOthers<Known>(deps, name, text),
    allNodes(deps),
  ]);
  const unheard = others.filter(({ answer }) => answer === undefined).map(({ node }) => node);
  const silent = new Set([...unheard, ...lost]);
  if (!(own instanceof Error)) return [...new Set([...(own.pendingNodes ?? []), ...silent])];
  const isKnown = silent.size > 0 || others.some(({ answer }) => answer?.known);
  if (own.code !== 'not_found' || !isKnown) throw own;
  return [...silent];
}
