/** A subscriber without subscriptions whose second connection replaced its first lost its row, and shared it with the next. */
import { expect, it } from 'vitest';
import { OwnerHarness } from '../owner/owner-harness.ts';

it('a subscriber without subscriptions keeps its row when it connects again', () => {
  const hub = new OwnerHarness();
  hub.connect('b');
  hub.connect('b');
  const slot = hub.reader.findSubscriber('b');
  expect(slot).toBeGreaterThanOrEqual(0);
  expect(hub.reader.subscriber(slot)).toMatchObject({ subscriber: 'b', connected: true });
  hub.connect('a');
  expect(hub.reader.findSubscriber('a')).not.toBe(slot);
});
