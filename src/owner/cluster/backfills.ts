/**
 * Fetches kept events of devices with another home, for subscribers who ask for past events. They come page by page,
 * newest first, and go into this hub's own log before the events that came since. Only some devices are fetched at a
 * time, so that a large request fills neither this thread's memory nor the queues between the nodes. Owner thread only.
 */
import { toMonotonicMs } from '../../clock.ts';
import { Step } from '../../history/replay.ts';
import type { RecordViews } from '../../memory/ring.ts';
import { Numbering } from '../../presence/columns.ts';
import { DeviceState } from '../../presence/lifecycle.ts';
import { toLink } from '../../records/cluster.ts';
import { copyEvent, EventField, eventBytes, privateViews, seqOf } from '../../records/event.ts';
import { WaitList } from '../../wait-list.ts';
import { epochName } from '../../wire/events.ts';
import type { ClusterContext } from './context.ts';

export interface BackfillsDeps extends ClusterContext {
  /** All events that the home keeps are here, or could not be fetched. */
  readonly filled: (slot: number) => void;
}

interface Fill {
  readonly slot: number;
  readonly generation: number;
  readonly epoch: number;
  /** The device's last event when it was asked. */
  readonly seq: number;
  /** Events of the page under way are before this one; and when that was asked for, hub clock, ms. */
  before: number;
  askedAtMs: number;
  /** When the home last told something, or was asked, hub clock, ms. */
  heardAtMs: number;
  /** The newest first, and the last is under way; in each the oldest event first. */
  readonly pages: RecordViews[][];
  count: number;
  bytes: number;
  /** Events went missing on the way here since it began, and its home may keep them. */
  isHoled: boolean;
}

/** Devices that are fetched at once: each takes some milliseconds, so many fit into the second that a request waits. */
const FILLS_MAX = 64;
/** A device whose home takes longer no longer delays other devices. */
const SLOW_MS = 250;
/** A home that tells nothing for this long is not waited for. */
const SILENT_MS = 1000;
/** Bound on what is fetched for all of them: older events stay at the home. */
const FILL_BYTES_MAX = 64 * 1024 * 1024;

export class Backfills {
  readonly #deps: BackfillsDeps;
  /** By request. */
  readonly #fills = new Map<number, Fill>();
  /** The request under way of a device. */
  readonly #requests = new Map<number, number>();
  /** Devices whose turn is to come. */
  readonly #queue = new WaitList<number, number>();
  #bytes = 0;
  /** Devices whose kept events are all here. */
  readonly #complete = new Set<number>();
  #last = 0;

  constructor(deps: BackfillsDeps) {
    this.#deps = deps;
  }

  isComplete(slot: number): boolean {
    return this.#complete.has(slot) || !this.#deps.history.isOn;
  }

  /** Events have been lost, or the device's numbering has changed. */
  incomplete(slot: number): void {
    this.#complete.delete(slot);
    const fill = this.#fillOf(slot);
    if (fill !== undefined) fill.isHoled = true;
  }

  /** Whether more is to be expected soon: its turn is to come or has just come, or its home goes on telling. */
  isComing(slot: number): boolean {
    const fill = this.#fillOf(slot);
    if (fill === undefined) return this.#queue.has(slot);
    return this.#deps.clock.now() - fill.heardAtMs < (fill.count > 0 ? SILENT_MS : SLOW_MS);
  }

