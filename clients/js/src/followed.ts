/** What a subscriber follows, its position in each device's events, and what it knows about each device. Pure. */
import { type FollowOptions, isFilter, matches } from './checks.ts';
import type { DeviceEvent, Since, Snapshot } from './frames.ts';
import { Position, type SeqRange } from './position.ts';
import { States } from './states.ts';

/** An id or filter that the application follows. */
export interface Follow {
  readonly options: FollowOptions;
  isPaused: boolean;
  /** Whether the hub has confirmed it before. */
  isKnown: boolean;
}

export class Followed<Data> {
  readonly states = new States<Data>();
  /** true: holes in the numbers do not mean that events are missing. */
  isSparse = false;
  /** true: the page is hidden, so nothing should be delivered. */
  isHidden = false;
  readonly #follows = new Map<string, Follow>();
  /** Those of the names that are filters. */
  readonly #filters = new Set<string>();
  /** By device: those followed by id, and those that a filter found. */
  readonly #positions = new Map<string, Position>();
  /** Devices that the hub has not named since the last reconnect. */
  #unnamed = new Set<string>();

  /** Ids first: a filter must not use up the position that an id needs. */
  names(): string[] {
    return [...[...this.#follows.keys()].filter((name) => !isFilter(name)), ...this.#filters];
  }

  get(name: string): Follow | undefined {
    return this.#follows.get(name);
  }

  /** Follows an id or filter from now on, not paused. */
  set(name: string, options: FollowOptions): void {
    const isKnown = this.get(name)?.isKnown ?? false;
    this.#follows.set(name, { options, isPaused: false, isKnown });
    this.isSparse ||= options.types !== undefined;
    if (isFilter(name)) this.#filters.add(name);
    else this.#positionOf(name);
  }

  /** Stops following this name. Call `prune` when filters were among the names. */
  delete(name: string): void {
    this.#follows.delete(name);
    this.#filters.delete(name);
    if (this.#namesOf(name).length === 0) this.forget(name);
  }

  /** Forgets the devices that nothing follows any more. */
  prune(): void {
    for (const device of this.#positions.keys()) {
      if (this.#namesOf(device).length === 0) this.forget(device);
    }
  }

  /** The device is gone, whatever follows it. */
  forget(device: string): void {
    this.#positions.delete(device);
    this.states.delete(device);
  }

  /** Whether the application wants events from this id or filter now. */
  isWanted(name: string): boolean {
    return !this.isHidden && this.get(name)?.isPaused === false;
  }

  /** Expects no events from this device, or from those of this filter, until the hub answers for them again. */
  expectNothing(name: string): void {
    this.#positions.get(name)?.forget();
    for (const [device, position] of isFilter(name) ? this.#positions : []) {
      if (matches(name, device) && !this.#follows.has(device)) position.forget();
    }
  }

  /** Expects no events from devices whose names are all unwanted now. */
  expectOnlyWanted(): void {
    for (const [device, position] of this.#positions) {
      if (!this.#namesOf(device).some((name) => this.isWanted(name))) position.forget();
    }
  }

  /** The application asks for these names again: it wants replays even of events that it has seen. */
  askedAnew(names: readonly string[]): void {
    const filters = names.filter((name) => this.#filters.has(name));
    for (const [device, position] of filters.length > 0 ? this.#positions : []) {
      if (filters.some((filter) => matches(filter, device))) position.askedAnew();
    }
    for (const name of names) this.#positions.get(name)?.askedAnew();
  }

  /** There is a new connection. @returns where to go on from, for each device whose events are wanted */
  reconnected(): Map<string, Since> {
    this.expectOnlyWanted();
    const since = new Map<string, Since>();
    for (const [device, position] of this.#positions) {
      position.reconnected();
      if (position.since !== undefined) since.set(device, position.since);
      // On the connection before, no filter found it either.
      if (!this.#follows.has(device) && !this.states.map.has(device)) this.#positions.delete(device);
    }
    this.#unnamed = new Set(this.#positions.keys());
    return since;
  }

  /**
   * All devices of this filter were named. The hub may learn of the others again, so their positions stay for a while.
   */
  allNamed(filter: string): void {
    for (const device of this.#unnamed) {
      if (this.#follows.has(device) || !matches(filter, device)) continue;
      this.#unnamed.delete(device);
      this.states.delete(device);
    }
  }

  /** @returns missed events for which the hub will send no gap; undefined: nothing follows this device */
  snapshot(snapshot: Snapshot): readonly SeqRange[] | undefined {
    const { device, status } = snapshot;
    if (this.#namesOf(device).length === 0) return undefined;
    const position = this.#positionOf(device);
    const missed = position.snapshot(snapshot);
    if (status === 'inactive') position.forget();
    this.states.snapshot(snapshot);
    this.#unnamed.delete(device);
    return missed;
  }

  /** @returns false: a replay of an event that was delivered before */
  event(event: DeviceEvent<Data>): boolean {
    const { device, seq, replay, source } = event;
    const position = this.#positions.get(device);
    if (!replay) position?.live(seq, this.isSparse);
    else if (position?.replayed(seq) === false) return false;
    this.states.event(event, source === 'device' && position?.noteNewest(event) === true);
    return true;
  }

  /** The hub says that it will not send these. @returns those of them that were not seen */
  gap(device: string, range: SeqRange): readonly SeqRange[] {
    return this.#positions.get(device)?.gap(range) ?? [range];
  }

  #positionOf(device: string): Position {
    const position = this.#positions.get(device) ?? new Position();
    this.#positions.set(device, position);
    return position;
  }

  /** The names by which the device is followed. */
  #namesOf(device: string): readonly string[] {
    const filters = [...this.#filters].filter((filter) => matches(filter, device));
    return this.#follows.has(device) ? [device, ...filters] : filters;
  }
}
