import { beforeEach, describe, expect, it } from 'vitest';
import { Listings, type ListingsDeps } from '../../../src/owner/cluster/listings.ts';
import { Registry } from '../../../src/owner/registry.ts';
import { Numbering } from '../../../src/presence/columns.ts';
import { RowState } from '../../../src/presence/lifecycle.ts';
import { createPresence, type PresenceCapacity } from '../../../src/presence/memory.ts';
import { toLink } from '../../../src/records/cluster.ts';
import { ALL_TYPES } from '../../../src/wire/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const LOOKUP_MS = 2000;
const REMEMBERED_MAX = 100_000;

const listingsOf = (deps: Readonly<Record<keyof ListingsDeps, unknown>>): Listings =>
  new Listings(deps as unknown as ListingsDeps);

/** Listings on a table of their own: what they tell the link, the levels and the waits, as lines. */
class Bench {
  readonly registry: Registry;
  readonly clock = new FakeClock();
  readonly listings: Listings;
  readonly deps: Readonly<Record<keyof ListingsDeps, unknown>>;
  /** Whether devices are on their way to anybody. */
  isBusy = false;
  readonly #lines: string[] = [];

  constructor(capacity: Partial<PresenceCapacity> = {}) {
    const sizes = { devices: 10, subscribers: 10, subscriptions: 10, ...capacity };
    const registry = new Registry(createPresence(sizes), 1);
    this.registry = registry;
    registry.deviceMade = (slot) => this.setHome(slot, Numbering.elsewhere);
    registry.deviceFreed = (slot) => this.listings.freed(slot);
    const note = (what: string, slot: number): unknown =>
      this.#lines.push(`${what} ${registry.deviceId(slot)}`);
    this.deps = {
      registry,
      clock: this.clock,
      link: {
        tell: (layout: unknown, { prefix }: { prefix: string }) =>
          this.#lines.push(`${layout === toLink.filter ? 'filter' : 'unfilter'} ${prefix}`),
      },
      levels: {
        beginLookup: (slot: number) => note('begin', slot),
        endLookup: (slot: number) => {
          note('end', slot);
          if (!registry.hasRows(slot)) registry.freeDevice(slot);
        },
      },
      filters: { isBusy: () => this.isBusy },
      subscriptions: {}, // nobody is connected
      found: (prefix: string, slot: number) => note(`found ${prefix}`, slot),
      listed: (prefix: string) => this.#lines.push(`listed ${prefix}`),
    };
    this.listings = listingsOf(this.deps);
  }

  setHome(slot: number, home: number): void {
    Atomics.store(this.registry.devices.rows.home, slot, home);
  }

  slot(id: string): number {
    return this.registry.deviceOf(id);
  }

  filter(prefix: string): void {
    const subscriber = this.registry.ensureSubscriberOf('ann');
    this.registry.filters.create(subscriber, prefix, RowState.active, ALL_TYPES);
  }

  follow(id: string): void {
    const subscriber = this.registry.ensureSubscriberOf('ann');
    this.registry.createRow(this.slot(id), subscriber, RowState.active);
  }

  /** It was looked up, and nobody follows it. */
  pass(id: string): void {
    this.listings.appeared(id);
    this.listings.settled(this.slot(id));
  }

  /** What was told since the last call. */
  told(): string[] {
    return this.#lines.splice(0);
  }

  /** Ids that a filter that comes now is given. */
  remembered(prefix: string): string[] {
    return this.listings.open(prefix).passedOver.map((slot) => this.registry.deviceId(slot));
  }
}

describe('Lookups for filters', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
    bench.listings.open('dev-');
    bench.told();
  });

  it('last until it is settled what is to be known, and begin once', () => {
    const { listings } = bench;
    listings.appeared('dev-1');
    listings.appeared('dev-1');
    expect(bench.told()).toEqual(['begin dev-1']);
    expect(listings.isLookedUp(bench.slot('dev-1'))).toBe(true);
    const slot = bench.slot('dev-1');
    listings.settled(slot);
    listings.settled(slot);
    expect(bench.told()).toEqual(['end dev-1']);
    expect(listings.isLookedUp(slot)).toBe(false);
  });

  it('end only when what is on its way to subscribers has arrived', () => {
    const { listings } = bench;
    bench.isBusy = true;
    listings.appeared('dev-1');
    listings.settled(bench.slot('dev-1'));
    listings.appeared('dev-1');
    listings.flush();
    expect(bench.told()).toEqual(['begin dev-1']);
    expect(listings.isLookedUp(bench.slot('dev-1'))).toBe(false);
    bench.isBusy = false;
    listings.flush();
    expect(bench.told()).toEqual(['end dev-1']);
    listings.flush();
    expect(bench.told()).toEqual([]);
  });

  it('end when they were not settled in time, also while others are on their way', () => {
    const { listings } = bench;
    listings.appeared('dev-1');
    bench.clock.advance(LOOKUP_MS);
    listings.appeared('dev-2');
    listings.flush();
    expect(bench.told()).toEqual(['begin dev-1', 'begin dev-2', 'end dev-1']);
  });

  it.each([false, true])('are over with the row of the device; on its way: %s', (isBusy) => {
    const { listings, registry } = bench;
    bench.isBusy = isBusy;
    listings.appeared('dev-1');
    const slot = bench.slot('dev-1');
    if (isBusy) listings.settled(slot);
    registry.freeDevice(slot);
    bench.told();
    bench.isBusy = false;
    bench.clock.advance(LOOKUP_MS);
    listings.flush();
    expect(bench.told()).toEqual([]);
  });

  it.each([false, true])('are over when the link starts anew; on its way: %s', (isBusy) => {
    const { listings } = bench;
    bench.isBusy = isBusy;
    listings.appeared('dev-1');
    if (isBusy) listings.settled(bench.slot('dev-1'));
    listings.reset();
    bench.told();
    bench.isBusy = false;
    bench.clock.advance(LOOKUP_MS);
    listings.flush();
    expect(bench.told()).toEqual([]);
  });

  it('are of no device whose home is here', () => {
    bench.setHome(bench.registry.ensureDeviceOf('dev-1'), Numbering.here);
    bench.listings.appeared('dev-1');
    bench.listings.told('dev-', ['dev-1'], false);
    expect(bench.told()).toEqual([]);
  });

  it('are of no device for which there is no row', () => {
    const full = new Bench({ devices: 1 });
    full.listings.open('dev-');
    full.listings.appeared('dev-1');
    full.told();
    full.listings.appeared('dev-2');
    full.listings.told('dev-', ['dev-2'], false);
    expect(full.told()).toEqual([]);
  });

  it('name those that a node tells to whoever waits for the filter, and no others', () => {
    bench.listings.told('dev-', ['dev-1', 'dev-2'], false);
    bench.listings.appeared('dev-3');
    bench.listings.told('dev-', ['dev-1'], true);
    expect(bench.told()).toEqual([
      'found dev- dev-1',
      'begin dev-1',
      'found dev- dev-2',
      'begin dev-2',
      'begin dev-3',
      'found dev- dev-1',
      'listed dev-',
    ]);
  });
});

