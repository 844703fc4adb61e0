import { describe, expect, it } from 'vitest';
import { OwnerLine } from '../../src/edge/owner-line.ts';
import { HURRY_SHARE } from '../../src/limits.ts';
import type { Ringer } from '../../src/memory/doorbell.ts';
import { createRing, RingConsumer, RingProducer } from '../../src/memory/ring.ts';
import { EVENT_KIND } from '../../src/records/event.ts';
import {
  KEEP_AS_SET,
  NO_WILL,
  readActive,
  readRegister,
  readWill,
  ToOwnerRecord,
} from '../../src/records/requests.ts';
import { createTickets, Tickets } from '../../src/records/tickets.ts';
import { ALL_TYPES, Priority } from '../../src/wire/events.ts';
import { OwnerRecords } from './owner-records.ts';

const RING_BYTES = 64 * 1024;

/** A line into a ring, and how the owner was woken. */
function setUp() {
  const ring = createRing(RING_BYTES);
  const rung: string[] = [];
  const ringer = {
    ring: () => void rung.push('ring'),
    ringSoftly: () => void rung.push('softly'),
    hurry: () => void rung.push('hurry'),
  } as unknown as Ringer;
  const producer = new RingProducer(ring);
  const line = new OwnerLine(producer, ringer, new Tickets(createTickets()));
  return { ring, producer, line, records: new OwnerRecords(ring), rung };
}

const actor = { role: 'device', id: 'dev', devices: undefined, vip: false } as const;
const join = {
  session: 1,
  kind: 0,
  actor,
  again: false,
  hold: false,
  interest: true,
  gateway: 'gw',
} as const;

