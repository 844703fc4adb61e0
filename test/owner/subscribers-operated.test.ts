/** What operators, another node and another owner do to subscribers: `subscribers.ts`. */
import { describe, expect, it } from 'vitest';
import { closes } from '../../src/codes.ts';
import type { RequestWaits, SubscriberHomes } from '../../src/owner/subscriber-homes.ts';
import { Vip } from '../../src/presence/columns.ts';
import { nameOfSession as name } from './noted-link.ts';
import { OwnerParts, type PartsOptions } from './owner-parts.ts';

const REMOVED_MS = 300_000;

/** A subscriber that follows devices which are not there yet; what it was told is read. */
function following(names: readonly string[] = ['dev-1'], options: PartsOptions = {}) {
  const parts = new OwnerParts(options);
  const session = parts.subscriber('s');
  parts.ask(session, 'subscribe', names);
  parts.told();
  return { parts, session, slot: parts.registry.subscriberOf('s'), ...parts.registry.subscribers };
}

/** As `following`, with a row that an operator allowed, one that he denied, and a filter. */
function withOperators(defaultAccess: 'allow' | 'deny' = 'deny') {
  const all = following(['dev-*'], { defaultAccess });
  all.parts.setRow('allowed', 's', 'allow');
  all.parts.setRow('granted', 's', 'allow');
  all.parts.ask(all.session, 'subscribe', ['granted']);
  all.parts.setRow('denied', 's', 'deny');
  all.parts.told();
  const states = (): string[] => ['allowed', 'granted', 'denied'].map((id) => all.parts.status(id, 's'));
  const filters = (): number => all.parts.registry.filters.count(all.slot);
  return { ...all, states, filters };
}

describe('a subscriber that is kicked', () => {
  it('loses its connection and what it follows; what operators set stays', () => {
    const { parts, session, slot, states, filters } = withOperators();
    parts.subscribers.kick(slot, false);
    expect(parts.told()).toEqual([`close ${name(session)} 4005`]);
    expect([states(), filters()]).toEqual([['allow', 'allow', 'deny'], 0]);
    parts.subscribers.heard(session);
    parts.step();
    expect([parts.told(), states()]).toEqual([[], ['allow', 'allow', 'deny']]);
  });

  it('keeps what operators allowed, though it is allowed anyhow, and nothing else', () => {
    const { parts, session, slot, states } = withOperators('allow');
    parts.ask(session, 'subscribe', ['dev-1']);
    parts.subscribers.kick(slot, false);
    expect([...states(), parts.status('dev-1', 's')]).toEqual(['allow', 'allow', 'deny', 'none']);
  });

  it('is forgotten with all that operators set where it is to be', () => {
    const { parts, slot } = withOperators();
    parts.subscribers.setVip(slot, true);
    parts.subscribers.kick(slot, true);
    expect([parts.knows('s'), parts.timers.count]).toEqual([false, 0]);
  });

  it('is as good as gone when it was not connected', () => {
    const { parts, session, slot } = following();
    parts.subscribers.leave(session);
    parts.subscribers.kick(slot, false);
    expect([parts.told(), parts.knows('s')]).toEqual([[], false]);
  });

  it('stays a vip of operators for as long as one that is lost may come back', () => {
    const { parts, session, slot } = following();
    parts.subscribers.setVip(slot, true);
    parts.subscribers.leave(session);
    parts.pass(1000);
    parts.subscribers.kick(slot, false);
    parts.pass(REMOVED_MS - 10);
    expect(parts.knows('s')).toBe(true);
    parts.pass(10);
    expect(parts.knows('s')).toBe(false);
  });

  it('stays a vip of operators as long where its owner dies meanwhile', () => {
    const { parts, session, slot } = following();
    parts.subscribers.setVip(slot, true);
    parts.subscribers.leave(session);
    parts.pass(1000);
    parts.subscribers.kick(slot, false);
    parts.pass(2000);
    const next = parts.another();
    next.pass(REMOVED_MS - 2010);
    expect(next.knows('s')).toBe(true);
    next.pass(10);
    expect(next.knows('s')).toBe(false);
  });

  it('is not kept for a vip that only its token made it', () => {
    const parts = new OwnerParts();
    parts.subscriber('s', { vip: true });
    parts.subscribers.kick(0, false);
    expect(parts.knows('s')).toBe(false);
  });

  it('gets nothing of what was on its way', () => {
    const { parts, session, slot } = following();
    parts.keepBusy(parts.subscriber('busy'));
    parts.subscribers.leave(session);
    parts.subscribers.kick(slot, false);
    expect(parts.sweeps.hasReady).toBe(false);
  });
});

