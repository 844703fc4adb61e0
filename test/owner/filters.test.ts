/** Filters beside subscriptions by id, beside each other, and beside what operators set. */
import { describe, expect, it } from 'vitest';
import type { AccessRule } from '../../src/access/rules.ts';
import { DEVICES_PER_PAGE, DEVICES_PER_SLICE } from '../../src/limits.ts';
import type { Frame } from '../support/frames.ts';
import { OwnerHarness } from './owner-harness.ts';

const deny = (device: string): AccessRule => ({ device, subscriber: '*', access: 'deny' });

function framesOf(hub: OwnerHarness): Frame[] {
  return hub.received().flatMap((one) => (one.kind === 'text' ? [one.frame] : []));
}

/** The devices in pages of the filter that came since it was asked last. */
function namedBy(filter: string, hub: OwnerHarness): string[] {
  const pages = framesOf(hub).filter((frame) => frame.op === 'subscribed' && frame.filter === filter);
  return pages.flatMap(({ devices }) =>
    (devices as readonly { device: string }[]).map(({ device }) => device),
  );
}

/** A hub with a device, and a subscriber that follows everything. */
function following(options: ConstructorParameters<typeof OwnerHarness>[0] = {}) {
  const hub = new OwnerHarness(options);
  const device = hub.connectDevice('dev-1');
  const session = hub.connect('s');
  hub.ask(session, 'subscribe', ['dev-*']);
  hub.poll();
  hub.received();
  return { hub, device, session };
}

/** The device is lost, and its time in the table is over. */
function removeDevice(hub: OwnerHarness, session: number): void {
  hub.disconnect(session);
  hub.pass(15_000);
  hub.pass(1_010);
}

describe('several follows of one device', () => {
  it('the page of a filter names a device that is followed by id when it appears', () => {
    const hub = new OwnerHarness();
    const session = hub.connect('s');
    hub.ask(session, 'subscribe', ['dev-1', 'dev-*']);
    hub.poll();
    hub.received();
    hub.connectDevice('dev-1');
    expect(namedBy('dev-*', hub)).toEqual(['dev-1']);
  });

  it.each([
    ['dev-*', 'd*'],
    ['d*', 'dev-*'],
  ])('a device that appears is active where %s is paused and %s is not', (paused, active) => {
    const hub = new OwnerHarness();
    const session = hub.connect('s');
    hub.ask(session, 'subscribe', [paused, active]);
    hub.ask(session, 'pause', [paused]);
    hub.connectDevice('dev-1');
    expect(hub.status('dev-1', 's')).toBe('active');
    expect(namedBy(active, hub)).toContain('dev-1');
  });

  it('resume without devices resumes what was paused one by one beneath an active filter', () => {
    const { hub, session } = following();
    hub.ask(session, 'pause', ['dev-1']);
    expect(hub.status('dev-1', 's')).toBe('inactive/paused');
    hub.ask(session, 'resume');
    hub.poll();
    expect(hub.status('dev-1', 's')).toBe('active');
    expect(namedBy('dev-*', hub)).toEqual(['dev-1']);
  });
});

describe('a device that was resumed beneath a paused filter', () => {
  it('is named and active when its subscriber is back', () => {
    const { hub, session } = following();
    hub.ask(session, 'pause', ['dev-*']);
    hub.ask(session, 'resume', ['dev-1']);
    hub.disconnect(session);
    hub.received();
    hub.connect('s');
    expect(framesOf(hub)[0]).toMatchObject({ op: 'welcome', resumed: ['dev-1'] });
    expect(hub.status('dev-1', 's')).toBe('active');
  });
});

