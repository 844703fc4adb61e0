import { afterEach, describe, expect, it, vi } from 'vitest';
import { NONE, Vip } from '../../src/presence/columns.ts';
import { nameOfSession as name } from './noted-link.ts';
import { type Coming, OwnerParts, type PartsOptions } from './owner-parts.ts';

const SILENT_MS = 60_000;
const REMOVED_MS = 300_000;

afterEach(() => {
  vi.restoreAllMocks();
});

/** A subscriber that follows devices which are not there yet; what it was told is read. */
function following(names: readonly string[] = ['dev-1'], options: PartsOptions = {}, coming: Coming = {}) {
  const parts = new OwnerParts(options);
  const session = parts.subscriber('s', coming);
  parts.ask(session, 'subscribe', names);
  parts.told();
  return { parts, session, slot: parts.registry.subscriberOf('s') };
}

describe('a subscriber that connects', () => {
  it('is let in, heard just now, and is not silent', () => {
    const parts = new OwnerParts();
    const session = parts.subscriber('s');
    expect(parts.told()).toEqual([`joined ${name(session)} slot-0`]);
    const { rows } = parts.registry.subscribers;
    expect([rows.session[0], rows.lastSeen[0], rows.silent[0]]).toEqual([session, 1_000_000n, 0]);
    expect(parts.timers.dueMs(0)).toBe(parts.clock.nowMs + SILENT_MS);
  });

  it('is refused where the table is full', () => {
    const parts = new OwnerParts({ capacity: { subscribers: 1 } });
    parts.subscriber('s');
    const other = parts.subscriber('other', { edge: 1 });
    expect(parts.told().slice(1)).toEqual([`close ${name(other)} 4100`]);
    parts.subscribers.heard(other);
    parts.ask(other, 'list');
    expect(parts.told()).toEqual([]);
  });

  it('replaces an older connection of its id, and goes on with what that had', () => {
    const { parts, session } = following(['dev-1', 'dev-2']);
    const next = parts.subscriber('s', { edge: 1 });
    expect(parts.told()).toEqual([
      `close ${name(session)} 4004`,
      `joined ${name(next)} slot-0 dev-2=active dev-1=active`,
      `attach ${name(next)} dev-2 0`,
      `attach ${name(next)} dev-1 0`,
    ]);
    parts.subscribers.leave(session);
    expect([parts.status('dev-1', 's'), parts.registry.subscribers.rows.session[0]]).toEqual([
      'active',
      next,
    ]);
  });

  it('replaces one that follows nothing, and is forgotten when it leaves', () => {
    const parts = new OwnerParts();
    parts.subscriber('s');
    const next = parts.subscriber('s');
    expect(parts.knows('s')).toBe(true);
    parts.subscribers.leave(next);
    expect(parts.knows('s')).toBe(false);
  });

  it('gets events on the edge that it came to, though its disconnect was not through', () => {
    const { parts, session } = following();
    const device = parts.registry.deviceOf('dev-1');
    const busy = parts.subscriber('busy');
    parts.keepBusy(busy);
    parts.subscribers.leave(session);
    expect(parts.status('dev-1', 's')).toBe('active');
    const next = parts.subscriber('s', { edge: 1 });
    expect([...parts.registry.interest.subarray(device * 2, device * 2 + 2)]).toEqual([0, 1]);
    expect(parts.told()).toContain(`attach ${name(next)} dev-1 0`);
  });

  it('keeps what an operator made of it, and has of a token only what the last one says', () => {
    const parts = new OwnerParts();
    const vip = (): number => parts.registry.subscribers.rows.vip[0]!;
    parts.subscriber('s', { vip: true });
    expect([parts.told(), vip()]).toEqual([['joined 1@0 slot-0 vip'], Vip.token]);
    parts.subscriber('s');
    expect(vip()).toBe(0);
    parts.subscribers.setVip(0, true);
    parts.subscriber('s', { vip: true });
    expect(vip()).toBe(Vip.operator + Vip.token);
    parts.subscriber('s');
    expect(vip()).toBe(Vip.operator);
  });

  it('is a vip where another node made it one', () => {
    const parts = new OwnerParts();
    parts.subscribers.vips = new Set(['s']);
    parts.subscriber('s');
    parts.subscriber('other');
    expect(parts.told()).toEqual(['joined 1@0 slot-0 vip', 'joined 2@0 slot-1']);
  });

  it('loses filters that its token does not cover any more', () => {
    const { parts, session } = following(['dev-*', 'other-*']);
    parts.subscribers.leave(session);
    const next = parts.subscriber('s', { covers: ['other-1'] });
    parts.step();
    expect(parts.told().filter((line) => line.startsWith('notice'))).toEqual([
      `notice ${name(next)} notCovered dev-*=0`,
    ]);
  });

  it('is told of no filter that was lost where there was none', () => {
    const { parts, session } = following(['dev-*']);
    parts.subscribers.leave(session);
    parts.subscriber('s', { covers: ['dev-1'] });
    expect(parts.told().filter((line) => line.startsWith('notice'))).toEqual([]);
  });

  it('gets back what it left where nobody says that it starts anew', () => {
    const { parts, session } = following();
    parts.subscribers.leave(session);
    const { fresh: _, silenceMsMin: __, ...join } = parts.join('subscriber', 's');
    parts.subscribers.join(join);
    expect(parts.status('dev-1', 's')).toBe('active');
  });

  it('gets nothing back when it starts anew', () => {
    const { parts, session } = following();
    parts.subscribers.leave(session);
    const next = parts.subscriber('s', { fresh: true, hold: true });
    parts.step();
    expect([parts.told(), parts.status('dev-1', 's')]).toEqual([[`joined ${name(next)} slot-0`], 'none']);
  });
});

