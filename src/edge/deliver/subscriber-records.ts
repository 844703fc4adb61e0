/** Processes the owner's records for single subscribers: answers, notices and pages, and which devices they get. */
import type { RecordViews } from '../../memory/ring.ts';
import {
  bareEntry,
  type Entry,
  FromOwnerRecord,
  type Notice,
  Refusal,
  type RefusedDevice,
  readAnswer,
  readAttach,
  readDeferred,
  readDetach,
  readEntries,
  readFilterPage,
  readFilters,
  readNotice,
  readRefusals,
  readVip,
} from '../../records/replies.ts';
import type { Told } from '../../wire/codec.ts';
import type { Charges } from '../charges.ts';
import type { Deliverer } from './deliverer.ts';
import { wantsPast } from './past.ts';
import type { PastSearches } from './past-searches.ts';
import type { RequestFlow } from './request-flow.ts';
import type { Answered, PastToBring } from './request-queue.ts';
import type { SubscriberSession } from './subscriber-session.ts';

export interface SubscriberRecordsDeps {
  readonly deliverer: Deliverer;
  readonly requests: RequestFlow;
  readonly searches: Pick<PastSearches, 'chargeUnused' | 'take'>;
  readonly charges: Pick<Charges, 'rows'>;
}

export class SubscriberRecords {
  readonly #deps: SubscriberRecordsDeps;
  #isResyncing = false;
  /** While a new owner takes over: sessions that the previous one had promised a page. */
  readonly #owed = new Map<SubscriberSession, Notice>();

  constructor(deps: SubscriberRecordsDeps) {
    this.#deps = deps;
  }

  /** A record for one subscriber. @throws when it is of a kind that no edge knows */
  obey(kind: number, views: RecordViews, offset: number): void {
    const { deliverer } = this.#deps;
    switch (kind) {
      case FromOwnerRecord.Attach: {
        const attach = readAttach(views, offset);
        deliverer.finishOf(attach.device);
        this.#with(attach.session, (subscriber) => this.#attach(subscriber, attach));
        break;
      }
      case FromOwnerRecord.Detach: {
        const { session, device } = readDetach(views, offset);
        this.#with(session, (subscriber) => deliverer.detachDevice(subscriber, device));
        break;
      }
      case FromOwnerRecord.Vip: {
        const { session, vip } = readVip(views, offset);
        this.#with(session, (subscriber) => deliverer.setVip(subscriber, vip));
        break;
      }
      case FromOwnerRecord.Answer: {
        const answer = readAnswer(views, offset);
        this.#with(answer.session, (subscriber) => this.#answer(subscriber, answer));
        break;
      }
      case FromOwnerRecord.Deferred: {
        const { session, request } = readDeferred(views, offset);
        this.#with(session, (subscriber) => this.#deps.requests.deferred(subscriber, request));
        break;
      }
      case FromOwnerRecord.Notice: {
        const notice = readNotice(views, offset);
        this.#with(notice.session, (subscriber) => this.#notice(subscriber, notice));
        break;
      }
      case FromOwnerRecord.FilterPage: {
        const page = readFilterPage(views, offset);
        this.#with(page.session, (subscriber) => this.#filterPage(subscriber, page));
        break;
      }
      default:
        throw new Error(`record of kind ${kind} from the owner`);
    }
  }

  /** A page was sent: charges for it, and allows the next one to be requested. */
  sent(session: SubscriberSession, rows: number): void {
    const { charges, deliverer, requests } = this.#deps;
    charges.rows(session, rows);
    deliverer.sendQueues.check(session);
    requests.advance(session);
  }

  /** Another owner takes over: unanswered requests are sent again. */
  resync(): void {
    const { deliverer, requests } = this.#deps;
    this.#isResyncing = true;
    for (const session of deliverer.sessions.values()) {
      if (session.closing) continue;
      const owed = requests.owedTo(session);
      if (owed !== undefined) this.#owed.set(session, owed);
      requests.askAgain(session, () => deliverer.followedBy(session));
    }
  }

  /** The new owner has finished: anything else is unknown to it, and every row is in the state that its peer knows. */
  resynced(): void {
    this.#isResyncing = false;
    for (const [session, notice] of this.#owed) session.send(session.codec.notice(notice, [], [], false));
    this.#owed.clear();
  }

  #with(number: number, act: (session: SubscriberSession) => void): void {
    const session = this.#deps.deliverer.sessions.get(number);
    if (session !== undefined && !session.closing) act(session);
  }

