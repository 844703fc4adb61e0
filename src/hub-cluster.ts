/** The cluster's part of a hub: its thread, how operators' changes go through it, and how a hub leaves it. */
import { randomUUID } from 'node:crypto';
import type { AdminDeps } from './admin/deps.ts';
import type { AdminServer } from './admin/server.ts';
import type { CallAnswer } from './cluster/host.ts';
import type { HubBase, Started } from './hub-base.ts';
import { PresenceReader } from './presence/reader.ts';
import type { OperatorCommand } from './records/commands.ts';
import { packageVersion } from './settings.ts';
import { ClusterOperator } from './supervise/cluster-operator.ts';
import type { ClusterThread } from './supervise/cluster-thread.ts';
import type { OwnerThread } from './supervise/owner-thread.ts';

/** To another node, as if this one were away. */
const NOT_YET: CallAnswer = { status: 503, body: new Uint8Array(0) };

/**
 * The thread of the cluster link; undefined: this hub is alone, and loads nothing of it.
 * @param routes run what other nodes ask for; undefined: not yet, though the link may be in the cluster already
 */
export async function startCluster(
  { settings, logger, memory, crashes, failed }: HubBase,
  { owner, bells, rules }: Started,
  routes: () => Pick<AdminServer, 'call'> | undefined,
): Promise<ClusterThread | undefined> {
  const { clusterEdge: edge } = memory;
  if (edge === undefined) return undefined;
  const { ClusterThread } = await import('./supervise/cluster-thread.ts');
  const { setByOperators } = await import('./cluster/set-by-operators.ts');
  const presence = new PresenceReader(memory.presence);
  return ClusterThread.start({
    task: {
      memory,
      edge,
      settings,
      node: settings.nodeId || `node-${randomUUID().slice(0, 8)}`,
      version: packageVersion(),
      startedAtMs: Date.now(),
    },
    setByOperators: () => setByOperators(presence, rules.list),
    owner,
    bells,
    crashes,
    call: async (name, body) => routes()?.call(name, body) ?? NOT_YET,
    rulesChanged: (list) => {
      rules.list = list;
    },
    log: (level, message, fields) => logger[level](fields, message),
    restarting: (failure) =>
      logger.error({ err: failure, thread: 'cluster' }, 'a thread died; another takes its place'),
    failed,
  });
}

/** How operators' changes are carried out. */
export function operateOf(
  { settings, memory }: HubBase,
  { owner, rules }: Started,
  cluster: ClusterThread | undefined,
): AdminDeps['operate'] {
  const operate = (command: OperatorCommand) => owner.operate(command);
  if (cluster === undefined) return operate;
  const operator = new ClusterOperator({
    cluster,
    operate,
    presence: new PresenceReader(memory.presence),
    rules: () => rules.list,
    defaultAccess: settings.defaultAccess,
  });
  rules.followCluster((command) => operator.operate(command));
  return (command) => operator.operate(command);
}

/**
 * Waits until the hub is part of the cluster.
 * @throws ClusterRefused when that can never be; what the signal says when the process is to end first
 */
export async function joined(cluster: ClusterThread, ending: AbortSignal | undefined): Promise<void> {
  const ended = new Promise<never>((_, reject) => {
    ending?.addEventListener('abort', () => reject(ending.reason as Error), { once: true });
  });
  if (ending?.aborted) throw ending.reason;
  await Promise.race([cluster.joined(), ended]);
}

/** The hub drains, and everybody has gone: what it keeps is left to other nodes. */
export async function leaveAll(cluster: ClusterThread | undefined, owner: OwnerThread): Promise<void> {
  if (cluster === undefined || cluster.state === 'disconnected') return;
  owner.leaveAll();
  await cluster.ask<'left'>({ ask: 'left' });
}
