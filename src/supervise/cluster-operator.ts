/**
 * Operators' changes in a cluster: what applies to every node goes into the bucket first, and every node obeys it
 * before the answer; what concerns one node is done here. On main. Routes send a request to the node that it concerns.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { type AccessRule, AccessRules } from '../access/rules.ts';
import type { SetPair } from '../cluster/commands.ts';
import type { OperatorChange } from '../cluster/host.ts';
import type { PresenceReader, SlotPage, SubscriptionRow } from '../presence/reader.ts';
import { type OperatorCommand, type OperatorResult, ToOwner } from '../records/commands.ts';
import { ClusterAway, type ClusterThread } from './cluster-thread.ts';

export interface ClusterOperatorDeps {
  readonly cluster: Pick<ClusterThread, 'ask' | 'refusal'>;
  /** Asks this hub's owner. */
  operate(command: OperatorCommand): Promise<OperatorResult>;
  readonly presence: PresenceReader;
  rules(): readonly AccessRule[];
  readonly defaultAccess: 'allow' | 'deny';
}

type Command<Kind> = Extract<OperatorCommand, { readonly kind: Kind }>;
type SetRow = Command<typeof ToOwner.SetRow>;

/** Nodes that beat recently and did not confirm. */
type Pending = readonly string[];

export class ClusterOperator {
  readonly #deps: ClusterOperatorDeps;

  constructor(deps: ClusterOperatorDeps) {
    this.#deps = deps;
  }

  /** @throws ClusterAway if nothing can be changed: the cluster is disconnected, or this node is not part of it yet */
  async operate(command: OperatorCommand): Promise<OperatorResult> {
    switch (command.kind) {
      case ToOwner.SetRow:
        return this.#setRow(command);
      case ToOwner.RemoveRow:
        return this.#removeRow(command);
      case ToOwner.SetRules:
        return this.#setRules(command);
      case ToOwner.Kick:
        return this.#kick(command);
      case ToOwner.Terminate:
        return this.#terminate(command);
      default:
        return this.#deps.operate(command);
    }
  }

  async #setRow(command: SetRow): Promise<OperatorResult> {
    const { device, subscriber, status, vip } = command;
    this.#assertConnected();
    if (status === undefined && (await this.#rowOf(device, subscriber)) < 0)
      return this.#deps.operate(command);
    // Before the bucket has it: what is refused must not lift a denial.
    const allowed = await this.#deps.operate({ ...command, dryRun: true });
    if (!allowed.ok) return allowed;
    const changes: OperatorChange[] = [];
    if (status !== undefined) {
      const before = await this.#accessOf(device, subscriber);
      const access = this.#accessFor(device, subscriber, status, before);
      // Also what this node has already: a node that did not confirm it before is asked, and named, again.
      if (access !== undefined || before !== undefined)
        changes.push({ kind: 'pair', device, subscriber, access });
    }
    if (vip !== undefined) changes.push({ kind: 'vip', subscriber, vip });
    const pending = await this.#change(changes);
    return withPending(await this.#deps.operate(command), pending);
  }

  async #removeRow(command: Command<typeof ToOwner.RemoveRow>): Promise<OperatorResult> {
    const { device, subscriber } = command;
    this.#assertConnected();
    if ((await this.#accessOf(device, subscriber)) === undefined)
      return this.#confirmed(await this.#deps.operate(command));
    const pending = await this.#change([{ kind: 'pair', device, subscriber, access: undefined }]);
    const result = await this.#deps.operate(command);
    // With its entry in the bucket the row may be gone already.
    return isNotFound(result) ? withPending({ ok: true }, pending) : withPending(result, pending);
  }

  /** Removes denied live subscriptions on other nodes too; only those of this node are counted. */
  async #setRules(command: Command<typeof ToOwner.SetRules>): Promise<OperatorResult> {
    if (command.dryRun) return this.#deps.operate(command);
    this.#assertConnected();
    const removed = await this.#count(command.rules);
    const pending = await this.#change([{ kind: 'rules', rules: command.rules }]);
    return withPending({ ok: true, removed }, pending);
  }

  async #kick(command: Command<typeof ToOwner.Kick>): Promise<OperatorResult> {
    const { subscriber, forget } = command;
    if (command.isPart === true) return this.#deps.operate(command); // the node that asks does the rest
    this.#assertConnected();
    if (!forget) return this.#deps.operate(command);
    const isHere = this.#deps.presence.findSubscriber(subscriber) >= 0;
    const pairs = await this.#pairs({ subscriber });
    const result = await this.#deps.operate(command);
    if (!isHere && pairs.length === 0) return this.#confirmed(result);
    if (!result.ok && !isNotFound(result)) return result;
    const vip: OperatorChange = { kind: 'vip', subscriber, vip: false };
    return withPending({ ok: true, ...(result.ok && result) }, await this.#takeAway(pairs, [vip]));
  }

  /** Also removes what operators set for the device. */
  async #terminate(command: Command<typeof ToOwner.Terminate>): Promise<OperatorResult> {
    if (command.isPart === true) return this.#deps.operate(command); // the node that asks does the rest
    this.#assertConnected();
    const pairs = await this.#pairs({ device: command.device });
    const result = await this.#deps.operate(command);
    const isOver = result.ok || isNotFound(result);
    if (isOver && pairs.length > 0) return withPending({ ok: true }, await this.#takeAway(pairs, []));
    return this.#confirmed(result);
  }

  /**
   * The settings of the pairs are removed here, and then from the bucket. If the bucket does not accept that, they
   * still apply, so they are restored here: no other node would report them again.
   */
  async #takeAway(pairs: readonly SetPair[], others: readonly OperatorChange[]): Promise<Pending> {
    const changes = pairs.map((pair) => ({ kind: 'pair', ...pair, access: undefined }) as const);
    try {
      return await this.#change([...changes, ...others]);
    } catch (error) {
      for (const { access: status, ...pair } of pairs)
        await this.#deps.operate({ kind: ToOwner.SetRow, ...pair, status, vip: undefined });
      throw error;
    }
  }

  /**
   * Nothing is left to remove here, perhaps because the request is repeated: asks, and names, nodes that did not
   * confirm the first one again.
   */
  async #confirmed(result: OperatorResult): Promise<OperatorResult> {
    if (!result.ok && !isNotFound(result)) return result;
    const pending = await this.#ask([]);
    return isNotFound(result) && pending.length > 0
      ? withPending({ ok: true }, pending)
      : withPending(result, pending);
  }

