/** What operators do to single subscriptions. Owner thread only. */
import type { Clock } from '../clock.ts';
import type { Wheel } from '../memory/wheel.ts';
import { NONE } from '../presence/columns.ts';
import { type Input, nextRowState, RowState } from '../presence/lifecycle.ts';
import { ALL_TYPES } from '../wire/events.ts';
import type { Filters } from './filters.ts';
import type { Registry } from './registry.ts';
import { isSubscribed, noticeOf, type Subscriptions } from './subscriptions.ts';
import type { Sweeps } from './sweeps.ts';

export interface OperatorRowsDeps {
  readonly registry: Registry;
  readonly subscriptions: Subscriptions;
  readonly filters: Filters;
  readonly sweeps: Pick<Sweeps, 'passOver'>;
  /** The subscribers' timers. */
  readonly wheel: Wheel;
  readonly clock: Clock;
  readonly settings: { readonly subscriberRemoveAfterMs: number };
}

export class OperatorRows {
  readonly #deps: OperatorRowsDeps;

  constructor(deps: OperatorRowsDeps) {
    this.#deps = deps;
  }

  /** Applies an operator's input to one row and tells the subscriber. @returns the row, or -1 if it was removed */
  input(row: number, input: Input): number {
    const { registry, subscriptions, filters, sweeps, wheel, clock, settings } = this.#deps;
    const { rows } = registry.subscriptions;
    const device = rows.device[row]!;
    const subscriber = rows.subscriber[row]!;
    if (input === 'operatorActive') sweeps.passOver(subscriber, row);
    const before = registry.rowState(row);
    const connected = registry.subscribers.rows.session[subscriber] !== NONE;
    // Stryker disable next-line BooleanLiteral: a grant counts for no operator's word
    const wanted = nextRowState(before, input, false);
    const after = connected ? wanted : disconnected(wanted);
    const notice = after === before ? undefined : noticeOf(before, after, input);
    if (notice !== undefined) subscriptions.tell(subscriber, notice, device, after);
    if (isSubscribed(after) && !isSubscribed(before)) {
      const types = this.#typesFor(device, subscriber, rows.ownTypes[row]!);
      registry.setTypes(row, types, types);
    }
    subscriptions.move(row, after);
    if (after === RowState.none) filters.removed(subscriber, device);
    const isLifted = before === RowState.deny && (after === RowState.none || after === RowState.allow);
    if (isLifted) filters.rematch(subscriber, device);
    if (after === RowState.none) return -1;
    if (!connected && !wheel.isSet(subscriber))
      wheel.set(subscriber, clock.now() + settings.subscriberRemoveAfterMs);
    return row;
  }

  /**
   * The types of a subscription that an operator creates. It is a subscription by id, to the types that its subscriber
   * had asked for, or asks for through filters; otherwise to all.
   * @param asked bits of the types that a subscription by id had before the pair was denied, 0 none
   */
  #typesFor(device: number, subscriber: number, asked = 0): number {
    const { registry } = this.#deps;
    return asked | registry.filters.typesOf(subscriber, registry.deviceId(device), asked) || ALL_TYPES;
  }

  /**
   * Creates a pair's row in the state to which an operator's input leads. @returns the row, or -1 when the table is
   * full
   */
  make(device: number, subscriber: number, input: Input): number {
    const { registry, subscriptions, wheel, clock, settings } = this.#deps;
    const connected = registry.subscribers.rows.session[subscriber] !== NONE;
    // Stryker disable next-line BooleanLiteral: as above
    const wanted = nextRowState(RowState.none, input, false);
    const state = connected ? wanted : disconnected(wanted);
    const granted = input === 'operatorAllow';
    const types = isSubscribed(state) ? { types: this.#typesFor(device, subscriber) } : {};
    const row = registry.createRow(device, subscriber, state, { granted, ...types });
    if (row < 0) return row;
    const notice = noticeOf(RowState.none, state, input);
    if (notice !== undefined) subscriptions.tell(subscriber, notice, device, state);
    if (state === RowState.active) subscriptions.attach(row);
    if (!connected && !wheel.isSet(subscriber))
      wheel.set(subscriber, clock.now() + settings.subscriberRemoveAfterMs);
    return row;
  }
}

/** The corresponding state for a subscriber that is not connected. */
function disconnected(state: RowState): RowState {
  // Stryker disable next-line BooleanLiteral: nor for a disconnect
  return nextRowState(state, 'disconnect', false);
}