describe('a subscriber that another node has', () => {
  it('is closed, and keeps its rows until they are handed over', () => {
    for (const leaves of [false, true]) {
      const { parts, session, slot } = following(['dev-1', 'dev-*']);
      if (leaves) parts.subscribers.leave(session);
      parts.subscribers.dismiss(slot, closes.replaced);
      expect(parts.told()).toEqual(leaves ? [] : [`close ${name(session)} 4004`]);
      expect([parts.knows('s'), parts.status('dev-1', 's')]).toEqual([true, 'disconnected']);
    }
  });

  it('is waited for no more once it is dismissed, and gone where operators set nothing', () => {
    const { parts, slot, filters } = withOperators('allow');
    parts.subscribers.dismiss(slot, closes.replaced);
    parts.subscribers.dismissed(slot);
    expect([parts.knows('s'), filters(), parts.timers.isSet(slot)]).toEqual([true, 1, false]);
    const other = new OwnerParts();
    other.subscriber('s');
    other.subscribers.dismiss(0, closes.replaced);
    expect(other.knows('s')).toBe(true);
    other.subscribers.dismissed(0);
    expect(other.knows('s')).toBe(false);
  });

  it('is not gone on with where its rows were still on their way', () => {
    const { parts, session, slot } = following();
    parts.keepBusy(parts.subscriber('busy'));
    parts.subscribers.leave(session);
    parts.subscribers.dismiss(slot, closes.replaced);
    expect(parts.sweeps.hasReady).toBe(false);
  });
});

describe('a vip', () => {
  it('is one for its edge while its token or an operator says so', () => {
    const parts = new OwnerParts();
    const session = parts.subscriber('s', { vip: true });
    parts.told();
    parts.subscribers.setVip(0, true);
    expect(parts.registry.subscribers.rows.vip[0]).toBe(Vip.token + Vip.operator);
    parts.subscribers.setVip(0, false);
    expect(parts.registry.subscribers.rows.vip[0]).toBe(Vip.token);
    expect(parts.told()).toEqual([`vip ${name(session)} true`, `vip ${name(session)} true`]);
  });

  it('that is not connected is told of nothing', () => {
    const { parts, session, slot } = following();
    parts.subscribers.leave(session);
    parts.subscribers.setVip(slot, true);
    expect([parts.told(), parts.registry.subscribers.rows.vip[slot]]).toEqual([[], Vip.operator]);
  });
});

it('a token covers what it names, and what nobody has come with a token for', () => {
  const parts = new OwnerParts();
  parts.subscriber('s', { covers: ['dev-1'] });
  expect(parts.subscribers.covers('s', 'dev-1')).toBe(true);
  expect(parts.subscribers.covers('s', 'dev-2')).toBe(false);
  expect(parts.subscribers.covers('nobody', 'dev-2')).toBe(true);
});

describe('the row of a subscriber that has nothing', () => {
  it('is not freed while it is connected, has a subscription, or has a filter', () => {
    const { parts, session, slot } = following(['dev-*']);
    parts.subscribers.freeIfIdle(slot);
    parts.subscribers.leave(session);
    parts.subscribers.freeIfIdle(slot);
    expect(parts.knows('s')).toBe(true);
    parts.subscribers.drop('s');
    expect(parts.knows('s')).toBe(false);
    parts.setRow('dev-1', 'other', 'deny');
    parts.subscribers.freeIfIdle(parts.registry.subscriberOf('other'));
    expect(parts.knows('other')).toBe(true);
    const connected = new OwnerParts();
    connected.subscriber('s');
    connected.subscribers.freeIfIdle(0);
    expect(connected.knows('s')).toBe(true);
  });

  it('is free once, and what it had does not concern the next one in its slot', () => {
    const parts = new OwnerParts();
    const session = parts.subscriber('s', { covers: ['dev-1'] });
    parts.ask(session, 'subscribe', ['dev-1']);
    parts.subscribers.leave(session, 2 * REMOVED_MS);
    parts.operator.removeAllOfDevice(parts.registry.deviceOf('dev-1'));
    parts.subscribers.freeIfIdle(0);
    expect([parts.knows('s'), parts.timers.count, parts.scopes.coversAll(0)]).toEqual([false, 0, true]);
    parts.setRow('dev-1', 'next', 'inactive');
    expect(parts.registry.subscriberOf('next')).toBe(0);
    parts.pass(REMOVED_MS);
    expect(parts.status('dev-1', 'next')).toBe('none');
  });

  it('takes with it what was still to be done', () => {
    const { parts, session } = following();
    parts.keepBusy(parts.subscriber('busy'));
    parts.subscribers.leave(session);
    parts.operator.removeAllOfDevice(parts.registry.deviceOf('dev-1'));
    expect([parts.knows('s'), parts.sweeps.hasReady]).toEqual([false, false]);
  });
});

/** Notes what a cluster is asked. @param admits whether subscribers are let in at once */
function homesOf(parts: OwnerParts, admits: boolean): SubscriberHomes {
  const id = (slot: number): string => parts.registry.subscriberId(slot);
  const note = (line: string): boolean => parts.lines.push(line) > 0;
  return {
    admits: ({ actor }) => note(`admits ${actor.id}`) && admits,
    asks: ({ session, op }) => note(`asks ${name(session)} ${op}`),
    leaves: (session) => note(`leaves ${name(session)}`),
    waitingOf: () => [],
    disconnected: (slot) => note(`disconnected ${id(slot)}`),
    freed: (slot) => note(`freed ${id(slot)}`),
    kicked: (kicked, number) => note(`kicked ${kicked} ${number}`),
  };
}

