/** Asks the owner on a route's behalf; a refusal becomes the fitting answer. */
import type { OperatorCommand, OperatorResult } from '../records/commands.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';

/** What an answer says of nodes that do not obey yet. */
export function pending(nodes: readonly string[] | undefined): { readonly pendingNodes?: string[] } {
  return nodes === undefined || nodes.length === 0 ? {} : { pendingNodes: [...nodes] };
}

/** Has the owner carry out what an operator wants. @throws AdminError when it refuses, or cannot answer */
export async function operate(
  deps: AdminDeps,
  command: OperatorCommand,
): Promise<Extract<OperatorResult, { ok: true }>> {
  const result = await deps.operate(command).catch((failure: Error) => {
    throw new AdminError('unavailable', failure.message);
  });
  if (!result.ok) throw new AdminError(result.why, result.message);
  return result;
}
