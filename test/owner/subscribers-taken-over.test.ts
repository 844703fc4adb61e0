/** Subscribers whose owner has died: `subscribers.ts`. */
import { describe, expect, it } from 'vitest';
import type { Join } from '../../src/records/requests.ts';
import { nameOfSession as name } from './noted-link.ts';
import { type Coming, OwnerParts, type PartsOptions } from './owner-parts.ts';

const SILENT_MS = 60_000;
const REMOVED_MS = 300_000;

/** A subscriber that follows two devices when its owner dies after so long. */
function takenOver(
  coming: Coming = {},
  options: PartsOptions = {},
  before: (parts: OwnerParts) => void = () => {},
) {
  const first = new OwnerParts(options);
  const join = first.join('subscriber', 's', coming);
  first.subscribers.join(join);
  first.ask(join.session, 'subscribe', ['dev-1', 'dev-2']);
  before(first);
  const parts = first.another();
  const session = name(join.session);
  const rejoin = (change: Partial<Join> = {}): void => {
    parts.subscribers.rejoin({ ...join, ...change });
    parts.step();
  };
  return { parts, first, join, session, rejoin, again: () => rejoin({ again: true }) };
}

describe('a subscriber that its edge still holds', () => {
  it('gets what it got before', () => {
    const { parts, session, again } = takenOver({ vip: true });
    again();
    expect(parts.told()).toEqual([
      `vip ${session} true`,
      `attach ${session} dev-2 0`,
      `attach ${session} dev-1 0`,
    ]);
    expect(parts.subscribers.unconfirmedOf(0)).toEqual([]);
    expect(parts.status('dev-1', 's')).toBe('active');
  });

  it('is bound by its token, and may be as silent as its protocol says', () => {
    const { parts, join, again } = takenOver({ covers: ['dev-*'], silenceMsMin: 400_000 });
    again();
    expect(parts.told()[0]).toBe(`vip ${name(join.session)} false`);
    expect(parts.subscribers.covers('s', 'other')).toBe(false);
    parts.pass(399_980);
    expect(parts.status('dev-1', 's')).toBe('active');
  });

  it('is silent in its own time', () => {
    const { parts, again } = takenOver({}, {}, (first) => first.pass(20_000));
    again();
    expect(parts.timers.dueMs(0)).toBe(parts.clock.nowMs + SILENT_MS - 20_000);
    parts.pass(SILENT_MS - 20_010);
    expect(parts.status('dev-1', 's')).toBe('active');
    parts.pass(10);
    expect(parts.status('dev-1', 's')).toBe('silent');
  });

  it('was silent, and is so in all that it follows', () => {
    const { parts, session, again } = takenOver({}, {}, (first) => {
      first.pass(SILENT_MS);
      // it died before all was done
      first.registry.setRowState(first.row('dev-1', 's'), 2);
    });
    parts.step();
    again();
    expect([parts.status('dev-1', 's'), parts.status('dev-2', 's')]).toEqual(['silent', 'silent']);
    expect(parts.told()).toEqual([`detach ${session} dev-1`, `vip ${session} false`]);
  });

  it.each([
    [false, 'active'],
    [true, 'disconnected'],
  ])('gets the rest back of what was still on its way to it, unless it holds that: %s', (hold, state) => {
    const { parts, session, rejoin } = takenOver({}, {}, (first) =>
      first.registry.setRowState(first.row('dev-1', 's'), 5),
    );
    rejoin({ again: true, hold });
    expect(parts.status('dev-1', 's')).toBe(state);
    expect(parts.told().filter((line) => line.startsWith('notice'))).toEqual(
      hold ? [] : [`notice ${session} resumed dev-2=active dev-1=active`],
    );
  });

  it('holds a filter, of which no device is there, as long as what it holds else', () => {
    const { parts, session, join, rejoin } = takenOver({}, {}, (first) => {
      first.ask(64, 'subscribe', ['x-*']);
      first.ask(64, 'unsubscribe', ['dev-1', 'dev-2']);
      first.registry.filters.setState(first.registry.filters.find(0, 'x-'), 5);
    });
    rejoin({ again: true, hold: true });
    parts.told();
    for (let passed = 0; passed <= REMOVED_MS; passed += 50_000) {
      parts.heard(join.session);
      parts.pass(50_000);
    }
    expect(parts.told()).toEqual([`notice ${session} inactiveTooLong x-*=5`]);
  });

  it('is told of nothing that is resumed where nothing was on its way', () => {
    const { parts, again } = takenOver({}, {}, (first) => {
      first.ask(64, 'pause', ['dev-1']);
    });
    again();
    expect(parts.told().filter((line) => line.startsWith('notice'))).toEqual([]);
    expect(parts.status('dev-1', 's')).toBe('paused');
  });

  it('gets the devices of its filters that were on their way', () => {
    const { parts, session, again } = takenOver({}, { pageBytes: 1 }, (first) => {
      first.device('x-1');
      first.device('x-2');
      first.ask(64, 'subscribe', ['x-*']);
    });
    again();
    expect(parts.told().filter((line) => line.startsWith(`page ${session}`)).length).toBe(1);
  });

  it('was replaced or kicked before: its edge is to close it', () => {
    const parts = new OwnerParts().another();
    const join = parts.join('subscriber', 's', { edge: 1, again: true });
    parts.subscribers.rejoin(join);
    expect(parts.told()).toEqual([`close ${name(join.session)} 4005`]);
    parts.subscriber('s');
    parts.told();
    parts.subscribers.rejoin(join);
    expect(parts.told()).toEqual([`close ${name(join.session)} 4004`]);
    const left = parts.join('subscriber', 'left', { again: true });
    parts.setRow('dev-1', 'left', 'deny');
    parts.subscribers.rejoin(left);
    expect(parts.told()).toEqual([`close ${name(left.session)} 4005`]);
  });
});