describe('a subscriber of a cluster', () => {
  it('is let in when it is known who keeps what is its', () => {
    const parts = new OwnerParts();
    parts.subscribers.homes = homesOf(parts, false);
    const join = parts.join('subscriber', 's');
    parts.subscribers.join(join);
    parts.ask(join.session, 'list');
    parts.subscribers.leave(join.session);
    const session = name(join.session);
    expect(parts.told()).toEqual(['admits s', `asks ${session} list`, `leaves ${session}`]);
    parts.subscribers.enter(join);
    expect(parts.told()).toEqual([`joined ${session} slot-0`]);
  });

  it('is let in at once where that is known', () => {
    const parts = new OwnerParts();
    parts.subscribers.homes = homesOf(parts, true);
    const session = parts.subscriber('s');
    expect(parts.told()).toEqual(['admits s', `joined ${name(session)} slot-0`]);
    parts.subscribers.leave(session);
    expect(parts.told()).toEqual(['disconnected s', 'freed s']);
  });

  it('is gone for the cluster too when it is kicked', () => {
    const { parts, session, slot } = following();
    parts.subscribers.homes = homesOf(parts, true);
    parts.subscribers.kick(slot, false);
    expect(parts.told()).toEqual([`close ${name(session)} 4005`, 'disconnected s', 'freed s']);
  });

  it('has requests that wait until it is known where devices are', () => {
    const { parts, session, slot } = following();
    let defers = true;
    const waits: RequestWaits = {
      defers: (subscriber, { op }) => parts.lines.push(`defers ${subscriber} ${op}`) > 0 && defers,
      sessionOver: (over) => void parts.lines.push(`over ${name(over)}`),
    };
    parts.subscribers.waits = waits;
    parts.ask(session, 'pause', ['dev-1']);
    expect(parts.told()).toEqual([`defers ${slot} pause`]);
    defers = false;
    parts.ask(session, 'pause', ['dev-1']);
    expect(parts.told()).toEqual([
      `defers ${slot} pause`,
      `answer ${name(session)} 3 dev-1=paused`,
      `detach ${name(session)} dev-1`,
    ]);
    parts.subscribers.leave(session);
    expect(parts.told()).toEqual([`over ${name(session)}`]);
  });
});

describe('what a subscriber asks for', () => {
  it('is answered for devices, for filters, for both, and for all', () => {
    const parts = new OwnerParts();
    const session = parts.subscriber('s');
    parts.told();
    parts.ask(session, 'subscribe', ['dev-1']);
    parts.ask(session, 'subscribe', ['x-*']);
    parts.ask(session, 'subscribe', ['dev-2', 'y-*']);
    parts.ask(session, 'list');
    const answers = parts.told().filter((line) => line.startsWith('answer'));
    expect(answers).toEqual([
      `answer ${name(session)} 1 dev-1=active`,
      `answer ${name(session)} 2 x-*=0`,
      `answer ${name(session)} 3 dev-2=active y-*=0`,
      `answer ${name(session)} 4 dev-2=active dev-1=active y-*=2 x-*=2`,
    ]);
  });

  it('may name filters alone, without a word of devices', () => {
    const parts = new OwnerParts();
    const session = parts.subscriber('s');
    parts.told();
    const request = { session, request: 1, op: 'subscribe', filters: ['x-*'], types: 15 } as const;
    parts.subscribers.request({ ...request, devices: undefined });
    parts.step();
    expect(parts.told()[0]).toBe(`answer ${name(session)} 1 x-*=0`);
  });

  it('comes page by page as it reads', () => {
    const { parts, session } = following(['dev-1', 'dev-2'], { pageBytes: 1 });
    parts.subscribers.more(session, 2);
    parts.ask(session, 'list');
    expect(parts.told()).toEqual([`answer ${name(session)} 2 dev-2=active more`]);
    parts.subscribers.more(session + 64, 2);
    expect(parts.told()).toEqual([]);
    parts.subscribers.more(session, 2);
    expect(parts.told()).toEqual([`answer ${name(session)} 2 dev-1=active`]);
  });

  it('comes page by page of a filter, too', () => {
    const { parts, session } = following([], { pageBytes: 1 });
    parts.device('dev-1');
    parts.device('dev-2');
    parts.told();
    parts.ask(session, 'subscribe', ['dev-*']);
    const [answer, page, ...rest] = parts.told();
    expect([answer, rest.length]).toEqual([`answer ${name(session)} 2 dev-*=2`, 1]);
    expect(page).toMatch(/^page 1@0 dev-\* dev-.=active more waits-\d+$/);
    parts.subscribers.more(session, Number(page!.split('waits-')[1]));
    parts.step();
    expect(parts.told()[0]).toMatch(/^page 1@0 dev-\* dev-.=active$/);
  });
});