  /**
   * A dead owner may have carried out a request without answering it. The answer to the repeated request brings the
   * events after the position, and attaches the device once more.
   */
  #attach(session: SubscriberSession, attach: ReturnType<typeof readAttach>): void {
    const { deliverer, requests } = this.#deps;
    const { device, id } = attach;
    deliverer.removals.tellFirst(session, [{ device: id }]);
    const isNew = this.#isResyncing && !deliverer.isFollowing(session, device);
    if (!isNew || !requests.willBring(session, id)) deliverer.attachDevice(session, attach);
  }

  #answer(session: SubscriberSession, answer: ReturnType<typeof readAnswer>): void {
    const { requests, deliverer } = this.#deps;
    const { request, more, entries, refusals, filters } = answer;
    const asked = requests.answered(session, request, more);
    if (asked === undefined) return;
    const all = readEntries(entries);
    const page = asked.pages?.firstTime(all) ?? all;
    deliverer.removals.tellFirst(session, page);
    const { rows, twice } = this.#withPast(session, page, asked);
    const { refusedNow, gone } = withoutGone(readRefusals(refusals), asked);
    // Refused devices have no entry.
    const told = rows.filter((row) => !twice.includes(row)).concat(gone);
    const malformed = asked.named?.malformed ?? [];
    const refused = [
      ...refusedNow,
      ...malformed.map((device) => ({ device, why: Refusal.malformed })),
      ...refusedTwice(twice),
    ];
    const named = readFilters(filters);
    const namedNow = asked.pages?.filters(named) ?? named;
    // If another owner answers from the start, a page may contain nothing new.
    if (!more || told.length + namedNow.length > 0)
      session.send(session.codec.answer(asked, told, refused, namedNow, more));
    this.#deps.searches.chargeUnused(session, asked);
    requests.keepPast(session, asked, named);
    deliverer.replays.run(session);
    // Devices that a request names have been paid for with it.
    this.sent(session, asked.isNamed ? 0 : rows.length);
  }

  #filterPage(session: SubscriberSession, answer: ReturnType<typeof readFilterPage>): void {
    const { requests, deliverer } = this.#deps;
    const { filter, page, more, waits, entries } = answer;
    const past = requests.pastOf(session, filter, page, more);
    const named = readEntries(entries);
    const isUnasked = page === 0;
    deliverer.removals.tellFirst(session, named);
    for (const { deviceSlot } of named) deliverer.finishOf(deviceSlot);
    const { rows, twice } = this.#withPast(session, named, past);
    const frame = session.codec.filterPage(filter, rows, more, refusedTwice(twice));
    if (isUnasked) deliverer.sendSoon(session, frame);
    else session.send(frame);
    deliverer.replays.run(session);
    requests.filterPage(session, page, more, waits);
    this.sent(session, rows.length);
  }

  #notice(session: SubscriberSession, told: ReturnType<typeof readNotice>): void {
    const { more, entries, filters } = told;
    const notice = told.notice as Notice;
    const rows = readEntries(entries);
    const { removals } = this.#deps.deliverer;
    if (rows.length > 0 && removals.takes(session, notice)) {
      removals.tell(session, notice, rows);
      return;
    }
    removals.tellFirst(session, rows);
    session.send(session.codec.notice(notice, rows, readFilters(filters), more));
    if (this.#owed.get(session) === notice) this.#owed.delete(session);
    this.#deps.requests.noticed(session, notice, more);
    this.sent(session, rows.length);
  }

  /**
   * Finds the past events of the entries' devices, before the answer says whether all of them are there.
   * @returns the entries; for `twice`, which are among them, the session already had the events after a position
   */
  #withPast(
    session: SubscriberSession,
    entries: readonly Entry[],
    asked: PastToBring | undefined,
  ): { rows: readonly Told[]; twice: readonly Told[] } {
    if (asked === undefined || !wantsPast(asked.past)) return { rows: entries, twice: [] };
    const twice: Told[] = [];
    const rows = entries.map((entry) => {
      const { device, deviceSlot } = entry;
      if (asked.brought?.has(deviceSlot)) return entry;
      const isFollowed = this.#deps.deliverer.isFollowing(session, deviceSlot);
      if (!isFollowed || !asked.past.since.has(device)) return this.#begin(session, entry, asked, isFollowed);
      twice.push(entry);
      return entry;
    });
    return { rows, twice };
  }

  /** The device's past comes before its next events. */
  #begin(session: SubscriberSession, entry: Entry, asked: PastToBring, isFollowed: boolean): Told {
    const { deliverer, searches } = this.#deps;
    const { past, types, brought } = asked;
    const { deviceSlot } = entry;
    const isWanted = past.last || past.history > 0;
    if (isFollowed && !(isWanted && deliverer.holdBack(session, deviceSlot))) return entry;
    brought?.add(deviceSlot);
    const walked = searches.take(asked, entry.device);
    return { ...entry, recovered: deliverer.replays.begin(session, entry, past, types, walked) };
  }
}

function refusedTwice(twice: readonly Told[]): readonly RefusedDevice[] {
  return twice.map(({ device }) => ({ device, why: Refusal.alreadyActive }));
}

/** A dead owner had ended subscriptions without saying so: the next one does not know them, and refuses. */
function withoutGone(
  refused: readonly RefusedDevice[],
  { left }: Pick<Answered, 'left'>,
): { refusedNow: readonly RefusedDevice[]; gone: readonly Entry[] } {
  if (left === undefined) return { refusedNow: refused, gone: [] };
  const isGone = ({ device, why }: RefusedDevice): boolean =>
    why === Refusal.notSubscribed && left.has(device);
  const gone = refused.filter(isGone).map(({ device }) => bareEntry(device));
  return { refusedNow: refused.filter((one) => !isGone(one)), gone };
}
