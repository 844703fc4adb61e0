import { describe, expect, it } from 'vitest';
import { ROWS_PER_STEP } from '../../src/owner/sweeps.ts';
import { Vip } from '../../src/presence/columns.ts';
import { Notice } from '../../src/records/replies.ts';
import { ALL_TYPES } from '../../src/wire/events.ts';
import { OwnerHarness } from './owner-harness.ts';
import { RowsHarness, type RowsOptions, type Told } from './rows-harness.ts';

const states = ['allow', 'active', 'silent', 'paused', 'disconnected', 'deny'] as const;

/** A connected subscriber with a row in every state, which the row's device is called after. */
function everyState(options: RowsOptions = {}, granted = false) {
  const hub = new RowsHarness(options);
  const session = hub.connect('s');
  for (const state of [...states].reverse()) hub.row(`was-${state}`, 's', state, { granted });
  return { hub, session, slot: hub.subscriber('s') };
}

type Run = (bench: ReturnType<typeof everyState>) => void;
const plain = { devices: [], filters: [], more: false };
const said = (hub: RowsHarness): string[] => hub.states('s').map((line) => line.replace('was-', ''));

/** What stays where nothing but the rows that are named changes. */
const rowsAfter = (changes: Readonly<Record<string, string | undefined>>): string[] =>
  states.flatMap((state) => {
    const after = state in changes ? changes[state] : state;
    return after === undefined ? [] : [`${state} ${after}`];
  });

interface Case {
  readonly name: string;
  readonly run: Run;
  readonly told: readonly Told[];
  readonly rows: readonly string[];
}

const { silent, heard, inactiveTooLong } = Notice;
const gone = { active: undefined, silent: undefined, paused: undefined, disconnected: undefined };

const inputs: readonly Case[] = [
  {
    name: 'silence: what was active is named, and delivers nothing after that',
    run: ({ hub, slot }) => hub.sweeps.input(slot, 'silence', silent),
    told: [{ ...plain, notice: 'silent', devices: ['was-active silent'] }, { detach: 'was-active' }],
    rows: rowsAfter({ active: 'silent' }),
  },
  {
    name: 'activity: what was silent is named, and delivers from there on',
    run: ({ hub, slot }) => hub.sweeps.input(slot, 'activity', heard),
    told: [
      { ...plain, notice: 'heard', devices: ['was-silent active'] },
      { attach: 'was-silent', types: ALL_TYPES },
    ],
    rows: rowsAfter({ silent: 'active' }),
  },
  {
    name: 'expiry while it is connected: all that it follows is named and goes',
    run: ({ hub, slot }) => hub.sweeps.input(slot, 'expire', inactiveTooLong),
    told: [
      {
        ...plain,
        notice: 'inactiveTooLong',
        devices: ['was-active none', 'was-silent none', 'was-paused none', 'was-disconnected none'],
      },
      { detach: 'was-active' },
    ],
    rows: rowsAfter(gone),
  },
  {
    name: 'a disconnect: nobody is told',
    run: ({ hub, slot }) => {
      hub.disconnect('s');
      hub.sweeps.input(slot, 'disconnect', undefined);
    },
    told: [],
    rows: rowsAfter({ active: 'disconnected', silent: 'disconnected' }),
  },
  {
    name: 'expiry after a disconnect: nobody is told',
    run: ({ hub, slot }) => {
      hub.disconnect('s');
      hub.sweeps.input(slot, 'expire', undefined);
    },
    told: [],
    rows: rowsAfter(gone),
  },
  {
    name: 'a reconnect: it is let in with all that is active again, also where the disconnect was still to come',
    run: ({ hub, slot, session }) => hub.sweeps.reconnect(slot, session),
    told: [
      {
        ...plain,
        joined: 's',
        vip: false,
        devices: ['was-active active', 'was-silent active', 'was-disconnected active'],
      },
      { attach: 'was-active', types: ALL_TYPES },
      { attach: 'was-silent', types: ALL_TYPES },
      { attach: 'was-disconnected', types: ALL_TYPES },
    ],
    rows: rowsAfter({ silent: 'active', disconnected: 'active' }),
  },
  {
    name: 'a reconnect that holds: it is let in with what waits for it',
    run: ({ hub, slot, session }) => hub.sweeps.hold(slot, session),
    told: [
      {
        ...plain,
        joined: 's',
        vip: false,
        devices: ['was-active disconnected', 'was-silent disconnected', 'was-disconnected disconnected'],
      },
      { detach: 'was-active' },
    ],
    rows: rowsAfter({ active: 'disconnected', silent: 'disconnected' }),
  },
  {
    name: 'the end of what is held: what still waits is named and goes',
    run: ({ hub, slot }) => hub.sweeps.expireHeld(slot),
    told: [{ ...plain, notice: 'inactiveTooLong', devices: ['was-disconnected none'] }],
    rows: rowsAfter({ disconnected: undefined }),
  },
  {
    name: 'a fresh start: it is let in with nothing',
    run: ({ hub, slot, session }) => hub.sweeps.joinFresh(slot, session),
    told: [{ ...plain, joined: 's', vip: false }, { detach: 'was-active' }],
    rows: rowsAfter(gone),
  },
  {
    name: 'a drop: nobody is told',
    run: ({ hub, slot }) => {
      hub.disconnect('s');
      hub.sweeps.drop(slot);
    },
    told: [],
    rows: rowsAfter(gone),
  },
];

