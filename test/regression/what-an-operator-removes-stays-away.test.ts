/**
 * A row that an operator deleted stays away until its filter is subscribed to again. Pages of a subscribe before that,
 * which its subscriber had not read yet, brought it back.
 */
import { describe, expect, it } from 'vitest';
import { DEVICES_PER_PAGE } from '../../src/limits.ts';
import { OwnerHarness } from '../owner/owner-harness.ts';

const DEVICES = DEVICES_PER_PAGE + 10;
const LAST = `dev-${DEVICES - 1}`;

/** A subscriber whose filter follows all devices. */
function follower() {
  const hub = new OwnerHarness();
  for (let n = 0; n < DEVICES; n++) hub.connectDevice(`dev-${n}`);
  const session = hub.connect('s');
  const subscribe = (): void => void hub.ask(session, 'subscribe', ['dev-*']);
  const read = (): void => {
    for (let n = 0; n < 40; n++) {
      hub.poll();
      hub.readPages(session);
    }
  };
  subscribe();
  read();
  expect(hub.followed('s')).toBe(DEVICES);
  return { hub, subscribe, read };
}

describe('a row that an operator removes', () => {
  it('is not brought back by pages that were on their way', () => {
    const { hub, subscribe, read } = follower();
    subscribe();
    hub.removeRow(LAST, 's');
    read();
    expect([hub.followed('s'), hub.status(LAST, 's')]).toEqual([DEVICES - 1, undefined]);
    subscribe();
    read();
    expect(hub.status(LAST, 's')).toBe('active');
  });

  it('is brought back by them where it was denied before and the device is named again', () => {
    const { hub, subscribe, read } = follower();
    hub.setRow(LAST, 's', 'deny');
    subscribe();
    hub.removeRow(LAST, 's'); // the denial is lifted
    read();
    expect(hub.status(LAST, 's')).toBe('active');
  });
});
