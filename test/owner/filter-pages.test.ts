import { describe, expect, it } from 'vitest';
import { DEVICES_PER_PAGE, DEVICES_PER_SLICE } from '../../src/limits.ts';
import { SLICE_SLOTS } from '../../src/owner/filter-jobs.ts';
import { FilterPages } from '../../src/owner/filter-pages.ts';
import type { Input, RowStateName } from '../../src/presence/lifecycle.ts';
import { ALL_TYPES } from '../../src/wire/events.ts';
import { ENTRY_BYTES, RowsHarness, type RowsOptions } from './rows-harness.ts';

type Options = RowsOptions & { readonly filter?: string; readonly state?: RowStateName };

/** A connected subscriber with one filter, for which nothing was done yet. */
function setUp({ filter = 'dev-*', state = 'active', ...options }: Options = {}) {
  const hub = new RowsHarness(options);
  const session = hub.connect('s');
  const slot = hub.filter(filter, 's', state);
  const pages = new FilterPages(hub.deps);
  const subscriber = hub.subscriber('s');
  const about = { subscriber, session, slot, filter };
  const jobOf = (devices: number[], input: Input = 'subscribe', sliceMax?: number) =>
    pages.job({ ...about, input, devices, sliceMax });
  const gathering = (input: Input = 'reconnect') =>
    pages.job({ ...about, input, walk: hub.walks.start(subscriber) });
  return { hub, session, slot, subscriber, pages, jobOf, gathering };
}

const devices = (hub: RowsHarness, count: number): number[] =>
  Array.from({ length: count }, (_, n) => hub.device(`dev-${n + 1}`));

const page = { page: 'dev-*', devices: [], more: false, waits: false };

