/** What edges say while another owner takes over, and what they are told: `recovery.ts`. */
import { describe, expect, it } from 'vitest';
import { createRing, RingConsumer, RingProducer, ringBytesFor } from '../../src/memory/ring.ts';
import type { Gateways } from '../../src/owner/gateways.ts';
import { Recovery } from '../../src/owner/recovery.ts';
import { KEEP_AS_SET, writeActive, writeLeave } from '../../src/records/requests.ts';
import { nameOfSession as name } from './noted-link.ts';
import { EDGES, OwnerParts } from './owner-parts.ts';

/** An owner whose predecessor left two devices, the second of which is followed on both edges. */
function takeOver(taken: (ring: RingProducer) => number = () => 0) {
  const first = new OwnerParts();
  const devices = [first.device('dev-0'), first.device('dev-1')];
  const joins = [0, 1].map((edge) => {
    const join = first.join('subscriber', `s-${edge}`, { edge });
    first.subscribers.join(join);
    first.ask(join.session, 'subscribe', ['dev-1']);
    return { ...join, again: true };
  });
  first.say(devices[1]!, {});
  const parts = new OwnerParts({ memory: first.memory, clock: first.clock });
  const memory = Array.from({ length: EDGES }, () => createRing(ringBytesFor(64 * 1024)));
  const dead = new RingProducer(memory[0]!);
  const count = taken(dead);
  dead.commit();
  const reader = new RingConsumer(memory[0]!);
  for (let n = 0; n < count; n++) reader.next();
  const gateways = { rejoin: () => parts.lines.push('gateway'), leave: () => {} } as unknown as Gateways;
  const { registry, subscribers, history, counters } = parts;
  const links = parts.links.map(({ link }) => link);
  const rings = memory.map((ring) => new RingConsumer(ring));
  const recovery = new Recovery({
    registry,
    devices: parts.devices,
    subscribers,
    gateways,
    clients: parts.clients,
    estate: first.estate,
    history,
    rings,
    links,
    counters,
    held: parts.held,
  });
  return { parts, recovery, devices, joins };
}

describe('an owner that takes over', () => {
  it('asks all edges, and is done when each has said all', () => {
    const { parts, recovery } = takeOver();
    expect(parts.told()).toEqual(['resync', 'resync']);
    expect([recovery.isOver, recovery.isSynced(0), recovery.isSynced(1)]).toEqual([false, false, false]);
    recovery.synced(0);
    expect([recovery.isOver, recovery.isSynced(0), recovery.isSynced(1)]).toEqual([false, true, false]);
    recovery.synced(1);
    expect([recovery.isOver, recovery.isSynced(1)]).toEqual([true, true]);
  });

  it('tells each edge the last numbers of the devices that it follows, and of no others', () => {
    const { parts, recovery, joins } = takeOver();
    for (const join of joins) recovery.rejoin(join);
    parts.told();
    recovery.synced(1);
    expect(parts.told()).toEqual(['seq dev-1 1', 'resynced']);
    recovery.synced(1);
    expect(parts.told()).toEqual([]);
    recovery.synced(0);
    expect(parts.told()).toEqual(['seq dev-1 1', 'resynced']);
  });

  it('tells an edge of no device that only another edge follows', () => {
    const { parts, recovery, joins } = takeOver();
    recovery.rejoin(joins[0]!);
    parts.told();
    recovery.synced(1);
    expect(parts.told()).toEqual(['resynced']);
  });

  it('hears of devices, subscribers and gateways', () => {
    const { parts, recovery } = takeOver();
    parts.told();
    const [device, subscriber, gateway] = (['device', 'subscriber', 'gateway'] as const).map((kind) =>
      parts.join(kind, 'new', { edge: 1 }),
    );
    for (const join of [device!, subscriber!, gateway!]) recovery.rejoin(join);
    for (const edge of [0, 1]) recovery.synced(edge);
    expect(parts.told().filter((line) => /^(joined|gateway)/.test(line))).toEqual([
      `joined ${name(device!.session)} slot-2`,
      `joined ${name(subscriber!.session)} slot-2`,
      'gateway',
    ]);
  });

  it('takes what was held when all have answered: events, then who left, as it came', () => {
    const { parts, recovery, devices, joins } = takeOver();
    for (const join of joins) recovery.rejoin(join);
    const [, session] = devices;
    recovery.rejoin({ ...parts.join('device', 'dev-1', { again: true }), session: session! });
    recovery.hold(parts.event(session!, { payload: 'last' }), 0);
    recovery.leave({ session: session!, clean: true, confirm: true, keepMs: KEEP_AS_SET });
    parts.told();
    recovery.synced(0);
    expect(parts.told().filter((line) => line.startsWith('event'))).toEqual([]);
    recovery.synced(1);
    const told = parts.told().slice(2);
    const offline = 'event dev-1 3 status {"state":"offline","reason":"closed"}';
    const last = 'event dev-1 2 message last';
    expect(told).toEqual([last, last, offline, offline, `left ${name(session!)}`]);
  });

  it('lets devices go that their edge does not name, without a word to the edge', () => {
    const { parts, recovery } = takeOver();
    recovery.synced(0);
    recovery.synced(1);
    expect(parts.told().filter((line) => line.startsWith('left'))).toEqual([]);
    expect(parts.devices.sessionsOf(0)).toEqual([]);
    parts.pass(15_000);
    expect(parts.state('dev-1')).toBe('offline');
  });

  it('counts as lost the events that were taken, and nothing else', () => {
    const { parts } = takeOver((ring) => {
      writeActive(ring, { session: 64 });
      writeLeave(ring, { session: 64, clean: true });
      return 2;
    });
    expect(parts.count('droppedOwnerRestart')).toBe(0);
  });
});
