import { describe, expect, it } from 'vitest';
import { ROWS_PER_STEP } from '../../src/owner/sweeps.ts';
import { OwnerHarness } from './owner-harness.ts';

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