describe('a page of a filter', () => {
  it('comes empty where there is no device, and is the last', () => {
    const { hub, session, pages, jobOf } = setUp();
    expect(pages.run(jobOf([]))).toBe(true);
    expect(hub.told(session)).toEqual([page]);
  });

  it('is written before its devices are active', () => {
    const { hub, session, pages, jobOf } = setUp();
    pages.run(jobOf(devices(hub, 2)));
    expect(hub.told(session)).toEqual([
      { ...page, devices: ['dev-1 active', 'dev-2 active'] },
      { attach: 'dev-1', types: ALL_TYPES },
      { attach: 'dev-2', types: ALL_TYPES },
    ]);
  });

  it('brings so many devices in a slice, and waits for its reader when it is full', () => {
    const count = DEVICES_PER_PAGE + DEVICES_PER_SLICE + 30;
    const { hub, session, pages, jobOf } = setUp({
      rowsMax: 2000,
      capacity: { devices: count, subscriptions: count },
    });
    const job = jobOf(devices(hub, count));
    const sizes: number[] = [];
    const waits: boolean[] = [];
    for (let isLast = false; !isLast; ) {
      isLast = pages.run(job);
      const [frame] = hub.frames(session);
      if (frame === undefined || !('page' in frame)) throw new Error('no page came');
      expect(frame.more).toBe(!isLast);
      sizes.push(frame.devices.length);
      waits.push(frame.waits);
    }
    const unread = Math.ceil(DEVICES_PER_PAGE / DEVICES_PER_SLICE);
    const rest = count - (unread + 1) * DEVICES_PER_SLICE;
    expect(sizes).toEqual([...Array(unread + 1).fill(DEVICES_PER_SLICE), rest]);
    expect(waits.indexOf(true)).toBe(unread - 1);
    expect(waits.filter(Boolean)).toHaveLength(1);
  });

  it('brings fewer in a slice where the edge has much to do for each', () => {
    const { hub, session, pages, jobOf } = setUp();
    const job = jobOf(devices(hub, 7), 'subscribe', 3);
    while (!pages.run(job));
    expect(hub.frames(session).map((frame) => 'page' in frame && frame.devices.length)).toEqual([3, 3, 1]);
  });

  it('waits when so many bytes are unread, and counts anew once they were read', () => {
    const { hub, session, pages, jobOf } = setUp({ pageBytes: 2 * ENTRY_BYTES });
    const job = jobOf(devices(hub, 5));
    const runs = Array.from({ length: 3 }, () => [pages.run(job), job.waits].join());
    expect(runs).toEqual(['false,true', 'false,true', 'true,false']);
    expect(hub.frames(session)).toMatchObject([
      { devices: ['dev-1 active', 'dev-2 active'], waits: true },
      { devices: ['dev-3 active', 'dev-4 active'], waits: true },
      { devices: ['dev-5 active'], more: false, waits: false },
    ]);
  });

  it('does not wait before it is full: slices add up', () => {
    const count = DEVICES_PER_SLICE + 2;
    const { hub, pages, jobOf } = setUp({
      capacity: { devices: 3 * count, subscriptions: 3 * count },
      pageBytes: count * ENTRY_BYTES,
    });
    const job = jobOf(devices(hub, 3 * count));
    const waits: boolean[] = [];
    while (!pages.run(job)) waits.push(job.waits);
    expect(waits).toEqual([false, true, false]);
  });

  it('waits as soon as a thousand devices are unread', () => {
    const count = DEVICES_PER_PAGE + 1;
    const { hub, pages, jobOf } = setUp({
      rowsMax: count,
      capacity: { devices: count + 1, subscriptions: count },
    });
    const ids = devices(hub, count);
    const rest = DEVICES_PER_PAGE % DEVICES_PER_SLICE;
    // The slice that brings the rest of the thousand looks at nothing else that is there.
    const unknown = Array<number>(SLICE_SLOTS - rest).fill(hub.device('dev-x', false));
    const job = jobOf([...ids.slice(0, -1), ...unknown, ids.at(-1)!]);
    while (job.at < DEVICES_PER_PAGE) {
      expect(job.waits).toBe(false);
      pages.run(job);
    }
    expect(job.waits).toBe(true);
  });

  it('takes a bounded number of devices in a slice, though it names none of them', () => {
    const { hub, session, pages, jobOf } = setUp();
    const gone = hub.device('dev-1', false);
    const job = jobOf(Array(SLICE_SLOTS + 1).fill(gone));
    expect([pages.run(job), job.at, job.waits]).toEqual([false, SLICE_SLOTS, false]);
    expect([pages.run(job), job.at]).toEqual([true, SLICE_SLOTS + 1]);
    expect(hub.told(session)).toEqual([{ ...page, more: true }, page]);
  });

  it('is the last and names nothing where its filter has gone, or stands for another now', () => {
    for (const again of [[], ['x*']]) {
      const { hub, session, slot, pages, jobOf } = setUp();
      const job = jobOf(devices(hub, 1));
      hub.registry.filters.remove(slot);
      for (const filter of again) expect(hub.filter(filter, 's')).toBe(slot);
      expect(pages.isThere(job)).toBe(false);
      expect(pages.run(job)).toBe(true);
      expect([hub.told(session), hub.states('s')]).toEqual([[page], []]);
    }
  });

  it('gives back what it had reserved when it is the last, whoever took the rows', () => {
    const { hub, pages, jobOf } = setUp();
    const job = jobOf(devices(hub, 1));
    hub.row('dev-1', 's', 'active');
    job.reserved = 3;
    hub.registry.reserve(hub.subscriber('s'), 3);
    hub.registry.reserve(hub.subscriber('other'), 1);
    pages.run(job);
    expect([job.reserved, hub.registry.reservedRows]).toEqual([0, 1]);
    pages.drop(job);
    expect(hub.registry.reservedRows).toBe(1);
  });
});