const requests: readonly Case[] = [
  {
    name: 'list: all that it follows, as it is',
    run: ({ hub }) => hub.ask('s', 'list'),
    told: [
      {
        ...plain,
        answer: 1,
        refused: [],
        devices: [
          'was-active active',
          'was-silent silent',
          'was-paused paused',
          'was-disconnected disconnected',
        ],
      },
    ],
    rows: rowsAfter({}),
  },
  {
    name: 'pause: all that it follows is paused',
    run: ({ hub }) => hub.ask('s', 'pause'),
    told: [
      {
        ...plain,
        answer: 1,
        refused: [],
        devices: ['was-active paused', 'was-silent paused', 'was-paused paused', 'was-disconnected paused'],
      },
      { detach: 'was-active' },
    ],
    rows: rowsAfter({ active: 'paused', silent: 'paused', disconnected: 'paused' }),
  },
  {
    name: 'resume: what waits for the subscriber to come back goes on waiting',
    run: ({ hub }) => hub.ask('s', 'resume'),
    told: [
      {
        ...plain,
        answer: 1,
        refused: [],
        devices: [
          'was-active active',
          'was-silent active',
          'was-paused active',
          'was-disconnected disconnected',
        ],
      },
      { attach: 'was-silent', types: ALL_TYPES },
      { attach: 'was-paused', types: ALL_TYPES },
    ],
    rows: rowsAfter({ silent: 'active', paused: 'active' }),
  },
  {
    name: 'unsubscribe: what operators set stays',
    run: ({ hub }) => hub.ask('s', 'unsubscribe'),
    told: [
      {
        ...plain,
        answer: 1,
        refused: [],
        devices: ['was-active none', 'was-silent none', 'was-paused none', 'was-disconnected none'],
      },
      { detach: 'was-active' },
    ],
    rows: rowsAfter(gone),
  },
];

describe('all rows of a subscriber', () => {
  it.each(inputs)('go through $name', ({ run, told, rows }) => {
    const bench = everyState();
    run(bench);
    expect(bench.hub.told(bench.session)).toEqual(told);
    expect(said(bench.hub)).toEqual([...rows].sort());
    expect(bench.hub.swept).toEqual([bench.slot]);
    expect(bench.hub.sweeps.hasReady).toBe(false);
  });

  it.each(requests)('answer $name', ({ run, told, rows }) => {
    const bench = everyState();
    run(bench);
    expect(bench.hub.told(bench.session)).toEqual(told);
    expect(said(bench.hub)).toEqual([...rows].sort());
    expect(bench.hub.swept).toEqual([]);
    expect(bench.hub.sweeps.hasReady).toBe(false);
  });

  it('answer though there is none', () => {
    const hub = new RowsHarness();
    const session = hub.connect('s');
    hub.ask('s', 'list');
    expect(hub.told(session)).toEqual([{ ...plain, answer: 1, refused: [] }]);
  });

  it('say nothing of an input that changes none of them', () => {
    const hub = new RowsHarness();
    const session = hub.connect('s');
    hub.row('d-1', 's', 'paused');
    hub.sweeps.input(hub.subscriber('s'), 'silence', silent);
    expect(hub.told(session)).toEqual([]);
  });

  it('change without a word where there is none to say', () => {
    const { hub, session, slot } = everyState();
    hub.sweeps.input(slot, 'silence', undefined);
    expect(hub.told(session)).toEqual([{ detach: 'was-active' }]);
  });

  it('are joined by a vip as one', () => {
    const { hub, session, slot } = everyState();
    hub.registry.subscribers.rows.vip[slot] = Vip.token;
    hub.sweeps.reconnect(slot, session);
    expect(hub.told(session)[0]).toMatchObject({ vip: true });
  });
});

describe('an operator’s allow', () => {
  const ends: readonly (readonly [string, Run, readonly string[]])[] = [
    ['unsubscribe', ({ hub }) => hub.ask('s', 'unsubscribe'), ['active', 'disconnected', 'paused', 'silent']],
    ['expiry', ({ hub, slot }) => hub.sweeps.input(slot, 'expire', undefined), ['active', 'disconnected']],
    ['drop', ({ hub, slot }) => hub.sweeps.drop(slot), ['active', 'paused']],
    ['the end of what is held', ({ hub, slot }) => hub.sweeps.expireHeld(slot), ['disconnected']],
  ];

  it.each(ends)('outlives %s where the pair is denied without it', (_, run, ended) => {
    const bench = everyState({ access: 'deny' }, true);
    run(bench);
    for (const state of ended) expect(bench.hub.state(`was-${state}`, 's')).toBe('allow');
  });

  it.each(ends)('ends with %s where nothing denies the pair', (_, run, ended) => {
    const bench = everyState({}, true);
    run(bench);
    for (const state of ended) expect(bench.hub.state(`was-${state}`, 's')).toBeUndefined();
  });

  it('outlives a token that does not cover the device', () => {
    const hub = new RowsHarness({ access: 'deny' });
    hub.row('d-1', 's', 'silent', { granted: true });
    const session = hub.connect('s', { devices: [] });
    hub.sweeps.input(hub.subscriber('s'), 'activity', heard);
    expect(hub.told(session)).toEqual([{ ...plain, notice: 'notCovered', devices: ['d-1 allow'] }]);
    expect(hub.state('d-1', 's')).toBe('allow');
  });
});

