/** What an owner that takes over does with what edges say until it has heard of all of them. */
import { describe, expect, it } from 'vitest';
import { NONE } from '../../src/presence/columns.ts';
import {
  writeActive,
  writeDeregister,
  writeLeave,
  writeMore,
  writeRegister,
  writeSynced,
  writeWill,
} from '../../src/records/requests.ts';
import { nameOfSession as name } from './noted-link.ts';
import { OwnerRings } from './owner-rings.ts';

const GRACE_MS = 15_000;
const STALE_MS = 60_000;
/** More than a timer may be late. */
const SLACK_MS = 200;

/** The second edge has a subscriber that follows the device of the first one; both are named to the new owner. */
function takeOver({ hasCluster = false } = {}) {
  const first = new OwnerRings();
  const device = first.join('device', 'dev-1', 0);
  const subscriber = first.join('subscriber', 's', 1);
  first.poll();
  first.ask(subscriber, 'subscribe', ['dev-1']);
  first.poll();
  const hub = new OwnerRings({ after: first, hasCluster });
  hub.join('device', 'dev-1', 0, { session: device, again: true });
  if (!hasCluster) hub.join('subscriber', 's', 1, { session: subscriber, again: true });
  hub.poll();
  hub.told();
  const sync = (edge: number): void => writeSynced(hub.rings[edge]!, { term: 0 });
  return { hub, device, subscriber, sync };
}

/** Of the device. */
const sessionOf = (hub: OwnerRings): number => hub.owner.registry.devices.rows.session[0]!;

describe('an owner that takes over', () => {
  it('takes what edges asked for before they have said all as unasked: they ask again', () => {
    const { hub, subscriber, sync } = takeOver();
    hub.ask(subscriber, 'list');
    for (let n = 0; n < 2; n++) writeMore(hub.rings[1]!, { session: subscriber, request: 0 });
    for (const edge of [0, 1]) sync(edge);
    hub.poll(); // what costs nothing is taken in one go
    expect(hub.owner.isWhole).toBe(true);
    hub.poll();
    expect(hub.told().filter((line) => line.startsWith('answer'))).toEqual([]);
  });

  it('leaves what an edge says after that where it is, until it has heard of all', () => {
    const { hub, subscriber, sync } = takeOver();
    sync(1);
    hub.ask(subscriber, 'list');
    hub.poll();
    expect([hub.told().includes('resynced'), hub.owner.hasRecords()]).toEqual([true, true]);
    sync(0);
    for (let polls = 0; polls < 2; polls++) hub.poll();
    expect(hub.told()).toContain(`answer ${name(subscriber)} 1 dev-1=active`);
    expect(hub.owner.hasRecords()).toBe(false);
  });

  it('lets newcomers of MQTT in once every edge has said whom it holds', () => {
    const { hub, sync } = takeOver();
    writeRegister(hub.rings[0]!, { session: 6400, id: 'c', clean: false, again: false, ticket: 1 });
    hub.poll();
    expect(hub.told()).toEqual([]);
    for (const edge of [0, 1]) sync(edge);
    hub.poll();
    expect(hub.told()).toContain('registered 100@0 undefined');
  });

  it('has what absent clients of MQTT left with the one before', () => {
    const first = new OwnerRings();
    writeRegister(first.rings[0]!, { session: 64, id: 'c', clean: false, again: false, ticket: 1 });
    writeDeregister(first.rings[0]!, { session: 64, id: 'c', keepMs: 5000, kept: 'state' });
    first.poll();
    expect(first.estate.clients.get('c')?.text).toBe('state');
    const hub = new OwnerRings({ after: first });
    for (const ring of hub.rings) writeSynced(ring, { term: 0 });
    writeRegister(hub.rings[0]!, { session: 128, id: 'c', clean: false, again: false, ticket: 1 });
    for (let polls = 0; polls < 2; polls++) hub.poll();
    expect(hub.told()).toContain('registered 2@0 state');
    expect(hub.estate.clients.size).toBe(0);
  });

  it('lets subscribers and gateways go at once', () => {
    const { hub, subscriber } = takeOver();
    const gateway = hub.join('gateway', 'g', 0);
    writeLeave(hub.rings[0]!, { session: gateway, clean: true });
    writeLeave(hub.rings[1]!, { session: subscriber, clean: true });
    hub.poll();
    expect(hub.owner.registry.subscribers.rows.session[0]).toBe(NONE);
    hub.join('gateway', 'g', 1);
    hub.poll();
    expect(hub.told().filter((line) => line.startsWith('close'))).toEqual([]);
  });

  it('lets devices go when it has heard of all, after what they have said', () => {
    const { hub, device, sync } = takeOver();
    hub.say(device, 'last words');
    writeLeave(hub.rings[0]!, { session: device, clean: true, confirm: true });
    hub.poll();
    expect([hub.told(), sessionOf(hub)]).toEqual([[], device]);
    for (const edge of [0, 1]) sync(edge);
    hub.poll();
    expect(hub.told().slice(-3)).toEqual([
      'event dev-1 1 message last words',
      'event dev-1 2 status {"state":"offline","reason":"closed"}',
      `left ${name(device)}`,
    ]);
    expect(sessionOf(hub)).toBe(NONE);
  });
});

