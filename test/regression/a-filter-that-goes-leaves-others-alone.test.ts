/**
 * An unsubscribe from a filter frees the filter's slot at once and goes through the rows later. When its session ended
 * in between, the slot was put back as it had been, though it was another subscriber's filter by then.
 */
import { expect, it } from 'vitest';
import { ALL_TYPES, typeBits } from '../../src/wire/events.ts';
import { RowsHarness } from '../owner/rows-harness.ts';

it('one who leaves while a filter of theirs goes changes nothing of the filter that has taken its slot', () => {
  const hub = new RowsHarness();
  const session = hub.connect('s');
  const slot = hub.filter('a*', 's', 'paused', typeBits.status);
  hub.ask('s', 'unsubscribe', ['a*']);
  hub.connect('t');
  expect(hub.filter('b*', 't')).toBe(slot);
  hub.filters.sessionOver(session);
  expect(hub.filterStates('t')).toEqual(['b* active']);
  expect(hub.registry.filters.slab.rows.types[slot]).toBe(ALL_TYPES);
  expect(hub.filterStates('s')).toEqual([]);
});
