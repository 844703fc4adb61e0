/**
 * Kept events of devices with another home, for subscribers who ask for the past: what the home keeps is fetched, page by
 * page from the newest, and put into this hub's own log in front of what came since. Owner thread only.
 */
import { toMonotonicMs } from '../../clock.ts';
import { Step } from '../../history/replay.ts';
import type { RecordViews } from '../../memory/ring.ts';
import { Numbering } from '../../presence/columns.ts';
import { DeviceState } from '../../presence/lifecycle.ts';
import { toLink } from '../../records/cluster.ts';
import { copyEvent, EventField, eventBytes, privateViews, seqOf } from '../../records/event.ts';
import { epochName } from '../../wire/events.ts';
import type { ClusterContext } from './context.ts';

export interface BackfillsDeps extends ClusterContext {
  /** All that the home keeps is here, or it could not be had. */
  readonly filled: (slot: number) => void;
}

interface Fill {
  readonly slot: number;
  readonly generation: number;
  readonly epoch: number;
  /** The device's last event when it was asked. */
  readonly seq: number;
  /** What came of earlier pages, oldest first; and of the page under way. */
  events: RecordViews[];
  page: RecordViews[];
}

export class Backfills {
  readonly #deps: BackfillsDeps;
  /** By request. */
  readonly #fills = new Map<number, Fill>();
  /** The request under way of a device. */
  readonly #requests = new Map<number, number>();
  /** Devices of which all that their home keeps is here. */
  readonly #complete = new Set<number>();
  #last = 0;

  constructor(deps: BackfillsDeps) {
    this.#deps = deps;
  }

  isComplete(slot: number): boolean {
    return this.#complete.has(slot) || !this.#deps.history.isOn;
  }

  /** Events are missing from here on, or its numbering is another. */
  incomplete(slot: number): void {
    this.#complete.delete(slot);
  }

  begin(slot: number): void {
    if (this.#requests.has(slot)) return;
    const { rows } = this.#deps.registry.devices;
    const [generation, epoch, seq] = [rows.generation[slot]!, rows.epoch[slot]!, rows.seq[slot]!];
    this.#ask({ slot, generation, epoch, seq, events: [], page: [] }, seq + 1);
  }

  past(request: number, event: Uint8Array): void {
    const fill = this.#fills.get(request);
    if (fill === undefined) return;
    const views = privateViews(event.length);
    views.u8.set(event);
    fill.page.push(views);
  }

  pastEnd(request: number, found: boolean, more: boolean): void {
    const fill = this.#fills.get(request);
    if (fill === undefined) return;
    this.#fills.delete(request);
    this.#requests.delete(fill.slot);
    fill.events = [...fill.page, ...fill.events];
    fill.page = [];
    const left = this.#deps.settings.historyEvents - fill.events.length;
    const oldest = fill.events[0];
    if (found && more && left > 0 && oldest !== undefined) {
      this.#ask(fill, seqOf(oldest));
      return;
    }
    if (found && this.#isSame(fill)) this.#fill(fill);
    this.#deps.filled(fill.slot);
  }

  /** The row is about to be freed, or its home is here now. */
  forget(slot: number): void {
    this.#complete.delete(slot);
    const request = this.#requests.get(slot);
    this.#requests.delete(slot);
    if (request !== undefined) this.#fills.delete(request);
  }

  /** The link has started anew: what was asked is not answered. */
  reset(): void {
    this.#fills.clear();
    this.#requests.clear();
    this.#complete.clear();
  }

  #ask(fill: Fill, before: number): void {
    const { registry, link, settings } = this.#deps;
    const request = ++this.#last;
    this.#fills.set(request, fill);
    this.#requests.set(fill.slot, request);
    const max = settings.historyEvents - fill.events.length;
    const id = registry.deviceId(fill.slot);
    link.tell(toLink.askPast, { request, id, epoch: epochName(fill.epoch), before, max });
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

  #fill({ slot, generation, seq, events }: Fill): void {
    const { registry, history, clock } = this.#deps;
    const last = registry.devices.rows.seq[slot]!;
    const later = this.#since(slot, generation, seq, last);
    const all = [...events.filter((views) => seqOf(views) <= seq), ...later];
    if (all.length === 0) {
      history.restart(slot, last);
      this.#complete.add(slot);
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
    this.#complete.add(slot);
  }

  /** What came here after the home was asked. */
  #since(slot: number, generation: number, seq: number, last: number): RecordViews[] {
    const found: RecordViews[] = [];
    if (last <= seq) return found;
    const replay = this.#deps.reader.since({ slot, generation, seq: last }, seq);
    for (let step = replay.next(); step !== Step.End; step = replay.next()) {
      if (step !== Step.Event) continue;
      const bytes = eventBytes(replay.views, 0);
      const copy = privateViews(bytes);
      copyEvent(replay.views, 0, copy, 0, bytes);
      copy.f64[EventField.received >> 3] = replay.wholeAfter;
      found.push(copy);
    }
    return found;
  }
}

/** From which seq on nothing is missing before the event, as whoever kept it says (`cluster/records.ts`). */
function wholeAfter(views: RecordViews): number {
  return Math.min(views.f64[EventField.received >> 3]!, seqOf(views) - 1);
}