describe('an owner that has not heard of all edges', () => {
  it('tells nobody that a device was heard: not all edges know who may get that', () => {
    const { hub, device, subscriber, sync } = takeOver();
    hub.pass(STALE_MS); // nothing fires yet
    for (const edge of [0, 1]) sync(edge);
    hub.poll();
    hub.pass(SLACK_MS);
    writeActive(hub.rings[1]!, { session: subscriber });
    hub.poll();
    expect(hub.state('dev-1')).toBe('stale');
    const next = new OwnerRings({ after: hub });
    next.join('device', 'dev-1', 0, { session: device, again: true });
    next.join('subscriber', 's', 1, { session: subscriber, again: true });
    writeActive(next.rings[0]!, { session: device });
    writeSynced(next.rings[0]!, { term: 0 });
    next.poll();
    expect(next.told().filter((line) => line.startsWith('event'))).toEqual([]);
    writeSynced(next.rings[1]!, { term: 0 });
    next.poll();
    expect(next.told().filter((line) => line.includes('heard'))).toHaveLength(1);
    expect(next.state('dev-1')).toBe('online');
  });

  it('lets newcomers in when it has, with what they said meanwhile', () => {
    const { hub, sync } = takeOver();
    const [device, gateway] = [hub.join('device', 'new', 0), hub.join('gateway', 'g', 0)];
    const will = { session: device, type: 1, payloadIsJson: false, delayMs: 0, status: '' };
    writeWill(hub.rings[0]!, { ...will, payload: Buffer.from('last') });
    hub.say(device, 'first');
    sync(0);
    hub.poll();
    expect(hub.told().filter((line) => line.startsWith('joined'))).toEqual([]);
    expect(hub.count('skipped')).toBe(0);
    sync(1);
    hub.poll();
    expect(hub.told().filter((line) => line.startsWith('joined'))).toEqual(
      [device, gateway].map((session) => expect.stringContaining(`joined ${name(session)}`)),
    );
    expect(hub.estate.wills.has('new')).toBe(true);
    expect(hub.count('skipped')).toBe(1);
  });
});

describe('an edge that is gone while another owner takes over', () => {
  it('takes its newcomers with it: devices were there, and are lost', () => {
    const { hub, sync } = takeOver();
    const [device] = [hub.join('device', 'new', 0), hub.join('gateway', 'g', 0)];
    const subscriber = hub.join('subscriber', 't', 0);
    hub.rings[0]!.commit();
    hub.owner.edgeGone(0);
    sync(1);
    hub.poll();
    const told = hub.told();
    expect(told.filter((line) => line.startsWith('joined'))).toEqual([
      expect.stringContaining(`joined ${name(device)}`),
    ]);
    expect(told.join()).not.toContain(name(subscriber));
    const { registry } = hub.owner;
    expect([hub.state('new'), registry.devices.rows.session[registry.deviceOf('new')]]).toEqual([
      'online',
      NONE,
    ]);
    expect(registry.subscriberOf('t')).toBe(-1);
    hub.pass(GRACE_MS);
    expect(hub.state('new')).toBe('offline');
  });

  it('has said what it said: then its devices leave, as those whose connection broke, when all others have answered', () => {
    const { hub, device, sync } = takeOver();
    hub.say(device, 'last words');
    hub.rings[0]!.commit();
    hub.owner.edgeGone(0);
    expect([hub.told(), hub.owner.isWhole]).toEqual([['resynced'], false]);
    sync(1);
    hub.poll();
    expect(hub.told()).toEqual(['seq dev-1 0', 'resynced', 'event dev-1 1 message last words']);
    expect([hub.state('dev-1'), sessionOf(hub)]).toEqual(['online', NONE]);
    hub.pass(GRACE_MS);
    expect(hub.state('dev-1')).toBe('offline');
  });

  it('may have been the last to answer: then its devices leave at once', () => {
    const { hub, sync } = takeOver();
    sync(1);
    hub.poll();
    sync(0);
    hub.rings[0]!.commit();
    hub.owner.edgeGone(0);
    expect(sessionOf(hub)).toBe(NONE);
    hub.poll();
    expect(hub.owner.isWhole).toBe(true);
  });
});

describe('the link of a cluster', () => {
  it('starts anew: what it said before counts for nothing, and it is told nothing until all have answered', () => {
    const { hub, sync } = takeOver({ hasCluster: true });
    writeActive(hub.rings[1]!, { session: 65 });
    sync(0);
    hub.poll();
    const heard = (): string[] => hub.told().filter((line) => /^(take|flush)/.test(line));
    expect(heard()).toEqual([]);
    sync(1);
    writeActive(hub.rings[1]!, { session: 65 });
    hub.poll();
    expect(heard()).toEqual(['take 4', 'flush']);
  });
});
