/**
 * A subscription by id keeps an offline device in the table, one by a filter does not. A device that was unsubscribed by
 * id, and that a filter goes on following, stayed for ever.
 */
import { expect, it } from 'vitest';
import { OwnerHarness } from '../owner/owner-harness.ts';

const LEAVE_GRACE_MS = 15_000;
const REMOVE_AFTER_MS = 300_000;

it('an offline device is removed in time once only a filter follows it', () => {
  const hub = new OwnerHarness({ subscriberInactiveAfterMs: 1e6, subscriberRemoveAfterMs: 1e6 });
  const device = hub.connectDevice('dev-1');
  const session = hub.connect('s');
  hub.ask(session, 'subscribe', ['dev-*', 'dev-1']);
  hub.disconnect(device);
  hub.pass(LEAVE_GRACE_MS + 20);
  hub.pass(REMOVE_AFTER_MS + 20);
  expect(hub.reader.findDevice('dev-1')).toBe(0);
  hub.ask(session, 'unsubscribe', ['dev-1']);
  hub.pass(REMOVE_AFTER_MS - 20);
  expect(hub.reader.findDevice('dev-1')).toBe(0);
  hub.received();
  hub.pass(40);
  hub.poll();
  expect(hub.reader.findDevice('dev-1')).toBe(-1);
  const removed = { op: 'removed', devices: ['dev-1'], code: 123, reason: 'device gone' };
  expect(hub.received()).toContainEqual({ kind: 'text', session, frame: removed });
});