describe('a device of a page', () => {
  /** What became of the row of `dev-1`, and whether the page named it. */
  const follow = (bench: ReturnType<typeof setUp>, input: Input, gained = false) => {
    const { hub, session, pages, jobOf } = bench;
    const job = jobOf([hub.registry.deviceOf('dev-1')], input);
    if (gained) job.gained.add(hub.registry.deviceOf('dev-1'));
    pages.run(job);
    const named = hub.frames(session).flatMap((one) => ('page' in one ? one.devices : []));
    return [hub.state('dev-1', 's'), named];
  };
  const active = ['active', ['dev-1 active']];

  it.each([
    ['subscribe', 'paused', active],
    ['subscribe', 'silent', active],
    ['subscribe', 'disconnected', active],
    ['subscribe', 'active', active],
    ['subscribe', 'allow', active],
    ['subscribe', 'deny', ['deny', []]],
    ['resume', 'paused', active],
    ['resume', 'disconnected', ['disconnected', []]],
    ['activity', 'silent', active],
    ['activity', 'paused', ['paused', []]],
    ['reconnect', 'disconnected', active],
    ['reconnect', 'allow', ['allow', []]],
  ] as const)('goes through %s: one that was %s', (input, before, expected) => {
    const bench = setUp();
    bench.hub.row('dev-1', 's', before, { filtered: before !== 'allow' && before !== 'deny' });
    expect(follow(bench, input)).toEqual(expected);
  });

  it('gets its row with a subscribe, and none of an operator’s who has removed it meanwhile', () => {
    for (const [input, expected] of [
      ['subscribe', active],
      ['resume', [undefined, []]],
      ['reconnect', [undefined, []]],
    ] as const) {
      const bench = setUp();
      bench.hub.device('dev-1');
      expect(follow(bench, input)).toEqual(expected);
    }
  });

  it.each(['resume', 'reconnect', 'activity'] as const)(
    'that the filter has gained meanwhile gets its row with %s, too',
    (input) => {
      for (const before of [undefined, 'allow'] as const) {
        const bench = setUp();
        bench.hub.device('dev-1');
        if (before !== undefined) bench.hub.row('dev-1', 's', before);
        expect(follow(bench, input, true)).toEqual(active);
        expect(bench.hub.registry.isFiltered(bench.hub.rowOf('dev-1', 's'))).toBe(true);
      }
    },
  );

  it('that the filter has gained though it was followed goes through the input alone', () => {
    const bench = setUp();
    bench.hub.row('dev-1', 's', 'paused');
    expect(follow(bench, 'reconnect', true)).toEqual(['paused', []]);
  });

  it('is passed over when it was never there, has left the table, or is another by now', () => {
    const unknown = setUp();
    unknown.hub.device('dev-1', false);
    expect(follow(unknown, 'subscribe')).toEqual([undefined, []]);
    const { hub, session, pages, jobOf } = setUp();
    const slot = hub.device('dev-1');
    hub.free('dev-1');
    pages.run(jobOf([slot]));
    expect(hub.device('other')).toBe(slot);
    pages.run(jobOf([slot]));
    expect([hub.told(session), hub.states('s')]).toEqual([[page, page], []]);
  });

  it('is passed over when it has left the table, though its filter follows everything', () => {
    const { hub, session, pages, jobOf } = setUp({ filter: '*' });
    const slot = hub.device('dev-1');
    hub.free('dev-1');
    pages.run(jobOf([slot]));
    expect([hub.told(session), hub.states('s')]).toEqual([[{ ...page, page: '*' }], []]);
  });

  it('is not followed where the subscriber may not; a row that a filter made goes', () => {
    for (const [options, after] of [
      [{}, undefined],
      [{ granted: true }, 'allow'],
    ] as const) {
      const bench = setUp({ access: 'deny' });
      bench.hub.row('dev-1', 's', 'disconnected', { filtered: true, ...options });
      bench.hub.connect('s', { devices: [] });
      expect(follow(bench, 'reconnect')).toEqual([after, []]);
    }
    const bench = setUp({ access: 'deny' });
    bench.hub.row('dev-1', 's', 'disconnected');
    expect(follow(bench, 'reconnect')).toEqual(['disconnected', []]);
    const none = setUp({ access: 'deny' });
    none.hub.device('dev-1');
    expect(follow(none, 'subscribe')).toEqual([undefined, []]);
  });

  it.each(['paused', 'silent', 'disconnected'] as const)(
    'takes the state of its filter, which is %s by now, and is not named',
    (state) => {
      const fresh = setUp({ state });
      fresh.hub.device('dev-1');
      expect(follow(fresh, 'subscribe')).toEqual([state, []]);
      const allowed = setUp({ state });
      allowed.hub.row('dev-1', 's', 'allow');
      expect(follow(allowed, 'subscribe')).toEqual([state, []]);
      const followed = setUp({ state });
      followed.hub.row('dev-1', 's', 'paused', { filtered: true });
      expect(follow(followed, 'subscribe')).toEqual(['paused', []]);
    },
  );

  it('delivers what its filters and its subscription by id ask for; an allow is no subscription', () => {
    for (const [before, types] of [
      ['active', 5],
      ['allow', 4],
    ] as const) {
      const bench = setUp();
      const { hub, slot } = bench;
      hub.registry.filters.slab.rows.types[slot] = 4;
      hub.row('dev-1', 's', before, { types: 1 });
      follow(bench, 'subscribe');
      const row = hub.rowOf('dev-1', 's');
      expect(hub.registry.subscriptions.rows.types[row]).toBe(types);
      expect(hub.registry.isFiltered(row)).toBe(before === 'allow');
    }
  });
});

