/**
 * A subscriber that followed nothing and was taken over lost its row in the table: the next one to come got the same row,
 * and one's requests, rows and connections were the other's.
 */
import { expect, it } from 'vitest';
import { OwnerHarness } from '../owner/owner-harness.ts';

it('a takeover of a subscriber that follows nothing keeps its row', () => {
  const hub = new OwnerHarness();
  hub.connect('one');
  const second = hub.connect('one');
  const other = hub.connect('other');
  hub.disconnect(second);
  expect(hub.ask(other, 'subscribe', ['dev-1']).devices).toMatchObject([{ device: 'dev-1' }]);
  expect(hub.status('dev-1', 'other')).toBe('active');
});