  #fillOf(slot: number): Fill | undefined {
    const request = this.#requests.get(slot);
    return request === undefined ? undefined : this.#fills.get(request);
  }

  begin(slot: number): void {
    if (this.#requests.has(slot)) return;
    this.#queue.set(slot, slot);
    this.#goOn();
  }

  /** The home tells of an event: of a page in order, and before those that came. What is not is no event of its log. */
  past(request: number, event: Uint8Array): void {
    const fill = this.#fills.get(request);
    if (fill === undefined) return;
    fill.heardAtMs = this.#deps.clock.now();
    const views = privateViews(event.length);
    views.u8.set(event);
    const page = fill.pages.at(-1)!;
    const newest = page.at(-1);
    const seq = seqOf(views);
    if (seq >= fill.before || (newest !== undefined && seq <= seqOf(newest))) return;
    page.push(views);
    fill.count += 1;
    fill.bytes += event.length;
    this.#bytes += event.length;
  }

  /** @param more older events are kept; if not `found`: the home did not answer, and is asked again once it is followed */
  pastEnd(request: number, found: boolean, more: boolean): void {
    const fill = this.#fills.get(request);
    if (fill === undefined) return;
    this.#fills.delete(request);
    if (!found && more) {
      this.#end(fill);
      this.#goOn();
      return;
    }
    const oldest = fill.pages.at(-1)![0];
    const isWhole =
      !found || !more || oldest === undefined || fill.count >= this.#deps.settings.historyEvents;
    if (!isWhole && this.#bytes < FILL_BYTES_MAX) {
      fill.before = seqOf(oldest);
      fill.pages.push([]);
      this.#ask(fill);
      return;
    }
    this.#end(fill);
    if (found && this.#isSame(fill)) this.#fill(fill, isWhole);
    this.#deps.filled(fill.slot);
    this.#goOn();
  }

  /** The row is about to be freed, or its home is here now. */
  forget(slot: number): void {
    this.#complete.delete(slot);
    this.#queue.delete(slot);
    const fill = this.#fillOf(slot);
    if (fill === undefined) return;
    this.#fills.delete(this.#requests.get(slot)!);
    this.#end(fill);
    this.#goOn();
  }

  /** The link has restarted: requests to it are not answered. */
  reset(): void {
    this.#fills.clear();
    this.#requests.clear();
    this.#queue.clear();
    this.#complete.clear();
    this.#bytes = 0;
  }

  /** Once per poll: gives up on homes that take too long. */
  tick(): void {
    // Stryker disable next-line ConditionalExpression,EqualityOperator: a short cut, as nobody waits
    if (this.#queue.size > 0) this.#goOn();
  }

  /** How long until a device may have its turn, ms. */
  get untilNextMs(): number {
    return this.#queue.size > 0 ? SLOW_MS : Number.POSITIVE_INFINITY;
  }

  /** It is that device's turn. */
  #goOn(): void {
    for (let left = FILLS_MAX - this.#countQuick(); left > 0 && this.#queue.size > 0; left--) {
      const slot = this.#queue.take()!;
      const { rows } = this.#deps.registry.devices;
      const [generation, epoch, seq] = [rows.generation[slot]!, rows.epoch[slot]!, rows.seq[slot]!];
      const begun = { before: seq + 1, pages: [[]], count: 0, bytes: 0, isHoled: false };
      this.#ask({ slot, generation, epoch, seq, askedAtMs: 0, heardAtMs: 0, ...begun });
    }
  }

  #countQuick(): number {
    const fromMs = this.#deps.clock.now() - SLOW_MS;
    let count = 0;
    for (const { askedAtMs } of this.#fills.values()) if (askedAtMs > fromMs) count += 1;
    return count;
  }

  #ask(fill: Fill): void {
    const { registry, link, settings, clock } = this.#deps;
    fill.askedAtMs = clock.now();
    fill.heardAtMs = fill.askedAtMs;
    const request = ++this.#last;
    this.#fills.set(request, fill);
    this.#requests.set(fill.slot, request);
    const { before } = fill;
    const max = settings.historyEvents - fill.count;
    const id = registry.deviceId(fill.slot);
    link.tell(toLink.askPast, { request, id, epoch: epochName(fill.epoch), before, max });
  }

  #end({ slot, bytes }: Fill): void {
    this.#requests.delete(slot);
    this.#bytes -= bytes;
  }

  #isSame({ slot, generation, epoch, seq }: Fill): boolean {
    const { rows } = this.#deps.registry.devices;
    const isThere = rows.deviceState[slot] !== DeviceState.free && rows.generation[slot] === generation;
    return (
      isThere &&
      rows.home[slot] === Numbering.elsewhere &&
      rows.epoch[slot] === epoch &&
      rows.seq[slot]! >= seq
    );
  }

  /** @param isWhole all that the home keeps has come */
  #fill({ slot, generation, seq, pages, isHoled }: Fill, isWhole: boolean): void {
    const { registry, history, clock } = this.#deps;
    const last = registry.devices.rows.seq[slot]!;
    const { found, missingTo } = this.#since(slot, generation, seq, last);
    const all = [...pages.reverse().flat(), ...found];
    if (isWhole && !isHoled) this.#complete.add(slot);
    if (all.length === 0) {
      history.restart(slot, last);
      return;
    }
    let before = wholeAfter(all[0]!);
    history.restart(slot, before);
    for (const views of all) {
      const own = seqOf(views);
      if (wholeAfter(views) > before) history.skip(slot, wholeAfter(views));
      views.f64[EventField.received >> 3] = toMonotonicMs(clock, views.f64[EventField.at >> 3]!);
      history.append(slot, own, views, 0, eventBytes(views, 0));
      before = own;
    }
    if (missingTo > before) history.skip(slot, missingTo);
  }

  /** What came here after the home was asked. @returns the last event that is known to be missing, 0 none, too */
  #since(
    slot: number,
    generation: number,
    seq: number,
    last: number,
  ): { readonly found: RecordViews[]; readonly missingTo: number } {
    const found: RecordViews[] = [];
    let missingTo = 0;
    if (last <= seq) return { found, missingTo };
    const replay = this.#deps.reader.since({ slot, generation, seq: last }, seq);
    for (let step = replay.next(); step !== Step.End; step = replay.next()) {
      if (step === Step.Gap) missingTo = replay.to;
      if (step !== Step.Event) continue;
      const bytes = eventBytes(replay.views, 0);
      const copy = privateViews(bytes);
      copyEvent(replay.views, 0, copy, 0, bytes);
      copy.f64[EventField.received >> 3] = replay.wholeAfter;
      found.push(copy);
    }
    return { found, missingTo };
  }
}

/**
 * The seq from which nothing is missing before the event, according to the node that kept it (`cluster/records.ts`).
 */
function wholeAfter(views: RecordViews): number {
  return Math.min(views.f64[EventField.received >> 3]!, seqOf(views) - 1);
}
