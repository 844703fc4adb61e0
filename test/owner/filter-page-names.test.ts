/** How pages of filters are named for `More`: `filter-pages.ts`. */
import { expect, it } from 'vitest';
import { FilterPages, isFilterPage } from '../../src/owner/filter-pages.ts';
import { RowsHarness } from './rows-harness.ts';

/** @returns the names of so many pages */
function namesOf(count: number, first?: number): number[] {
  const hub = new RowsHarness();
  const about = {
    subscriber: hub.subscriber('s'),
    session: hub.connect('s'),
    slot: hub.filter('dev-*', 's'),
  };
  const pages = new FilterPages(hub.deps, first);
  return Array.from(
    { length: count },
    () => pages.job({ ...about, filter: 'dev-*', input: 'subscribe' }).page,
  );
}

it('a page of a filter has a name of its own, which no request has', () => {
  const [one, other] = namesOf(2);
  expect([isFilterPage(one!), isFilterPage(other!), one === other]).toEqual([true, true, false]);
  expect([isFilterPage(0), isFilterPage(2 ** 31)]).toEqual([false, false]);
});

it('the last name is followed by the first', () => {
  const [first] = namesOf(1);
  const last = 2 ** 32 - 1;
  expect(namesOf(3, last)).toEqual([last, first, first! + 1]);
});
