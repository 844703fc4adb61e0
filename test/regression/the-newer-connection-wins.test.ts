/**
 * The owner reads one ring after the other, so it may hear of the newer of two connections of an id first. The older one
 * then took its place, and the newer one was closed as replaced, which tells its client not to come back.
 */
import { describe, expect, it } from 'vitest';
import { REQUEST_WORK_PER_POLL } from '../../src/limits.ts';
import { nameOfSession as name } from '../owner/noted-link.ts';
import { OwnerRings } from '../owner/owner-rings.ts';

/** More joins than are worked off in one turn. */
const STORM = REQUEST_WORK_PER_POLL / 2;

describe('of two connections of an id whose joins are read in the wrong order, the newer one wins', () => {
  it('of a subscriber', () => {
    const hub = new OwnerRings();
    const older = hub.join('subscriber', 's', 0);
    const newer = hub.join('subscriber', 's', 1);
    hub.poll();
    expect(hub.told().filter((line) => line.startsWith('close'))).toEqual([`close ${name(older)} 4004`]);
    expect(hub.owner.registry.subscribers.rows.session[0]).toBe(newer);
  });

  it.each(['device', 'gateway'] as const)('of a %s, in a storm of them', (kind) => {
    const hub = new OwnerRings({ devices: STORM + 1 });
    for (let n = 0; n < STORM; n++) hub.join(kind, `other-${n}`, 0);
    const older = hub.join(kind, 'mine', 0);
    const newer = hub.join(kind, 'mine', 1);
    for (let polls = 0; polls < 10; polls++) hub.poll();
    const told = hub.told();
    expect(told.filter((line) => line.startsWith('close'))).toEqual([`close ${name(older)} 4004`]);
    expect(told.filter((line) => line.startsWith('release'))).toEqual([]);
    expect(told.filter((line) => line.startsWith(`joined ${name(newer)}`))).toHaveLength(1);
  });
});