describe('rows that may not deliver', () => {
  const starts: readonly (readonly [string, Run, readonly string[]])[] = [
    [
      'reconnect',
      ({ hub, slot, session }) => hub.sweeps.reconnect(slot, session),
      ['was-active none', 'was-silent none', 'was-paused none', 'was-disconnected none'],
    ],
    ['activity', ({ hub, slot }) => hub.sweeps.input(slot, 'activity', heard), ['was-silent none']],
    ['resume', ({ hub }) => hub.ask('s', 'resume'), ['was-silent none', 'was-paused none']],
  ];
  const lostOf = (told: readonly Told[]): readonly string[] =>
    told.flatMap((one) => ('notice' in one && one.notice === 'notCovered' ? one.devices : []));

  it.each(starts)('are named and go when %s would make them active', (_, run, lost) => {
    const bench = everyState({ access: 'deny' });
    run(bench);
    const told = bench.hub.frames(bench.session);
    expect(told).toContainEqual({ ...plain, notice: 'notCovered', devices: lost });
    const others = told.filter((one) => !('notice' in one && one.notice === 'notCovered'));
    expect(
      others.flatMap((one) => ('devices' in one ? one.devices : [])).filter((line) => lost.includes(line)),
    ).toEqual([]);
    for (const line of lost) expect(bench.hub.state(line.split(' ')[0]!, 's')).toBeUndefined();
  });

  it.each(starts)('stay at %s where an operator allowed them', (_, run) => {
    const bench = everyState({ access: 'deny' }, true);
    run(bench);
    expect(lostOf(bench.hub.frames(bench.session))).toEqual([]);
  });

  it.each([
    ['silence', ({ hub, slot }) => hub.sweeps.input(slot, 'silence', silent)],
    ['pause', ({ hub }) => hub.ask('s', 'pause')],
    ['list', ({ hub }) => hub.ask('s', 'list')],
  ] as readonly (readonly [string, Run])[])('stay at %s, which makes none active', (_, run) => {
    const bench = everyState({ access: 'deny' });
    run(bench);
    expect(lostOf(bench.hub.frames(bench.session))).toEqual([]);
    expect(bench.hub.states('s')).toHaveLength(states.length);
  });

  it('go without a word where nobody is connected', () => {
    const { hub, session, slot } = everyState({ access: 'deny' });
    hub.disconnect('s');
    hub.sweeps.input(slot, 'activity', undefined);
    expect(hub.state('was-silent', 's')).toBeUndefined();
    expect(hub.told(session)).toEqual([]);
  });
});

const ROWS = 1000;
const SUBSCRIBERS = 12;
const ids = Array.from({ length: ROWS }, (_, n) => `d-${n}`);

/** Subscribers that follow a thousand devices each. */
function crowd() {
  const owner = new OwnerHarness({
    capacity: { devices: 4000, subscribers: 100, subscriptions: (SUBSCRIBERS + 1) * ROWS },
  });
  const names = Array.from({ length: SUBSCRIBERS }, (_, n) => `s-${n}`);
  const sessions = names.map((name) => {
    const session = owner.connect(name);
    owner.ask(session, 'subscribe', ids);
    return session;
  });
  owner.received();
  const active = (): number => names.reduce((sum, name) => sum + owner.followed(name), 0);
  return { owner, names, sessions, active };
}

describe('the rows of many subscribers', () => {
  it('change a bounded number at a time when all of them become silent at once', () => {
    const { owner, active } = crowd();
    expect(active()).toBe(SUBSCRIBERS * ROWS);
    owner.clock.nowMs += 60_001;
    let before = active();
    let most = 0;
    let polls = 0;
    while (active() > 0 && polls < 100) {
      owner.poll();
      owner.received();
      const now = active();
      most = Math.max(most, before - now);
      before = now;
      polls += 1;
    }
    expect(before).toBe(0);
    expect(most).toBeLessThanOrEqual(2 * ROWS_PER_STEP + 2 * 1024);
    expect(polls).toBeGreaterThan(2);
  });

  it('are all as they should be when a subscriber comes back before its disconnect was through', () => {
    const { owner, names, sessions, active } = crowd();
    for (const session of sessions) owner.lose(session);
    const back = sessions.map((session, n) => {
      owner.disconnect(session);
      return owner.connect(names[n]!);
    });
    for (let polls = 0; polls < 100; polls++) owner.poll();
    owner.received();
    expect(active()).toBe(SUBSCRIBERS * ROWS);
    expect(owner.ask(back[0]!, 'list').devices).toHaveLength(ROWS);
  });
});
