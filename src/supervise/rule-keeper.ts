/**
 * Main's side of the access rules: the list that the owner last accepted, for readers and for a new owner, and how it
 * is replaced.
 */
import type { AccessRule } from '../access/rules.ts';
import { type OperatorCommand, type OperatorResult, ToOwner } from '../records/commands.ts';

export interface RulesSet {
  readonly removed: number;
  readonly pendingNodes: readonly string[] | undefined;
}

export class RuleKeeper {
  /** In force: what the owner accepted last. */
  list: readonly AccessRule[];
  #operate: (command: OperatorCommand) => Promise<OperatorResult>;
  #isOfCluster = false;
  /** Changes run one after the other: the owner sweeps for one list at a time. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param list what the owner starts with */
  constructor(list: readonly AccessRule[], operate: (command: OperatorCommand) => Promise<OperatorResult>) {
    this.list = list;
    this.#operate = operate;
  }

  /**
   * From now on the cluster decides which list is in force, whichever node has set it: the link reports each list in
   * order.
   * @param operate asks every node's owner
   */
  followCluster(operate: (command: OperatorCommand) => Promise<OperatorResult>): void {
    this.#operate = operate;
    this.#isOfCluster = true;
  }

  /**
   * Has the owner take the list, or only count what it would remove.
   * @returns the live subscriptions that the list denies, once they are all removed, and nodes that do not obey yet
   * @throws Error when the owner is gone; the list before is then still the one in force
   */
  set(list: readonly AccessRule[], dryRun: boolean): Promise<RulesSet> {
    const change = this.#last.then(() => this.#set(list, dryRun));
    this.#last = change.catch(() => {});
    return change;
  }

  async #set(list: readonly AccessRule[], dryRun: boolean): Promise<RulesSet> {
    let removed = 0;
    let pendingNodes: readonly string[] | undefined;
    let command: OperatorCommand | undefined = { kind: ToOwner.SetRules, rules: list, dryRun };
    while (command !== undefined) {
      const part: OperatorResult = await this.#operate(command);
      if (!part.ok) throw new Error(part.message);
      removed += part.removed ?? 0;
      pendingNodes ??= part.pendingNodes;
      command = part.next === undefined ? undefined : { kind: ToOwner.SweepRules, from: part.next };
    }
    if (!dryRun && !this.#isOfCluster) this.list = list;
    return { removed, pendingNodes };
  }
}