describe('Devices that nobody follows', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
    bench.listings.open('dev-');
  });

  it('are given to the next filter that matches them, once', () => {
    for (const id of ['dev-1', 'dev-2', 'q-1']) bench.pass(id);
    expect(bench.remembered('dev-')).toEqual(['dev-1', 'dev-2']);
    expect([bench.remembered('dev-'), bench.remembered('q')]).toEqual([[], ['q-1']]);
  });

  it('are not those that somebody follows, nor those whose home is here now', () => {
    const { listings } = bench;
    for (const id of ['dev-1', 'dev-2', 'dev-3']) listings.appeared(id);
    bench.follow('dev-1');
    bench.setHome(bench.slot('dev-2'), Numbering.here);
    for (const id of ['dev-1', 'dev-2', 'dev-3']) listings.settled(bench.slot(id));
    expect(bench.remembered('dev-')).toEqual(['dev-3']);
  });

  it('are not given where there is no room for them', () => {
    const full = new Bench({ devices: 1 });
    full.listings.open('dev-');
    full.pass('dev-1');
    full.pass('dev-2');
    expect(full.remembered('dev-')).toEqual(['dev-1']);
  });

  it('are looked up again when somebody may follow them: any, or the one that is named', () => {
    const { listings } = bench;
    for (const id of ['dev-1', 'dev-2', 'dev-3']) bench.pass(id);
    bench.told();
    listings.allowed(bench.registry.ensureDeviceOf('dev-2'));
    expect(bench.told()).toEqual(['begin dev-2']);
    listings.allowed(undefined);
    expect(bench.told()).toEqual(['begin dev-1', 'begin dev-3']);
    expect(bench.remembered('dev-')).toEqual([]);
  });

  it('are not looked up again without a filter', () => {
    const other = new Bench();
    other.listings.allowed(other.registry.ensureDeviceOf('dev-1'));
    expect(other.told()).toEqual([]);
  });

  it('are remembered up to a number that is held for good', () => {
    // A table of one row, whose device has another id each time.
    let id = '';
    const rows = { home: [Numbering.elsewhere] };
    const registry = {
      devices: { rows },
      ensureDeviceOf: () => 0,
      deviceId: () => id,
      hasRows: () => false,
    };
    const listings = listingsOf({ ...bench.deps, registry, levels: { beginLookup() {}, endLookup() {} } });
    for (let number = 0; number <= REMEMBERED_MAX; number++) {
      id = `dev-${number}`;
      listings.appeared(id);
      listings.settled(0);
    }
    expect(listings.open('dev-').passedOver).toHaveLength(REMEMBERED_MAX);
  });
});

describe('A listing', () => {
  it('is asked for when the link has started, also for filters that were there before', () => {
    const bench = new Bench();
    bench.filter('dev-');
    bench.listings.flush();
    expect(bench.told()).toEqual([]);
    bench.listings.reset();
    bench.listings.flush();
    bench.listings.flush();
    expect(bench.told()).toEqual(['filter dev-']);
  });

  it('of another filter begins when it is said that filters have come, and not before', () => {
    const bench = new Bench();
    bench.listings.review();
    bench.listings.flush();
    bench.filter('dev-');
    bench.listings.flush();
    expect(bench.told()).toEqual([]);
    bench.listings.review();
    bench.listings.flush();
    expect(bench.told()).toEqual(['filter dev-']);
  });

  it('stays while a request or a filter wants it', () => {
    const bench = new Bench();
    const { listings } = bench;
    const flushed = (): string[] => {
      listings.flush();
      return bench.told();
    };
    listings.open('dev-');
    listings.open('dev-');
    listings.review();
    expect(flushed()).toEqual(['filter dev-']);
    listings.close('dev-');
    expect(flushed()).toEqual([]);
    bench.filter('dev-');
    listings.close('dev-');
    expect(flushed()).toEqual([]);
    bench.registry.filters.remove(bench.registry.filters.ofSubscriber(0)[0]!);
    listings.review();
    expect(flushed()).toEqual(['unfilter dev-']);
  });
});