describe('the line to the owner', () => {
  it('brings what peers do, in order, and each join with the next ticket', () => {
    const { line, records } = setUp();
    line.join({ ...join, connectedAt: 5 });
    line.join({ ...join, session: 2, connectedAt: 6 });
    line.active({ number: 1, activeAt: 0 });
    const asked = { op: 'list', devices: undefined, filters: [], types: ALL_TYPES, past: false } as const;
    line.request({ session: 1, request: 3, ...asked });
    line.more(1, 3);
    line.leave(1, true);
    line.leave(2, false, true, 7);
    line.synced(9);
    expect(records.take()).toMatchObject([
      { record: 'join', session: 1, ticket: 1, gateway: 'gw', interest: true, connectedAt: 5 },
      { record: 'join', session: 2, ticket: 2, connectedAt: 6 },
      { record: 'active', session: 1 },
      { record: 'request', session: 1, request: 3, op: 'list' },
      { record: 'more', session: 1, request: 3 },
      { record: 'leave', session: 1, clean: true, confirm: false, keepMs: KEEP_AS_SET },
      { record: 'leave', session: 2, clean: false, confirm: true, keepMs: 7 },
      { record: 'synced', term: 9 },
    ]);
  });

  it('says that a session was heard once until the owner has read it, however often it is heard', () => {
    const { ring, line } = setUp();
    const owner = new RingConsumer(ring);
    const read = (): number[] => {
      const sessions: number[] = [];
      for (let at = owner.next(); at >= 0; at = owner.next())
        sessions.push(readActive(owner.views, at).session);
      return sessions;
    };
    const [one, other] = [
      { number: 1, activeAt: 0 },
      { number: 2, activeAt: 0 },
    ];
    for (let n = 0; n < 10_000; n++) for (const session of [one, other]) line.active(session);
    expect(read()).toEqual([1, 2]);
    line.active(one); // what the owner has looked at and not given back may not have had its effect
    expect(read()).toEqual([]);
    owner.release();
    for (let n = 0; n < 3; n++) line.active(one);
    expect(read()).toEqual([1]);
  });

  it('lets no such words pile up while the owner does not read', () => {
    const { line, producer } = setUp();
    const session = { number: 1, activeAt: 0 };
    while (line.claimEvent(1000, Priority.high) >= 0) line.commit();
    while (!line.hasBacklog) line.more(1, 1);
    const before = producer.spilledCount;
    for (let n = 0; n < 1000; n++) line.active(session);
    expect(producer.spilledCount).toBeLessThanOrEqual(before + 1);
  });

  it('brings what MQTT clients register, keep and will', () => {
    const { line, ring, records } = setUp();
    const consumer = new RingConsumer(ring);
    expect(line.register({ session: 1, clean: true, again: false, id: 'c' })).toBe(1);
    line.will({ session: 1, ...NO_WILL, type: 2, status: 's', payload: Buffer.from('p') });
    line.deregister({ session: 1, id: 'c', keepMs: 9, kept: '{}' });
    const register = consumer.next();
    expect(consumer.kind).toBe(ToOwnerRecord.Register);
    expect(readRegister(consumer.views, register)).toEqual({
      session: 1,
      clean: true,
      again: false,
      ticket: 1,
      id: 'c',
    });
    const will = consumer.next();
    expect(consumer.kind).toBe(ToOwnerRecord.Will);
    expect(readWill(consumer.views, will)).toMatchObject({ session: 1, type: 2, status: 's' });
    expect(records.take().at(-1)).toEqual({
      record: 'deregister',
      session: 1,
      id: 'c',
      keepMs: 9,
      kept: '{}',
    });
  });

  const asked = { op: 'list', devices: undefined, filters: [], types: ALL_TYPES } as const;
  it.each<[string, (line: OwnerLine) => void]>([
    ['join', (line) => line.join({ ...join, connectedAt: 0 })],
    ['leave', (line) => line.leave(1, true)],
    ['active', (line) => line.active({ number: 1, activeAt: 0 })],
    ['request', (line) => line.request({ session: 1, request: 1, ...asked })],
    ['more', (line) => line.more(1, 1)],
    ['synced', (line) => line.synced(9)],
    ['register', (line) => line.register({ session: 1, clean: true, again: false, id: '' })],
    ['deregister', (line) => line.deregister({ session: 1, id: '', keepMs: 0, kept: '' })],
    ['will', (line) => line.will({ session: 1, ...NO_WILL })],
  ])('shows the owner each record at once, and wakes it: %s', (_what, write) => {
    const { line, records, rung } = setUp();
    write(line);
    expect([records.take().length, rung]).toEqual([1, ['ring']]);
  });

  it('takes events, which are seen once they are committed, and wakes softly for those nobody waits for', () => {
    const { line, ring, rung } = setUp();
    const consumer = new RingConsumer(ring);
    const offset = line.claimEvent(48, Priority.normal);
    line.views.u8[offset + 47] = 9;
    expect([consumer.next(), rung]).toEqual([-1, []]);
    line.commitUnheard();
    const at = consumer.next();
    expect([consumer.kind, consumer.bytes, consumer.views.u8[at + 47]]).toEqual([EVENT_KIND, 48, 9]);
    line.claimEvent(48, Priority.normal);
    line.commit();
    expect([consumer.next() >= 0, rung]).toEqual([true, ['softly', 'ring']]);
  });

  it('has no room for events when the owner is behind, and keeps all else until there is some', () => {
    const { line, ring } = setUp();
    let events = 0;
    while (line.claimEvent(1000, Priority.normal) >= 0) events += 1;
    expect(events).toBe(Math.floor((RING_BYTES * 3) / 4 / 1008));
    for (let session = 0; !line.hasBacklog; session++) line.leave(session, true);
    const consumer = new RingConsumer(ring);
    while (consumer.next() >= 0);
    consumer.release();
    line.commit();
    expect(line.hasBacklog).toBe(false);
  });

  it('tells the owner to hurry whenever another eighth of the ring is written', () => {
    const { line, ring, rung } = setUp();
    const consumer = new RingConsumer(ring);
    const eighth = RING_BYTES * HURRY_SHARE;
    /** @param bytes with the record's header */
    const write = (bytes: number): string[] => {
      line.claimEvent(bytes - 8, Priority.high);
      line.commit();
      while (consumer.next() >= 0);
      consumer.release();
      return rung.splice(0);
    };
    expect([write(eighth / 2), write(eighth / 2 - 8), write(8), write(8)]).toEqual([
      ['ring'],
      ['ring'],
      ['hurry'],
      ['ring'],
    ]);
    expect([write(eighth - 24), write(8), write(8)]).toEqual([['ring'], ['ring'], ['hurry']]);
    line.claimEvent(eighth - 8, Priority.high);
    line.commitUnheard();
    expect(rung).toEqual(['hurry']);
  });
});