describe('the room for devices of a page', () => {
  const full = { notice: 'filterFull', devices: [], filters: ['dev-* 0'], more: false };

  it.each([
    ['the subscriber may have no more rows', { rowsMax: 2 }],
    ['there are no more rows', { capacity: { subscriptions: 2 } }],
  ] as const)('is told of once when %s', (_, options) => {
    const { hub, session, pages, jobOf } = setUp(options);
    const job = jobOf(devices(hub, 4));
    pages.run(job);
    expect(hub.frames(session)).toEqual([{ ...page, devices: ['dev-1 active', 'dev-2 active'] }, full]);
    expect(job.isFull).toBe(false);
    expect(hub.states('s')).toHaveLength(2);
  });

  it('is there for as many as were reserved, whatever else has taken rows since', () => {
    const { hub, session, pages, jobOf } = setUp({ rowsMax: 1, capacity: { subscriptions: 3 } });
    const job = jobOf(devices(hub, 3));
    hub.row('x', 's', 'active');
    job.reserved = 2;
    hub.registry.reserve(hub.subscriber('s'), 2);
    pages.run(job);
    expect(hub.frames(session)).toEqual([{ ...page, devices: ['dev-1 active', 'dev-2 active'] }, full]);
    expect([job.reserved, hub.registry.reservedRows]).toEqual([0, 0]);
  });

  it('is reserved only for rows that are made', () => {
    const { hub, pages, jobOf } = setUp({ pageBytes: ENTRY_BYTES });
    const job = jobOf(devices(hub, 3));
    hub.row('dev-1', 's', 'active');
    job.reserved = 2;
    hub.registry.reserve(hub.subscriber('s'), 2);
    pages.run(job);
    expect([job.reserved, hub.registry.reservedRows]).toEqual([2, 2]);
    pages.run(job);
    expect([job.reserved, hub.registry.reservedRows]).toEqual([1, 1]);
  });
});

