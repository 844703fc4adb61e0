/**
 * Who follows a device by a filter was told that it had gone after he was told that it was back: so he took it for gone,
 * and got its events.
 */
import { describe, expect, it } from 'vitest';
import { OwnerHarness } from '../owner/owner-harness.ts';

const GRACE_MS = 15_000;
const REMOVE_AFTER_MS = 300_000;

/** A device that `s` followed by a filter has gone, in the owner's last look at its timers. */
function withDeviceGone() {
  const hub = new OwnerHarness({ subscriberInactiveAfterMs: 1e6, subscriberRemoveAfterMs: 1e6 });
  const device = hub.connectDevice('dev-1');
  const session = hub.connect('s');
  hub.ask(session, 'subscribe', ['dev-*']);
  hub.readPages(session);
  hub.disconnect(device);
  hub.pass(GRACE_MS + 20);
  hub.received();
  hub.pass(REMOVE_AFTER_MS + 20);
  expect(hub.reader.findDevice('dev-1')).toBe(-1);
  return { hub, session };
}

const opsOf = (hub: OwnerHarness): unknown[] =>
  hub
    .received()
    .flatMap((one) => (one.kind === 'text' ? [one.frame['op']] : one.kind === 'event' ? ['event'] : []));

describe('a device that has gone and is back at once', () => {
  it('is told to have gone before it is told to be back', () => {
    const { hub } = withDeviceGone();
    hub.connectDevice('dev-1');
    expect(opsOf(hub)).toEqual(['removed', 'subscribed', 'event']);
  });

  it('is told to have gone before a subscribe that names it is answered', () => {
    const { hub, session } = withDeviceGone();
    hub.write(session, 'subscribe', ['dev-1']);
    hub.poll();
    expect(opsOf(hub)).toEqual(['removed', 'subscribed']);
  });
});
