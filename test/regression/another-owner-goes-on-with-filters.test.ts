/**
 * An owner that died while a subscriber's filters were on their way through its rows left some as they were, and the next
 * owner did not go on where there were more than one slice of them.
 */
import { describe, expect, it } from 'vitest';
import { SLICE_CHANGES, SLICE_SLOTS, SLICES_PER_STEP } from '../../src/owner/filter-jobs.ts';
import { OwnerHarness } from '../owner/owner-harness.ts';

const MORE_THAN_A_SLICE = SLICE_SLOTS + 1;

/** A subscriber whose filter follows so many devices. */
function follower(devices: number) {
  const hub = new OwnerHarness({ capacity: { devices, subscribers: 4, subscriptions: devices } });
  for (let n = 0; n < devices; n++) hub.connectDevice(`dev-${n}`);
  const session = hub.connect('s');
  hub.ask(session, 'subscribe', ['dev-*']);
  const read = (by: number): void => {
    for (let n = 0; n < 100; n++) {
      hub.poll();
      hub.readPages(by);
    }
  };
  read(session);
  expect(hub.followed('s')).toBe(devices);
  return { hub, session, read };
}

describe('another owner', () => {
  it('goes on with a reconnect that the one before had begun, however many rows there are', () => {
    const { hub, session, read } = follower(MORE_THAN_A_SLICE);
    hub.disconnect(session);
    for (let n = 0; n < 10; n++) hub.poll();
    const again = hub.connect('s');
    expect(hub.followed('s')).toBeLessThan(MORE_THAN_A_SLICE);
    hub.replaceOwner();
    read(again);
    expect(hub.followed('s')).toBe(MORE_THAN_A_SLICE);
  });

  it('goes on with the end of a filter whose rows the one before had not all seen', () => {
    const { hub, session } = follower(SLICES_PER_STEP * SLICE_CHANGES + 1);
    hub.write(session, 'unsubscribe', ['dev-*']);
    hub.poll();
    expect(hub.followed('s')).toBeGreaterThan(0);
    hub.replaceOwner();
    hub.poll();
    expect(hub.followed('s')).toBe(0);
  });
});