  #assertConnected(): void {
    const { refusal } = this.#deps.cluster;
    if (refusal !== undefined) throw new ClusterAway(refusal);
  }

  /** @throws ClusterAway if the bucket does not accept it */
  async #change(changes: readonly OperatorChange[]): Promise<Pending> {
    return changes.length === 0 ? [] : this.#ask(changes);
  }

  async #ask(changes: readonly OperatorChange[]): Promise<Pending> {
    const result = await this.#deps.cluster.ask<'change'>({ ask: 'change', changes });
    if (!result.ok) throw new ClusterAway(result.message);
    return result.pendingNodes;
  }

  /**
   * The new entry in the bucket: a subscription of a pair that is otherwise denied needs a grant. @param before the
   * present entry
   */
  #accessFor(
    device: string,
    subscriber: string,
    status: NonNullable<SetRow['status']>,
    before: 'allow' | 'deny' | undefined,
  ): 'allow' | 'deny' | undefined {
    if (status === 'allow' || status === 'deny') return status;
    const { rules, defaultAccess } = this.#deps;
    const otherwise = new AccessRules(rules()).decide(device, subscriber) ?? defaultAccess;
    return otherwise === 'deny' || before === 'allow' ? 'allow' : undefined;
  }

  async #rowOf(device: string, subscriber: string): Promise<number> {
    const { presence } = this.#deps;
    const [deviceSlot, slot] = [presence.findDevice(device), presence.findSubscriber(subscriber)];
    if (deviceSlot < 0 || slot < 0) return -1;
    const rows = await rowsOf((...at) => presence.subscriptionSlotsOfSubscriber(slot, ...at));
    // Slots may have changed hands meanwhile.
    if (presence.device(deviceSlot)?.device !== device) return -1;
    if (presence.subscriber(slot)?.subscriber !== subscriber) return -1;
    const isPair = (found: SubscriptionRow | undefined): boolean =>
      found?.device === deviceSlot && found.subscriber === slot;
    return rows.find((row) => isPair(presence.subscription(row))) ?? -1;
  }

  /** The entry in the bucket, whether it has a row here or found no room. */
  async #accessOf(device: string, subscriber: string): Promise<'allow' | 'deny' | undefined> {
    const [pair] = await this.#pairs({ device, subscriber });
    return pair?.access;
  }

  #pairs(of: { readonly device?: string; readonly subscriber?: string }): Promise<readonly SetPair[]> {
    return this.#deps.cluster.ask<'pairs'>({ ask: 'pairs', ...of });
  }

  async #count(rules: readonly AccessRule[]): Promise<number> {
    let removed = 0;
    let command: OperatorCommand | undefined = { kind: ToOwner.SetRules, rules, dryRun: true };
    while (command !== undefined) {
      const part = await this.#deps.operate(command);
      if (!part.ok) throw new Error(part.message);
      removed += part.removed ?? 0;
      command = part.next === undefined ? undefined : { kind: ToOwner.SweepRules, from: part.next };
    }
    return removed;
  }
}

/** Rows of a subscriber, found in short parts between which the thread turns to its connections. */
async function rowsOf(scan: (from: number, limit: number) => SlotPage): Promise<number[]> {
  const rows: number[] = [];
  for (let from: number | undefined = 0; from !== undefined; ) {
    const page: SlotPage = scan(from, Number.POSITIVE_INFINITY);
    rows.push(...page.slots);
    from = page.next;
    if (from !== undefined) await turn();
  }
  return rows;
}

function isNotFound(result: OperatorResult): boolean {
  return !result.ok && result.why === 'not_found';
}

function withPending(result: OperatorResult, pendingNodes: Pending): OperatorResult {
  return result.ok && pendingNodes.length > 0 ? { ...result, pendingNodes } : result;
}
