/** What an edge is told, each thing in a record of its own: `edge-link.ts`. */
import { describe, expect, it } from 'vitest';
import { closes } from '../../src/codes.ts';
import { createDoorbell, Ringer, Sleeper } from '../../src/memory/doorbell.ts';
import {
  createRing,
  type RecordViews,
  RING_BYTES_MIN,
  RingConsumer,
  RingProducer,
} from '../../src/memory/ring.ts';
import { EdgeLink } from '../../src/owner/edge-link.ts';
import { EVENT_KIND, EventField, eventBytes, eventOf } from '../../src/records/event.ts';
import { recordLayout } from '../../src/records/layout.ts';
import {
  encodeFilters,
  encodeRefusals,
  FromOwnerRecord,
  GapReason,
  Notice,
  Refusal,
  readAck,
  readAnswer,
  readAttach,
  readClosed,
  readDetach,
  readFilterPage,
  readGap,
  readInterest,
  readJoined,
  readLeft,
  readNotice,
  readProbe,
  readRegistered,
  readRelease,
  readResync,
  readSeq,
  readVip,
} from '../../src/records/replies.ts';
import { ALL_TYPES, EventType, Priority } from '../../src/wire/events.ts';

/** A link, and the edge that sleeps at the other end. */
function setUp() {
  const ring = createRing(4 * RING_BYTES_MIN);
  const doorbell = createDoorbell();
  const sleeper = new Sleeper(doorbell);
  let wakes = 0;
  const ringer = new Ringer(doorbell, () => {
    wakes += 1;
  });
  const link = new EdgeLink(new RingProducer(ring), ringer);
  const edge = new RingConsumer(ring);
  sleeper.announce();
  return { link, edge, wakes: () => wakes };
}

type Read = (views: RecordViews, offset: number) => unknown;

const bytes = (...of: number[]): Buffer => Buffer.from(of);
const none = bytes();
const filters = [{ filter: 'dev-*', value: 3 }];
const refused = [{ device: 'dev-1', why: Refusal.full }];
const cluster = recordLayout(200, { id: 'text' });
const nothing = (): object => ({});
const joined = { session: 64, slot: 5 };
const answer = { session: 64, request: 7, entries: bytes(1, 2) };
const notice = { session: 64, notice: Notice.gone, entries: bytes(3) };
const page = { session: 64, filter: 'dev-*', entries: bytes(4), page: 9 };
const attach = { session: 64, device: 5, id: 'dev-1', seq: 8 };