describe('what a subscriber left when it holds it on its return', () => {
  function returned(afterMs: number) {
    const { parts, session } = following();
    parts.subscribers.leave(session);
    parts.pass(afterMs);
    const next = parts.subscriber('s', { hold: true });
    return { parts, next };
  }

  it('is named and waits until it asks for it', () => {
    const { parts, next } = returned(1000);
    expect(parts.told()).toEqual([`joined ${name(next)} slot-0 dev-1=disconnected`]);
    expect(parts.timers.dueMs(0)).toBe(parts.clock.nowMs + SILENT_MS);
    parts.pass(1000);
    parts.ask(next, 'subscribe', ['dev-1']);
    expect(parts.status('dev-1', 's')).toBe('active');
  });

  it('expires as if it had not come back, however often it is heard', () => {
    const { parts, next } = returned(REMOVED_MS - 70_000);
    parts.told();
    for (const passed of [50_000, 19_980]) {
      parts.pass(passed);
      parts.heard(next);
      parts.subscribers.heard(next);
      expect(parts.status('dev-1', 's')).toBe('disconnected');
    }
    parts.told();
    parts.pass(30);
    expect(parts.told()).toEqual([`notice ${name(next)} inactiveTooLong dev-1=none`]);
    expect(parts.knows('s')).toBe(true);
  });

  it('expires in time before its subscriber is looked at for silence', () => {
    const { parts } = returned(REMOVED_MS - 10_000);
    parts.pass(9_990);
    expect(parts.status('dev-1', 's')).toBe('disconnected');
    parts.pass(10);
    expect(parts.status('dev-1', 's')).toBe('none');
  });

  it('expires before what it follows is silent, though both times are over', () => {
    const { parts, next } = returned(REMOVED_MS - SILENT_MS);
    parts.ask(next, 'subscribe', ['dev-2']);
    parts.pass(SILENT_MS);
    expect([parts.status('dev-1', 's'), parts.status('dev-2', 's')]).toEqual(['none', 'active']);
    parts.pass(10);
    expect(parts.status('dev-2', 's')).toBe('silent');
  });

  it('is over with the hold: what it asks for later is silent in its own time', () => {
    const { parts, next } = returned(REMOVED_MS - 10_000);
    parts.pass(10_010);
    parts.heard(next);
    parts.ask(next, 'subscribe', ['dev-1']);
    parts.pass(SILENT_MS - 20);
    expect(parts.status('dev-1', 's')).toBe('active');
    parts.pass(30);
    expect(parts.status('dev-1', 's')).toBe('silent');
  });
});