describe('a subscriber that was not welcomed yet', () => {
  it('joins where nobody has heard of it', () => {
    const parts = new OwnerParts().another();
    const join = parts.join('subscriber', 's');
    parts.subscribers.rejoin(join);
    expect(parts.told()).toEqual([`joined ${name(join.session)} slot-0`]);
  });

  it('joins anew where it was let in, or half so', () => {
    const { parts, session, rejoin } = takenOver();
    rejoin();
    expect(parts.told()).toEqual([
      `joined ${session} slot-0 dev-2=active dev-1=active`,
      `attach ${session} dev-2 0`,
      `attach ${session} dev-1 0`,
    ]);
    rejoin();
    expect(parts.told()).toEqual([]);
  });
});

describe('a subscriber that its edge does not name', () => {
  it('is not connected any more', () => {
    const { parts, join } = takenOver({ edge: 1 });
    expect(parts.subscribers.unconfirmedOf(0)).toEqual([]);
    expect(parts.status('dev-1', 's')).toBe('active');
    for (const session of parts.subscribers.unconfirmedOf(1)) parts.subscribers.leave(session);
    expect(parts.status('dev-1', 's')).toBe('disconnected');
    parts.subscribers.heard(join.session);
    expect(parts.told()).toEqual([]);
  });
});

describe('a subscriber that was gone already', () => {
  it('goes in its own time, and what it left unfinished is done', () => {
    const { parts } = takenOver({}, {}, (first) => {
      first.pass(20_000);
      first.heard(64);
      first.keepBusy(first.subscriber('busy'));
      first.subscribers.leave(64);
    });
    parts.step();
    expect(parts.status('dev-1', 's')).toBe('disconnected');
    parts.pass(REMOVED_MS - 10);
    expect(parts.status('dev-1', 's')).toBe('disconnected');
    parts.pass(10);
    expect([parts.status('dev-1', 's'), parts.knows('s')]).toEqual(['none', false]);
  });

  it('that has never been here has all its time from now on', () => {
    const first = new OwnerParts();
    first.setRow('dev-1', 's', 'inactive');
    first.pass(100_000);
    const parts = first.another();
    parts.pass(REMOVED_MS - 10);
    expect(parts.status('dev-1', 's')).toBe('paused');
    parts.pass(10);
    expect(parts.status('dev-1', 's')).toBe('none');
  });

  it('has no timer once its row is free', () => {
    const first = new OwnerParts();
    first.subscribers.leave(first.subscriber('s'));
    const other = first.subscriber('other');
    first.subscriber('third');
    first.subscribers.leave(other);
    const parts = first.another();
    expect(parts.timers.count).toBe(1);
  });
});