const { Joined, Answer, FilterPage, Attach, Registered } = FromOwnerRecord;
const records: readonly [string, (link: EdgeLink) => void, number, Read, object][] = [
  [
    'joined',
    (link) => link.joined(64, 5),
    Joined,
    readJoined,
    { ...joined, vip: false, more: false, resumed: none, filters: '' },
  ],
  [
    'joined, with what it kept',
    (link) => link.joined(64, 5, true, bytes(1), true, filters),
    Joined,
    readJoined,
    { ...joined, vip: true, more: true, resumed: bytes(1), filters: encodeFilters(filters) },
  ],
  [
    'closed',
    (link) => link.close(64, closes.kicked),
    FromOwnerRecord.Closed,
    readClosed,
    { session: 64, code: closes.kicked.code },
  ],
  [
    'registered',
    (link) => link.registered(64, 'c', undefined),
    Registered,
    readRegistered,
    { session: 64, present: false, id: 'c', kept: '' },
  ],
  [
    'registered, with a session',
    (link) => link.registered(64, 'c', 'kept'),
    Registered,
    readRegistered,
    { session: 64, present: true, id: 'c', kept: 'kept' },
  ],
  ['left', (link) => link.left(64), FromOwnerRecord.Left, readLeft, { session: 64 }],
  ['release', (link) => link.release(64), FromOwnerRecord.Release, readRelease, { session: 64 }],
  ['interest', (link) => link.interest(64), FromOwnerRecord.Interest, readInterest, { session: 64 }],
  ['probe', (link) => link.probe(64), FromOwnerRecord.Probe, readProbe, { session: 64 }],
  [
    'ack',
    (link) => link.ack(64, 8, true, bytes(34)),
    FromOwnerRecord.Ack,
    readAck,
    { session: 64, seq: 8, skipped: true, id: bytes(34) },
  ],
  [
    'answer',
    (link) => link.answer(answer, answer.entries, [], false),
    Answer,
    readAnswer,
    { ...answer, refusals: none, more: false, filters: '' },
  ],
  [
    'answer, with all there is',
    (link) => link.answer(answer, answer.entries, refused, true, filters),
    Answer,
    readAnswer,
    { ...answer, refusals: Buffer.from(encodeRefusals(refused)), more: true, filters: '3 dev-*' },
  ],
  [
    'notice',
    (link) => link.notice(64, Notice.gone, notice.entries, true),
    FromOwnerRecord.Notice,
    readNotice,
    { ...notice, more: true, filters: '' },
  ],
  [
    'page of a filter',
    (link) => link.filterPage(64, 'dev-*', page.entries, 9, true),
    FilterPage,
    readFilterPage,
    { ...page, more: true, waits: false },
  ],
  [
    'page of a filter that waits',
    (link) => link.filterPage(64, 'dev-*', page.entries, 9, true, true),
    FilterPage,
    readFilterPage,
    { ...page, more: true, waits: true },
  ],
  ['attach', (link) => link.attach(64, 5, 'dev-1', 8), Attach, readAttach, { ...attach, types: ALL_TYPES }],
  [
    'attach of some types',
    (link) => link.attach(64, 5, 'dev-1', 8, 2),
    Attach,
    readAttach,
    { ...attach, types: 2 },
  ],
  ['detach', (link) => link.detach(64, 5), FromOwnerRecord.Detach, readDetach, { session: 64, device: 5 }],
  ['vip', (link) => link.vip(64, true), FromOwnerRecord.Vip, readVip, { session: 64, vip: true }],
  ['resync', (link) => link.resync(), FromOwnerRecord.Resync, readResync, { term: 0 }],
  ['seq', (link) => link.seq(5, 8), FromOwnerRecord.Seq, readSeq, { device: 5, seq: 8 }],
  ['resynced', (link) => link.resynced(), FromOwnerRecord.Resynced, nothing, {}],
  [
    'gap of a cluster',
    (link) => link.gap(5, 3, 4),
    FromOwnerRecord.Gap,
    readGap,
    { device: 5, from: 3, to: 4, reason: GapReason.cluster },
  ],
  ['record of a cluster', (link) => link.tell(cluster, { id: 'n' }), cluster.kind, cluster.read, { id: 'n' }],
];

describe('an edge that sleeps is woken for', () => {
  it.each(records)('%s', (_, tell, kind, read, expected) => {
    const { link, edge, wakes } = setUp();
    tell(link);
    link.commit();
    const offset = edge.next();
    expect([edge.kind, read(edge.views, offset)]).toEqual([kind, expected]);
    expect(edge.next()).toBe(-1);
    expect(wakes()).toBe(0);
    link.ring();
    link.ring();
    expect(wakes()).toBe(1);
  });

  it('an event, which says its device and its number there', () => {
    const { link, edge, wakes } = setUp();
    const event = { type: EventType.message, priority: Priority.normal, flags: 0, at: 1, received: 2 };
    const views = eventOf({ ...event, status: none, payload: Buffer.from('hello') });
    expect(link.event(views, 0, eventBytes(views, 0), 5, 8)).toBe(true);
    link.flush();
    const offset = edge.next();
    const { u8, u32, f64 } = edge.views;
    expect([edge.kind, f64[(offset + EventField.seq) >> 3], u32[(offset + EventField.device) >> 2]]).toEqual([
      EVENT_KIND,
      8,
      5,
    ]);
    const start = offset + EventField.body;
    expect(Buffer.from(u8.subarray(start, start + 5)).toString()).toBe('hello');
    expect(wakes()).toBe(1);
  });
});

it('an edge with a large ring is behind when it has a part of a megabyte before it', () => {
  const ring = createRing(4 * 1024 * 1024);
  const link = new EdgeLink(new RingProducer(ring), new Ringer(createDoorbell()));
  const answers = (count: number): void => {
    for (let n = 0; n < count; n++) link.answer(answer, new Uint8Array(16 * 1024), [], false);
    link.flush();
  };
  answers(6);
  expect(link.holdsBack()).toBe(false);
  answers(4);
  expect(link.holdsBack()).toBe(true);
});
