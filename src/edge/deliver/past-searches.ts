/**
 * Looks up the past events that a subscribe asks for before the request goes to the owner, because the answer says
 * whether all of them are there, and a thousand devices may have a hundred events each. It works in slices, so that
 * nobody else on the thread waits. After the answer, only newer events are looked up.
 *
 * A request waits while much of what was found for its session before is not sent yet, or while much was found for
 * requests of all sessions that the owner has not answered yet, which no peer can delay.
 */
import type { Clock } from '../../clock.ts';
import { foundCount, type HistoryReader, type Walked } from '../../history/reader.ts';
import { KEPT_EVENTS_FOUND_MAX, KEPT_EVENTS_UNSENT_MAX } from '../../limits.ts';
import type { PresenceReader } from '../../presence/reader.ts';
import type { Charges } from '../charges.ts';
import { wantedOf, wantsHistory, wantsPast } from './past.ts';
import type { Pending } from './request-queue.ts';
import { FREE, Slice, Slices } from './slices.ts';
import type { SubscriberSession } from './subscriber-session.ts';

export interface PastSearchesDeps {
  readonly clock: Clock;
  readonly reader: HistoryReader;
  readonly presence: Pick<PresenceReader, 'findDevice' | 'devices'>;
  readonly charges: Pick<Charges, 'rows'>;
  /** Events that were found for the session before and are not sent yet. */
  readonly unsentTo: (session: SubscriberSession) => number;
  /** The session's request may go to the owner. */
  readonly over: (session: SubscriberSession) => void;
}

/** The search for the session's next request. */
interface Search {
  readonly pending: Pending;
  /** Devices that were looked up. */
  at: number;
  readonly found: Map<string, Walked>;
}

export class PastSearches {
  readonly #deps: PastSearchesDeps;
  readonly #bySession = new Map<SubscriberSession, Search>();
  readonly #slices: Slices;
  /** Its search is in its first slice. */
  #starting: SubscriberSession | undefined;
  /** Events found for requests that are not answered yet. */
  #events = 0;

  constructor(deps: PastSearchesDeps) {
    this.#deps = deps;
    const { clock } = deps;
    const limits = { clock, queueBytes: Number.POSITIVE_INFINITY, charges: FREE };
    this.#slices = new Slices(limits, (session) => this.#slice(session));
  }

  /** Whether the session's next request may go to the owner now; if not, `over` is called when it may. */
  isOver(session: SubscriberSession, pending: Pending): boolean {
    if (pending.found !== undefined || !isSearched(pending)) return true;
    if (this.#bySession.has(session)) return false;
    this.#bySession.set(session, { pending, at: 0, found: new Map() });
    this.#starting = session;
    this.#slices.run(session);
    this.#starting = undefined;
    return pending.found !== undefined;
  }

  /** @returns what was found of the device for the request, which takes it */
  take({ found }: Pick<Pending, 'found'>, device: string): Walked | undefined {
    const walked = found?.get(device);
    if (walked === undefined) return undefined;
    found!.delete(device);
    this.#events -= foundCount(walked.events);
    return walked;
  }

  /** The session has ended; drops its search. */
  forget(session: SubscriberSession): void {
    const { inFlight, waiting } = session.requests!;
    for (const pending of [...inFlight, ...waiting]) this.chargeUnused(session, pending);
    this.chargeUnused(session, this.#bySession.get(session));
    this.#bySession.delete(session);
    this.#slices.forget(session);
  }

  /**
   * Charges a search in vain, such as for devices that are refused, as if the events had been sent. Otherwise a peer
   * could keep this thread searching for nothing.
   */
  chargeUnused(session: SubscriberSession, search: Pick<Pending, 'found'> | undefined): void {
    for (const walked of search?.found?.values() ?? []) {
      const events = foundCount(walked.events);
      this.#deps.charges.rows(session, events);
      this.#events -= events;
    }
    search?.found?.clear();
  }

  #slice(session: SubscriberSession): Slice {
    const search = this.#bySession.get(session);
    if (search === undefined) return Slice.through;
    const { pending, found } = search;
    const { devices } = pending.named!;
    if (search.at === 0 && this.#mustWait(session)) return Slice.blocked;
    while (wantsHistory(pending.past) && search.at < devices.length) {
      const end = this.#slices.look(session, 0);
      if (end !== Slice.through) return end;
      this.#find(pending, devices[search.at++]!, found);
    }
    this.#bySession.delete(session);
    pending.found = found;
    if (session !== this.#starting) this.#deps.over(session);
    return Slice.through;
  }

  #mustWait(session: SubscriberSession): boolean {
    return this.#events > KEPT_EVENTS_FOUND_MAX || this.#deps.unsentTo(session) > KEPT_EVENTS_UNSENT_MAX;
  }

  #find({ past, types }: Pending, id: string, found: Map<string, Walked>): void {
    const { presence, reader } = this.#deps;
    const slot = presence.findDevice(id);
    if (slot < 0) return;
    const { rows } = presence.devices;
    const device = { slot, generation: Atomics.load(rows.generation, slot) };
    const wanted = wantedOf(past, { device: id, epoch: rows.epoch[slot]!, seq: rows.seq[slot]! }, types);
    const walked = wanted && reader.walk(device, wanted);
    if (walked === undefined) return;
    found.set(id, walked);
    this.#events += foundCount(walked.events);
  }
}

/** Whether it names devices and asks for their past. The newest events of each are not looked up before the answer. */
function isSearched({ op, named, past }: Pending): boolean {
  return op === 'subscribe' && named !== undefined && named.devices.length > 0 && wantsPast(past);
}