describe('an allow by an operator', () => {
  it.each([
    ['a rule', { rules: [deny('dev-1')] }],
    ['the default access', { defaultAccess: 'deny' }],
  ] as const)('lets filters follow what %s denies', (_, options) => {
    const { hub } = following(options);
    expect(hub.status('dev-1', 's')).toBeUndefined();
    hub.setRow('dev-1', 's', 'allow');
    expect(hub.status('dev-1', 's')).toBe('active');
    expect(namedBy('dev-*', hub)).toEqual(['dev-1']);
  });

  it('brings no row back that an operator deleted, where nothing denies the pair', () => {
    const { hub } = following();
    hub.removeRow('dev-1', 's');
    hub.setRow('dev-1', 's', 'allow');
    expect(hub.status('dev-1', 's')).toBe('allow');
  });

  it('does not let a filter follow what the token does not cover', () => {
    const hub = new OwnerHarness();
    hub.connectDevice('dev-1');
    const session = hub.connect('s', { devices: ['dev-2'] });
    hub.setRow('dev-1', 's', 'allow');
    expect(hub.ask(session, 'subscribe', ['dev-*'])).toMatchObject({ filters: [{ matched: 0 }] });
    hub.setRow('dev-1', 's', 'deny');
    hub.setRow('dev-1', 's', 'allow');
    hub.poll();
    expect(hub.status('dev-1', 's')).toBe('allow');
  });

  it('outlives the filter where the pair is denied without it', () => {
    const { hub, session } = following({ defaultAccess: 'deny' });
    hub.setRow('dev-1', 's', 'allow');
    hub.ask(session, 'unsubscribe', ['dev-*']);
    expect(hub.status('dev-1', 's')).toBe('allow');
  });

  it('is no subscription that a later connection would lose', () => {
    const { hub, session } = following({ defaultAccess: 'deny' });
    hub.setRow('dev-1', 's', 'allow');
    hub.ask(session, 'unsubscribe', ['dev-*']);
    hub.disconnect(session);
    hub.received();
    hub.connect('s');
    expect(framesOf(hub).map(({ op }) => op)).toEqual(['welcome']);
  });

  it.each([false, true])('keeps its device in the table (another owner: %s)', (isReplaced) => {
    const { hub, device } = following({ defaultAccess: 'deny', deviceRemoveAfterMs: 1000 });
    hub.setRow('dev-1', 's', 'allow');
    if (isReplaced) hub.replaceOwner();
    removeDevice(hub, device);
    expect(hub.status('dev-1', 's')).toBe('active');
  });

  it('outlives a token that no longer covers the device', () => {
    const { hub, session } = following({ defaultAccess: 'deny' });
    hub.setRow('dev-1', 's', 'allow');
    hub.disconnect(session);
    hub.connect('s', { devices: ['dev-2'] });
    hub.poll();
    expect(hub.status('dev-1', 's')).toBe('allow');
  });

  it('made no subscription by id: the row ends with the filter', () => {
    const hub = new OwnerHarness();
    hub.connectDevice('dev-1');
    hub.setRow('dev-1', 's', 'allow');
    hub.setRow('dev-2', 's', 'allow');
    const session = hub.connect('s');
    hub.ask(session, 'subscribe', ['dev-*']);
    hub.poll();
    hub.connectDevice('dev-2');
    expect([hub.status('dev-1', 's'), hub.status('dev-2', 's')]).toEqual(['active', 'active']);
    hub.ask(session, 'unsubscribe', ['dev-*']);
    expect([hub.status('dev-1', 's'), hub.status('dev-2', 's')]).toEqual([undefined, undefined]);
  });
});

describe('a denial', () => {
  it('ends the subscription by id: allowed again, the row is the filter’s alone', () => {
    const { hub, session } = following();
    hub.ask(session, 'subscribe', ['dev-1']);
    hub.setRow('dev-1', 's', 'deny');
    hub.setRow('dev-1', 's', 'allow');
    expect(hub.status('dev-1', 's')).toBe('active');
    hub.ask(session, 'unsubscribe', ['dev-*']);
    expect(hub.status('dev-1', 's')).toBeUndefined();
  });

  it('that an operator makes active is a subscription by id', () => {
    const { hub, session } = following();
    hub.setRow('dev-1', 's', 'deny');
    hub.setRow('dev-1', 's', 'active');
    hub.ask(session, 'unsubscribe', ['dev-*']);
    expect(hub.status('dev-1', 's')).toBe('active');
    expect(hub.ask(session, 'unsubscribe', ['dev-1']).errors).toBeUndefined();
  });

  it('keeps its device in the table when the filter is given up', () => {
    const { hub, session, device } = following({ deviceRemoveAfterMs: 1000 });
    hub.setRow('dev-1', 's', 'deny');
    hub.ask(session, 'unsubscribe', ['dev-*']);
    removeDevice(hub, device);
    expect(hub.status('dev-1', 's')).toBe('deny');
  });
});

describe('a row that an operator deleted', () => {
  it('stays away when rules change that never denied it', () => {
    const { hub } = following({ rules: [deny('dev-2')] });
    hub.connectDevice('dev-2');
    hub.removeRow('dev-1', 's');
    hub.setRules([]);
    hub.poll();
    expect(hub.status('dev-1', 's')).toBeUndefined();
    expect(hub.status('dev-2', 's')).toBe('active');
  });

  it('is back when the filter is subscribed to again', () => {
    const { hub, session } = following();
    hub.removeRow('dev-1', 's');
    hub.ask(session, 'subscribe', ['dev-*']);
    hub.poll();
    expect(hub.status('dev-1', 's')).toBe('active');
  });
});

