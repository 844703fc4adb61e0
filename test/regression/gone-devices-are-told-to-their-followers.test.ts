/**
 * Who follows a device that has gone is told with the next look at the rings. One who had the follower's slot by then was
 * told instead, of a device that they may not even know of.
 */
import { expect, it } from 'vitest';
import { ToOwner } from '../../src/records/commands.ts';
import { OwnerHarness } from '../owner/owner-harness.ts';

const LEAVE_GRACE_MS = 15_000;
const REMOVE_AFTER_MS = 300_000;

it('a device that has gone is not told to one who has taken the place of its follower', () => {
  const hub = new OwnerHarness({ subscriberInactiveAfterMs: 1e6, subscriberRemoveAfterMs: 1e6 });
  const device = hub.connectDevice('dev-1');
  hub.ask(hub.connect('s'), 'subscribe', ['dev-*']);
  hub.poll();
  hub.disconnect(device);
  hub.pass(LEAVE_GRACE_MS + 20);
  hub.pass(REMOVE_AFTER_MS + 20);
  expect(hub.reader.findDevice('dev-1')).toBe(-1);
  const slot = hub.reader.findSubscriber('s');
  hub.owner.operate({ kind: ToOwner.Kick, subscriber: 's', forget: true });
  hub.received();
  const session = hub.connect('t');
  expect(hub.reader.findSubscriber('t')).toBe(slot);
  hub.poll();
  expect(hub.received()).toMatchObject([{ kind: 'text', session, frame: { op: 'welcome' } }]);
});
