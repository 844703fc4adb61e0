import { describe, expect, it } from 'vitest';
import { collectTotals } from '../../src/admin/figures.ts';
import { lookNow } from '../../src/admin/looks.ts';
import { RecentRates } from '../../src/admin/rates.ts';
import { Counter } from '../../src/memory/counters.ts';
import { FakeHub } from './fake-hub.ts';

const NONE = { windowSeconds: 0, eventsPerSecond: 0, deliveriesPerSecond: 0 };

/** The rates of a hub whose seconds the test counts. */
function recent() {
  const { deps, clock, main } = new FakeHub();
  const rates = new RecentRates();
  const look = (): void => rates.add(lookNow(clock, collectTotals(deps)));
  return { main, clock, look, now: () => rates.upTo(clock.now(), collectTotals(deps)) };
}

describe('the recent rates', () => {
  it('are none before there was a look, and at the first one', () => {
    const { look, now } = recent();
    expect(now()).toEqual(NONE);
    look();
    expect(now()).toEqual(NONE);
  });

  it('count events of every type, up to now and not up to the last look', () => {
    const { main, clock, look, now } = recent();
    look();
    main.cells[Counter.receivedPong] = 1;
    main.cells[Counter.receivedMessage] = 2;
    clock.advance(1000);
    look();
    main.cells[Counter.receivedStatus] = 3;
    main.cells[Counter.deliveries] = 30;
    clock.advance(500);
    expect(now()).toEqual({ windowSeconds: 1.5, eventsPerSecond: 4, deliveriesPerSecond: 20 });
  });

  it('look back over the last ten seconds only', () => {
    const { main, clock, look, now } = recent();
    look();
    main.cells[Counter.receivedMessage] = 1_000_000; // a burst, then silence
    for (let second = 0; second < 30; second++) {
      clock.advance(1000);
      look();
    }
    expect(now()).toEqual({ ...NONE, windowSeconds: 9 });
  });
});