describe('the devices that are active again', () => {
  it('are gathered from rows that only filters made, before the first page', () => {
    const { hub, session, pages, gathering } = setUp();
    for (const id of ['dev-2', 'dev-1', 'x']) hub.row(id, 's', 'disconnected', { filtered: true });
    hub.row('dev-mine', 's', 'disconnected');
    expect(pages.run(gathering())).toBe(true);
    expect(hub.frames(session)).toEqual([{ ...page, devices: ['dev-1 active', 'dev-2 active'] }]);
  });

  it('are gathered in slices', () => {
    const count = SLICE_SLOTS + 1;
    const { hub, session, pages, gathering } = setUp({
      capacity: { devices: count, subscriptions: count },
    });
    for (let n = 0; n < count; n++) hub.row(`d-${n}`, 's', 'disconnected', { filtered: true });
    const job = gathering();
    expect([pages.run(job), hub.told(session)]).toEqual([false, []]);
    expect([pages.run(job), job.walk, hub.told(session)]).toEqual([true, undefined, [page]]);
  });

  it('are those that pass', () => {
    const { hub, pages, gathering } = setUp();
    const rows = ['dev-1', 'dev-2'].map((id) => hub.row(id, 's', 'disconnected', { filtered: true }));
    const job = gathering();
    expect(pages.gather(job, (row) => row === rows[1])).toBe(true);
    expect([...job.devices]).toEqual([hub.device('dev-2')]);
  });

  it('are gathered no further when their pages are dropped', () => {
    const { hub, pages, gathering } = setUp();
    hub.row('dev-1', 's', 'disconnected', { filtered: true });
    const job = gathering();
    pages.drop(job);
    expect([pages.gather(job), job.devices.length]).toEqual([true, 0]);
  });
});

describe('the devices that a filter is missing', () => {
  it('are those that it matches and its subscriber may follow, without a row', () => {
    const { hub, session, subscriber, slot, pages } = setUp({
      rules: [{ device: 'dev-denied', subscriber: 's', access: 'deny' }],
    });
    hub.row('dev-1', 's', 'paused');
    hub.device('dev-unknown', false);
    hub.device('dev-gone');
    for (const id of ['x', 'dev-denied', 'dev-2', 'dev-3']) hub.device(id);
    hub.free('dev-gone');
    const job = pages.job({
      subscriber,
      session,
      slot,
      filter: 'dev-*',
      input: 'resume',
      search: { next: 0 },
    });
    pages.run(job);
    expect([...job.devices].map((device) => hub.registry.deviceId(device))).toEqual(['dev-2', 'dev-3']);
  });

  it('are those that its token covers', () => {
    const { hub, subscriber, slot, pages } = setUp();
    devices(hub, 2);
    const session = hub.connect('s', { devices: ['dev-2'] });
    const job = pages.job({
      subscriber,
      session,
      slot,
      filter: 'dev-*',
      input: 'resume',
      search: { next: 0 },
    });
    pages.run(job);
    expect([...job.devices]).toEqual([hub.device('dev-2')]);
  });

  it('are all of a full table for a lone star, but slots that are free', () => {
    const { hub, session, subscriber, slot, pages } = setUp({ filter: '*', capacity: { devices: 3 } });
    const [one, , three] = devices(hub, 3);
    hub.free('dev-2');
    const job = pages.job({ subscriber, session, slot, filter: '*', input: 'resume', search: { next: 0 } });
    pages.run(job);
    expect([...job.devices]).toEqual([one, three]);
  });

  it('are looked for in slices by a job, which tells them behind those that it has', () => {
    const { hub, session, subscriber, slot, pages } = setUp({ capacity: { devices: SLICE_SLOTS + 1 } });
    const all = devices(hub, SLICE_SLOTS + 1);
    hub.row('dev-1', 's', 'active');
    const about = { subscriber, session, slot, filter: 'dev-*', input: 'reconnect' } as const;
    const job = pages.job({ ...about, devices: [all[0]!], search: { next: 0 } });
    job.gained.add(all[1]!); // it has appeared
    expect([pages.run(job), hub.told(session)]).toEqual([false, []]);
    pages.run(job);
    expect([...job.devices]).toEqual([all[0], ...all.slice(2)]);
  });

  it('are told nothing of where nobody has asked and there are none', () => {
    const { hub, session, subscriber, slot, pages } = setUp();
    const about = {
      subscriber,
      session,
      slot,
      filter: 'dev-*',
      input: 'subscribe',
      search: { next: 0 },
    } as const;
    expect([pages.run(pages.job({ ...about, isUnasked: true })), hub.told(session)]).toEqual([true, []]);
    expect([pages.run(pages.job(about)), hub.told(session)]).toEqual([true, [{ ...page, devices: [] }]]);
  });
});
