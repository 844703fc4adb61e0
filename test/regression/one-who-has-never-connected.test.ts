/**
 * What an operator subscribed for somebody who had never connected counted as kept since the clock's zero: it expired at
 * once when he came with `hold`, or when another owner took over.
 */
import { describe, expect, it } from 'vitest';
import { OwnerHarness } from '../owner/owner-harness.ts';

const REMOVE_AFTER_MS = 300_000;

describe('what an operator subscribed for one who has never connected', () => {
  it('waits for a client that holds it as long as from an ordinary loss', () => {
    const hub = new OwnerHarness({ subscriberInactiveAfterMs: REMOVE_AFTER_MS });
    hub.setRow('dev-1', 's', 'active');
    hub.pass(REMOVE_AFTER_MS / 2);
    hub.connect('s', { hold: true });
    hub.pass(REMOVE_AFTER_MS / 2 - 100);
    expect(hub.status('dev-1', 's')).toBe('inactive/disconnected');
    hub.pass(200);
    expect(hub.status('dev-1', 's')).toBeUndefined();
  });

  it('waits as long with another owner', () => {
    const hub = new OwnerHarness();
    hub.setRow('dev-1', 's', 'active');
    hub.replaceOwner();
    hub.pass(REMOVE_AFTER_MS - 100);
    expect(hub.status('dev-1', 's')).toBe('inactive/disconnected');
    hub.pass(200);
    expect(hub.status('dev-1', 's')).toBeUndefined();
  });
});
