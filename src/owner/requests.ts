/**
 * Subscribers' requests that name devices, at most 1000 each: carried out and answered at once. Requests about all of a
 * subscriber's devices are sweeps (`sweeps.ts`). Owner thread only.
 */
import type { Input } from '../presence/lifecycle.ts';
import { maySubscribe, nextRowState, RowState } from '../presence/lifecycle.ts';
import { type FilterEntry, Refusal, type RefusedDevice } from '../records/replies.ts';
import type { Request } from '../records/requests.ts';
import type { AccessControl } from './access.ts';
import type { Devices } from './devices.ts';
import type { Registry } from './registry.ts';
import type { TokenScopes } from './scopes.ts';
import { isSubscribed, type Page, type Subscriptions } from './subscriptions.ts';

export interface RequestsDeps {
  readonly registry: Registry;
  readonly devices: Devices;
  readonly subscriptions: Subscriptions;
  readonly scopes: TokenScopes;
  readonly access: AccessControl;
  /** Subscriptions that one subscriber may have. */
  readonly rowsMax: number;
}

export type NamedRequest = Request & { readonly devices: readonly string[] };

export class Requests {
  readonly #deps: RequestsDeps;

  constructor(deps: RequestsDeps) {
    this.#deps = deps;
  }

  /**
   * Does what the subscriber in this slot asks for and answers it.
   * @param filters what was done for the filters that the request names @param refused those that were refused
   */
  answer(
    slot: number,
    request: NamedRequest,
    filters: readonly FilterEntry[] = [],
    refused: RefusedDevice[] = [],
  ): void {
    const { subscriptions } = this.#deps;
    const page = subscriptions.begin();
    for (const device of new Set(request.devices)) {
      const why =
        request.op === 'subscribe'
          ? this.#subscribe(page, slot, device, request.types)
          : this.#change(page, slot, device, request);
      if (why !== undefined) refused.push({ device, why });
    }
    subscriptions.link(request.session).answer(request, page.entries.take(), refused, false, filters);
    subscriptions.end(page);
  }

  /** @returns why it is refused */
  #subscribe(page: Page, slot: number, name: string, types: number): Refusal | undefined {
    const { registry, subscriptions, scopes, access, rowsMax } = this.#deps;
    if (!scopes.covers(slot, name)) return Refusal.notCovered;
    const known = registry.deviceOf(name);
    const found = known < 0 ? -1 : registry.findRow(known, slot);
    const state = found < 0 ? RowState.none : registry.rowState(found);
    if (!maySubscribe(state, access.decide(name, registry.subscriberId(slot)))) return Refusal.notAllowed;
    if (found < 0 && registry.rowCount(slot) >= rowsMax) return Refusal.tooMany;
    if (known < 0 && registry.unusedCount >= registry.devices.capacity / 2) return Refusal.unusedFull;
    const filtered = registry.filters.typesOf(slot, name, types);
    const row = found >= 0 ? found : this.#makeRow(known, name, slot, types, filtered);
    if (row < 0) return Refusal.full;
    if (found >= 0) subscriptions.setTypes(row, types, filtered);
    // Stryker disable next-line BooleanLiteral: a grant counts for no subscribe
    const after = nextRowState(state, 'subscribe', false);
    const device = registry.subscriptions.rows.device[row]!;
    subscriptions.describe(page, device, after);
    page.change(row, after);
    return undefined;
  }

  /**
   * Creates the pair's row, active from the start, so that no one sees an intermediate state. @returns -1 if the table
   * is full
   */
  #makeRow(known: number, name: string, slot: number, types: number, filtered: number): number {
    const { registry, devices } = this.#deps;
    const device = known >= 0 ? known : registry.ensureDeviceOf(name);
    if (device < 0) return -1;
    const row = registry.createRow(device, slot, RowState.active, {
      types: types | filtered,
      ownTypes: types,
    });
    devices.unwatched(device); // followed now, or still unfollowed when there was no room
    return row;
  }

  /** Unsubscribe, pause, resume. @returns why it is refused */
  #change(page: Page, slot: number, name: string, { op }: Request): Refusal | undefined {
    const { registry, devices, subscriptions } = this.#deps;
    const device = registry.deviceOf(name);
    const row = device < 0 ? -1 : registry.findRow(device, slot);
    const state = row < 0 ? RowState.none : registry.rowState(row);
    if (!isSubscribed(state)) return state === RowState.deny ? Refusal.denied : Refusal.notSubscribed;
    if (op === 'unsubscribe' && registry.isFiltered(row)) return Refusal.notSubscribed;
    if (op === 'resume' && !subscriptions.mayDeliver(row)) return Refusal.notCovered;
    const filtered = op === 'unsubscribe' ? registry.filters.typesOf(slot, name) : 0;
    if (filtered !== 0 && registry.devices.rows.known[device] === 1) {
      // A filter goes on following.
      subscriptions.describe(page, device, state as RowState);
      subscriptions.setTypes(row, 0, filtered);
      devices.unwatched(device); // a filter does not keep it in the table
      const resting = subscriptions.restingState(row);
      if (resting !== undefined) page.change(row, resting);
      return undefined;
    }
    const after = nextRowState(state, op as Input, subscriptions.outlives(row));
    subscriptions.describe(page, device, after);
    page.change(row, after);
    return undefined;
  }
}