describe('a subscriber that is not heard', () => {
  it('is silent after its time, and what it follows goes after another', () => {
    const { parts, session } = following();
    parts.pass(SILENT_MS - 10);
    expect([parts.status('dev-1', 's'), parts.told()]).toEqual(['active', []]);
    parts.pass(10);
    expect([parts.status('dev-1', 's'), parts.registry.subscribers.rows.silent[0]]).toEqual(['silent', 1]);
    expect(parts.told()).toEqual([
      `notice ${name(session)} silent dev-1=silent`,
      `detach ${name(session)} dev-1`,
    ]);
    parts.pass(REMOVED_MS - SILENT_MS - 10);
    expect(parts.status('dev-1', 's')).toBe('silent');
    parts.pass(10);
    expect(parts.told()).toEqual([`notice ${name(session)} inactiveTooLong dev-1=none`]);
    expect(parts.knows('s')).toBe(true);
  });

  it('is not silent where its edge has heard it meanwhile', () => {
    const { parts, session } = following();
    parts.pass(50_000);
    parts.heard(session);
    parts.pass(SILENT_MS - 10);
    expect(parts.status('dev-1', 's')).toBe('active');
    parts.pass(10);
    expect(parts.status('dev-1', 's')).toBe('silent');
  });

  it('is active again when it is heard, and silent after another time', () => {
    const { parts, session } = following();
    parts.pass(SILENT_MS + 5_000);
    parts.told();
    parts.heard(session);
    parts.subscribers.heard(session);
    expect(parts.registry.subscribers.rows.silent[0]).toBe(0);
    expect(parts.told()).toEqual([
      `notice ${name(session)} heard dev-1=active`,
      `attach ${name(session)} dev-1 0`,
    ]);
    parts.pass(SILENT_MS - 10);
    expect(parts.status('dev-1', 's')).toBe('active');
    parts.pass(10);
    expect(parts.status('dev-1', 's')).toBe('silent');
  });

  it('is let go on what it asks for after its subscriptions have gone', () => {
    const { parts, session } = following(['dev-1'], { times: { subscriberRemoveAfterMs: 30_000 } });
    parts.pass(30_000);
    expect(parts.told()).toEqual([
      `notice ${name(session)} inactiveTooLong dev-1=none`,
      `detach ${name(session)} dev-1`,
    ]);
    expect(parts.registry.subscribers.rows.silent[0]).toBe(1); // its edge says so when it hears it again
  });

  it('may be silent for as long as its protocol says', () => {
    const { parts } = following(['dev-1'], {}, { silenceMsMin: 400_000 });
    parts.pass(399_990);
    expect(parts.status('dev-1', 's')).toBe('active');
    parts.pass(10);
    expect(parts.status('dev-1', 's')).toBe('none');
    const endless = following(['dev-1'], {}, { silenceMsMin: Number.POSITIVE_INFINITY });
    endless.parts.pass(10 * REMOVED_MS);
    expect(endless.parts.status('dev-1', 's')).toBe('active');
  });

  it('has its own time, not that in which the thread of its edge heard nobody', () => {
    const { parts } = following(['dev-1'], {}, { edge: 1 });
    parts.hearts[1]!.beat();
    parts.clock.advance(50_000);
    parts.hearts[1]!.beat();
    parts.pass(SILENT_MS);
    parts.hearts[1]!.beat();
    expect(parts.status('dev-1', 's')).toBe('active');
  });

  it('is not silent where it is heard at the moment at which it is found so', () => {
    const { parts, session } = following();
    const { silent } = parts.registry.subscribers.rows;
    parts.clock.advance(SILENT_MS);
    const { store } = Atomics;
    vi.spyOn(Atomics, 'store').mockImplementation(((cells: Uint8Array, index: number, value: number) => {
      const stored = store(cells, index, value);
      if ((cells as unknown) === silent && value === 1) parts.heard(session);
      return stored;
    }) as never);
    parts.pass(0);
    vi.restoreAllMocks();
    expect([parts.status('dev-1', 's'), silent[0], parts.told()]).toEqual(['active', 0, []]);
    parts.pass(SILENT_MS - 10);
    expect(parts.status('dev-1', 's')).toBe('active');
    parts.pass(20);
    expect(parts.status('dev-1', 's')).toBe('silent');
  });

  it('is not silent while it reads what it had kept', () => {
    const { parts, session } = following(['dev-1', 'dev-2'], { pageBytes: 1 });
    parts.subscribers.leave(session);
    const next = parts.subscriber('s');
    parts.pass(REMOVED_MS + SILENT_MS - 10);
    expect([parts.status('dev-2', 's'), parts.status('dev-1', 's')]).toEqual(['active', 'disconnected']);
    parts.heard(next);
    parts.subscribers.more(next, 0);
    expect(parts.status('dev-1', 's')).toBe('active');
    parts.pass(SILENT_MS - 10);
    expect(parts.status('dev-2', 's')).toBe('active');
    parts.pass(20);
    expect(parts.status('dev-2', 's')).toBe('silent');
  });
});

