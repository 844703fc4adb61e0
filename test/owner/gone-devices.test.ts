import { describe, expect, it } from 'vitest';
import { DEVICES_PER_PAGE } from '../../src/limits.ts';
import type { EdgeLink } from '../../src/owner/edge-link.ts';
import { GoneDevices } from '../../src/owner/gone-devices.ts';
import { Registry } from '../../src/owner/registry.ts';
import type { Subscriptions } from '../../src/owner/subscriptions.ts';
import { createPresence } from '../../src/presence/table.ts';
import { Notice, readEntries } from '../../src/records/replies.ts';

function setUp() {
  const registry = new Registry(createPresence({ devices: 1, subscribers: 3, subscriptions: 1 }), 1);
  const told: (readonly [session: number, ids: readonly string[]])[] = [];
  const link = {
    notice(session: number, notice: Notice, entries: Uint8Array, more: boolean) {
      expect([notice, more]).toEqual([Notice.gone, false]);
      told.push([session, readEntries(entries.slice()).map(({ device }) => device)]);
    },
  } as unknown as EdgeLink;
  const subscriptions = { link: () => link } as unknown as Subscriptions;
  const subscriber = (id: string, session: number): number => {
    const slot = registry.ensureSubscriberOf(id);
    if (session > 0) registry.subscribers.rows.session[slot] = session;
    return slot;
  };
  return { gone: new GoneDevices(registry, subscriptions), subscriber, told };
}

describe('devices that are gone', () => {
  it('are told of to each subscriber once, together and in order', () => {
    const { gone, subscriber, told } = setUp();
    const [one, other] = [subscriber('s-1', 64), subscriber('s-2', 128)];
    gone.add(one, 'dev-1');
    gone.add(other, 'dev-1');
    gone.add(one, 'dev-2');
    expect([gone.size, gone.tell()]).toEqual([2, 2]);
    expect(told).toEqual([
      [64, ['dev-1', 'dev-2']],
      [128, ['dev-1']],
    ]);
    expect([gone.size, gone.tell()]).toEqual([0, 0]);
    expect(told).toHaveLength(2);
  });

  it('are not told to a subscriber that is gone itself, nor when it is back', () => {
    const { gone, subscriber, told } = setUp();
    gone.add(subscriber('s-1', 0), 'dev-1');
    expect(gone.tell()).toBe(1);
    subscriber('s-1', 64);
    expect(gone.tell()).toBe(0);
    expect(told).toEqual([]);
  });

  it.each([
    [DEVICES_PER_PAGE, [DEVICES_PER_PAGE]],
    [DEVICES_PER_PAGE + 1, [DEVICES_PER_PAGE, 1]],
    [2 * DEVICES_PER_PAGE, [DEVICES_PER_PAGE, DEVICES_PER_PAGE]],
  ])('are told a page at a time: %i', (count, pages) => {
    const { gone, subscriber, told } = setUp();
    const slot = subscriber('s-1', 64);
    const ids = Array.from({ length: count }, (_, n) => `dev-${n}`);
    for (const id of ids) gone.add(slot, id);
    gone.tell();
    expect(told.map(([, page]) => page.length)).toEqual(pages);
    expect(told.flatMap(([, page]) => page)).toEqual(ids);
  });
});