const FLEET = 1500; // devices come in two pages

/** @param own a device that is followed by id, too @param allowed one that an operator allowed */
function fleet(own?: string, allowed?: string): { hub: OwnerHarness; session: number } {
  const hub = new OwnerHarness();
  for (let n = 0; n < FLEET; n++) hub.connectDevice(`dev-${n}`);
  const session = hub.connect('s');
  if (own !== undefined) hub.ask(session, 'subscribe', [own]);
  if (allowed !== undefined) hub.setRow(allowed, 's', 'allow');
  hub.ask(session, 'subscribe', ['dev-*']);
  hub.poll();
  return { hub, session };
}

/** Reads pages of filters until none is promised. @returns the devices that they named */
function readPages(hub: OwnerHarness, session: number): Set<string> {
  const named = new Set<string>();
  for (let polls = 0; polls < 20; polls++) {
    hub.poll();
    for (const { device } of hub.readPages(session)) named.add(device);
  }
  return named;
}

describe('pages that wait for their reader', () => {
  it('come in shorter slices where the edge asks for that', () => {
    const hub = new OwnerHarness();
    for (let n = 0; n < 100; n++) hub.connectDevice(`dev-${n}`);
    const session = hub.connect('s');
    hub.received();
    hub.follow(session, ['*'], 30);
    for (let polls = 0; polls < 100; polls++) hub.poll();
    const pages = framesOf(hub).filter(({ filter }) => filter === '*');
    const sizes = pages.map(({ devices }) => (devices as readonly object[]).length);
    expect(sizes).toEqual([30, 30, 30, 10]);
    expect(hub.followed('s')).toBe(100);
  });

  it('come in slices of a millisecond, as many as make a page, and then wait', () => {
    const hub = new OwnerHarness();
    for (let n = 0; n < 1500; n++) hub.connectDevice(`dev-${n}`);
    const session = hub.connect('s');
    hub.received();
    hub.follow(session, ['*']);
    for (let polls = 0; polls < 100; polls++) hub.poll();
    const pages = framesOf(hub).filter(({ filter }) => filter === '*');
    const sizes = pages.map(({ devices }) => (devices as readonly object[]).length);
    expect(Math.max(...sizes)).toBe(DEVICES_PER_SLICE);
    expect(pages.every(({ more }) => more === true)).toBe(true);
    const unread = sizes.reduce((sum, size) => sum + size, 0);
    expect(unread).toBeGreaterThanOrEqual(DEVICES_PER_PAGE);
    expect(unread).toBeLessThan(DEVICES_PER_PAGE + DEVICES_PER_SLICE);
    hub.readPages(session);
    for (let polls = 0; polls < 100; polls++) hub.poll();
    expect(hub.followed('s')).toBe(1500);
    expect(framesOf(hub).at(-1)).toMatchObject({ filter: '*', more: false });
  });

  it('go on with a later connection', () => {
    const { hub, session } = fleet();
    hub.disconnect(session);
    const next = hub.connect('s');
    expect(readPages(hub, next).size).toBe(FLEET);
    expect(hub.followed('s')).toBe(FLEET);
  });

  it('go on with another owner', () => {
    const { hub, session } = fleet();
    hub.replaceOwner();
    readPages(hub, session);
    expect(hub.followed('s')).toBe(FLEET);
  });

  it('give a filter that was paused meanwhile paused devices', () => {
    const [own, allowed] = [`dev-${FLEET - 1}`, `dev-${FLEET - 2}`];
    const { hub, session } = fleet(own, allowed);
    hub.ask(session, 'pause');
    readPages(hub, session);
    expect(hub.followed('s')).toBe(0);
    expect([hub.status(own, 's'), hub.status(allowed, 's')]).toEqual(['inactive/paused', 'inactive/paused']);
    hub.ask(session, 'resume');
    readPages(hub, session);
    expect(hub.followed('s')).toBe(FLEET);
  });

  it('are joined by a device that appears while a filter is active again', () => {
    const { hub, session } = fleet();
    readPages(hub, session);
    hub.disconnect(session);
    const next = hub.connect('s');
    hub.poll();
    hub.connectDevice('dev-new');
    expect(readPages(hub, next)).toContain('dev-new');
    expect(hub.status('dev-new', 's')).toBe('active');
  });
});