describe('a subscriber that has left', () => {
  it('is told of nothing, and may come back within its time, counted from when it was lost', () => {
    const { parts, session } = following();
    parts.pass(100_000);
    parts.told();
    parts.subscribers.leave(session);
    expect([parts.status('dev-1', 's'), parts.registry.subscribers.rows.silent[0]]).toEqual([
      'disconnected',
      0,
    ]);
    parts.pass(REMOVED_MS - 10);
    expect(parts.status('dev-1', 's')).toBe('disconnected');
    parts.pass(10);
    expect([parts.status('dev-1', 's'), parts.knows('s'), parts.told()]).toEqual(['none', false, []]);
    expect(parts.registry.subscribers.rows.session[0]).toBe(NONE);
  });

  it.each([1_000, 2 * REMOVED_MS])('is kept for %i ms from then on where it says so', (keepMs) => {
    const { parts, session, slot } = following();
    parts.pass(10_000);
    parts.subscribers.leave(session, keepMs);
    expect(parts.registry.subscribers.rows.lastSeen[slot]).toBe(BigInt(parts.clock.nowMs));
    expect(parts.timers.dueMs(slot)).toBe(parts.clock.nowMs + keepMs);
    parts.subscribers.timer(slot); // too early
    parts.pass(keepMs - 10);
    expect(parts.status('dev-1', 's')).toBe('disconnected');
    parts.pass(10);
    expect([parts.status('dev-1', 's'), parts.knows('s')]).toEqual(['none', false]);
  });

  it('leaves nothing where nothing is to be kept', () => {
    const { parts, session, slot } = following();
    parts.pass(10_000);
    parts.subscribers.leave(session, 0);
    expect(parts.registry.subscribers.rows.lastSeen[slot]).toBe(BigInt(parts.clock.nowMs));
    parts.step();
    expect([parts.status('dev-1', 's'), parts.knows('s')]).toEqual(['none', false]);
  });

  it('is forgotten at once where it has nothing', () => {
    const parts = new OwnerParts();
    parts.subscribers.leave(parts.subscriber('s'));
    expect([parts.knows('s'), parts.timers.count]).toEqual([false, 0]);
  });

  it('loses what it left by its id, unless it is back', () => {
    const { parts, session } = following();
    parts.subscribers.drop('s');
    parts.subscribers.drop('nobody');
    expect(parts.status('dev-1', 's')).toBe('active');
    parts.subscribers.leave(session);
    parts.subscribers.drop('s');
    expect([parts.status('dev-1', 's'), parts.knows('s')]).toEqual(['none', false]);
  });

  it('with everybody else of its edge', () => {
    const { parts } = following();
    const other = parts.subscriber('other', { edge: 1 });
    parts.ask(other, 'subscribe', ['dev-1']);
    parts.subscribers.leaveAll(0);
    expect([parts.status('dev-1', 's'), parts.status('dev-1', 'other')]).toEqual(['disconnected', 'active']);
  });

  it('is not told what it had asked for', () => {
    const { parts, session } = following(['dev-1', 'dev-*']);
    parts.device('dev-2');
    parts.links[0]!.isBehind = true;
    parts.keepBusy(parts.subscriber('busy'));
    parts.write(session, 'list');
    parts.write(session, 'subscribe', ['dev-*']);
    parts.told();
    parts.subscribers.leave(session);
    parts.links[0]!.isBehind = false;
    parts.step();
    expect(parts.told()).toEqual([]);
  });
});
