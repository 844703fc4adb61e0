import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createDoorbell, Ringer } from '../../src/memory/doorbell.ts';
import { createRing, RingConsumer, RingProducer } from '../../src/memory/ring.ts';
import { EdgeLink } from '../../src/owner/edge-link.ts';
import { EstateNotes } from '../../src/owner/estate-notes.ts';
import { MqttClients, SWEPT_PER_TICK } from '../../src/owner/mqtt-clients.ts';
import { applyToEstate, createEstate, type Estate } from '../../src/records/estate.ts';
import { FromOwnerRecord, readClosed, readRegistered } from '../../src/records/replies.ts';
import { FakeClock } from '../support/fake-clock.ts';

const RING_BYTES = 1 << 16;
const ID = 'client';
/** Sessions of edge 0 and edge 1: the lowest bits name the edge. */
const [FIRST, SECOND, THIRD, ELSEWHERE] = [64, 128, 192, 65];

describe('MQTT clients of one id', () => {
  let clock: FakeClock;
  let consumers: RingConsumer[];
  let links: EdgeLink[];
  let dropped: string[];
  let clients: MqttClients;
  let estate: Estate;
  let notes: EstateNotes;
  let tickets: number;
  const another = (): MqttClients => new MqttClients({ links, clock, notes, drop: (id) => dropped.push(id) });

  beforeEach(() => {
    clock = new FakeClock();
    dropped = [];
    tickets = 0;
    const rings = [createRing(RING_BYTES), createRing(RING_BYTES)];
    consumers = rings.map((ring) => new RingConsumer(ring));
    links = rings.map((ring) => new EdgeLink(new RingProducer(ring), new Ringer(createDoorbell())));
    estate = createEstate();
    notes = new EstateNotes((changes) => applyToEstate(estate, changes));
    clients = another();
  });

  const register = (session: number, { clean = false, again = false, ticket = ++tickets } = {}): void =>
    clients.register({ session, id: ID, clean, again, ticket });
  const leave = (session: number, keepMs = 0, kept = ''): void =>
    clients.deregister({ session, id: ID, keepMs, kept });

  /** What the edges were told since the last call. */
  function told(): string[] {
    for (const link of links) link.flush();
    return consumers.flatMap((ring) => {
      const said: string[] = [];
      for (let offset = ring.next(); offset >= 0; offset = ring.next()) {
        if (ring.kind === FromOwnerRecord.Closed) {
          const { session, code } = readClosed(ring.views, offset);
          said.push(`close ${session} ${code}`);
        } else {
          const { session, present, kept } = readRegistered(ring.views, offset);
          said.push(present ? `in ${session} with ${kept}` : `in ${session}`);
        }
      }
      return said;
    });
  }

  it('lets the first one in at once', () => {
    register(FIRST);
    expect(told()).toEqual([`in ${FIRST}`]);
  });

  it('closes an older one, and lets the newer one in when that has left, with what it kept', () => {
    register(FIRST);
    told();
    register(ELSEWHERE);
    expect(told()).toEqual([`close ${FIRST} 4004`]);
    leave(FIRST, 1000, 'what it kept');
    expect(told()).toEqual([`in ${ELSEWHERE} with what it kept`]);
  });

  it('closes an older one that is heard of later', () => {
    register(FIRST, { ticket: 2 });
    told();
    register(ELSEWHERE, { ticket: 1 });
    expect(told()).toEqual([`close ${ELSEWHERE} 4004`]);
    register(THIRD, { ticket: 4 });
    register(SECOND, { ticket: 3 });
    expect(told()).toEqual([`close ${FIRST} 4004`, `close ${SECOND} 4004`]);
    leave(FIRST);
    expect(told()).toEqual([`in ${THIRD}`]);
    register(SECOND, { ticket: 3 });
    expect(told()).toEqual([`close ${SECOND} 4004`]);
  });

  it('closes one that waits when a third one comes', () => {
    register(FIRST);
    register(SECOND);
    told();
    register(THIRD);
    expect(told()).toEqual([`close ${SECOND} 4004`]);
    leave(SECOND);
    leave(FIRST);
    expect(told()).toEqual([`in ${THIRD}`]);
  });

  it('keeps what one left for as long as it says', () => {
    register(FIRST);
    leave(FIRST, 1000, 'kept');
    clock.nowMs += 999;
    register(SECOND);
    expect(told()).toEqual([`in ${FIRST}`, `in ${SECOND} with kept`]);
    leave(SECOND, 1000, 'kept again');
    clock.nowMs += 1000;
    clients.tick(clock.now());
    expect(clients.keptCount).toBe(0);
    register(THIRD);
    expect(told()).toEqual([`in ${THIRD}`]);
  });

  it('keeps an empty session too', () => {
    register(FIRST);
    leave(FIRST, 1000, '');
    register(SECOND);
    expect(told()).toEqual([`in ${FIRST}`, `in ${SECOND} with `]);
  });

  it('drops what is kept, and the subscriptions, when one starts anew', () => {
    register(FIRST);
    leave(FIRST, 1000, 'kept');
    register(SECOND, { clean: true });
    expect(told()).toEqual([`in ${FIRST}`, `in ${SECOND}`]);
    expect(dropped).toEqual([ID]);
    leave(SECOND);
    register(THIRD, { clean: true });
    expect(dropped).toEqual([ID]); // there was nothing to drop
  });

  it('forgets what an operator ends', () => {
    register(FIRST);
    leave(FIRST, 1000, 'kept');
    clients.forget(ID);
    register(SECOND);
    expect(told()).toEqual([`in ${FIRST}`, `in ${SECOND}`]);
  });

  it('lets the next one in when the edge of the older one is gone', () => {
    register(ELSEWHERE);
    register(FIRST);
    told();
    clients.leaveAll(1);
    expect(told()).toEqual([`in ${FIRST}`]);
  });

  it('forgets one that waits on an edge that is gone', () => {
    register(FIRST);
    register(ELSEWHERE);
    told();
    clients.leaveAll(1);
    leave(FIRST);
    expect(told()).toEqual([]);
    register(SECOND);
    expect(told()).toEqual([`in ${SECOND}`]);
  });

  it('believes the edges after the owner was replaced', () => {
    register(FIRST, { again: true });
    register(SECOND);
    expect(told()).toEqual([`close ${FIRST} 4004`]);
    leave(FIRST);
    expect(told()).toEqual([`in ${SECOND}`]);
    register(ELSEWHERE, { again: true });
    expect(told()).toEqual([`close ${ELSEWHERE} 4004`]);
  });

  it('hears of one twice, and takes it for one', () => {
    register(FIRST);
    register(FIRST);
    register(SECOND);
    register(SECOND);
    expect(told()).toEqual([`in ${FIRST}`, `close ${FIRST} 4004`]);
    leave(FIRST);
    expect(told()).toEqual([`in ${SECOND}`]);
  });

  it('hears of one again after the owner was replaced, and does not let it in anew', () => {
    register(FIRST, { again: true });
    register(FIRST, { again: true });
    expect(told()).toEqual([]);
  });

  it('keeps nothing of one that leaves nothing, nor of one whose edge is gone', () => {
    register(FIRST);
    leave(FIRST, 0, 'kept');
    register(ELSEWHERE);
    clients.leaveAll(0);
    clients.leaveAll(1);
    expect(clients.keptCount).toBe(0);
    told();
    register(SECOND);
    expect(told()).toEqual([`in ${SECOND}`]);
  });

  it('does not mind that another edge is gone', () => {
    register(FIRST);
    clients.leaveAll(1);
    register(SECOND);
    expect(told()).toEqual([`in ${FIRST}`, `close ${FIRST} 4004`]);
  });

  it('does not care for one that leaves without having come', () => {
    leave(FIRST, 1000, 'kept');
    expect([clients.keptCount, told()]).toEqual([0, []]);
  });

  it('looks once a second for what is kept no longer, and has it not even before that', () => {
    register(FIRST);
    leave(FIRST, 1500, 'kept');
    clients.tick(clock.now());
    clock.nowMs += 1000;
    clients.tick(clock.now());
    clock.nowMs += 500;
    clients.tick(clock.now());
    expect(clients.keptCount).toBe(1);
    clock.nowMs += 499;
    clients.tick(clock.now());
    expect(clients.keptCount).toBe(1);
    clock.nowMs += 1;
    clients.tick(clock.now());
    expect(clients.keptCount).toBe(0);
    clients.tick(clock.now()); // nothing is kept: the next look may come at any time
    clients.forget(ID);
    register(SECOND);
    leave(SECOND, 500, 'kept');
    clock.nowMs += 1000;
    clients.tick(clock.now());
    expect(clients.keptCount).toBe(0);
    register(FIRST, { again: true });
    leave(FIRST, 1000, 'kept');
    clock.nowMs += 1000;
    register(THIRD, { clean: true });
    expect([told().at(-1), dropped]).toEqual([`in ${THIRD}`, []]);
  });

  it('looks at a bounded number of sessions at a time', () => {
    const count = 2 * SWEPT_PER_TICK + 1;
    for (let i = 0; i < count; i++) {
      const session = (i + 1) * 64;
      clients.register({ session, id: `client-${i}`, clean: false, again: false, ticket: i });
      clients.deregister({ session, id: `client-${i}`, keepMs: i === 0 ? 5000 : 1000, kept: 'kept' });
      told();
    }
    clock.nowMs += 1000;
    const left: number[] = [];
    for (let n = 0; n < 4; n++) {
      clients.tick(clock.now());
      left.push(clients.keptCount);
    }
    expect(left).toEqual([count - SWEPT_PER_TICK + 1, 2, 1, 1]);
    clock.nowMs += 4000;
    clients.tick(clock.now());
    expect(clients.keptCount).toBe(0);
  });

  it('counts each session that is kept once, however often it is', () => {
    const text = 'x'.repeat(400_000);
    clients.register({ session: 128, id: 'other', clean: false, again: false, ticket: 1 });
    clients.deregister({ session: 128, id: 'other', keepMs: 1000, kept: text });
    for (let n = 0; n < 200; n++) {
      register(FIRST, { clean: true });
      leave(FIRST, 1000, text);
      if (n % 2 === 0) clients.forget(ID);
    }
    expect(clients.keptCount).toBe(2);
  });

  it('lets go of the sessions kept longest when all together take too much', () => {
    const text = 'x'.repeat(400_000);
    for (let i = 0; i < 100; i++) {
      const session = (i + 1) * 64;
      clients.register({ session, id: `client-${i}`, clean: false, again: false, ticket: i });
      clients.deregister({ session, id: `client-${i}`, keepMs: 1000, kept: text });
      told();
    }
    expect(clients.keptCount).toBeLessThan(100);
    expect(clients.keptCount).toBeGreaterThan(50);
  });

  describe('of an owner that died', () => {
    const CLIENT = { session: SECOND, id: ID, clean: false, again: false, ticket: 1 };
    /** Another owner takes over what main was told. */
    function die(): void {
      told();
      notes.flush();
      clients = another();
      clients.adopt(structuredClone(estate).clients);
    }
    const left = (): string[] => {
      notes.flush();
      return [...estate.clients].map(([id, { text }]) => `${id}: ${text}`);
    };

    it('have back what they kept, once every edge has said whom it holds', () => {
      register(FIRST);
      leave(FIRST, 1000, 'kept');
      die();
      register(SECOND);
      expect(told()).toEqual([]);
      clients.recovered();
      expect(told()).toEqual([`in ${SECOND} with kept`]);
      expect(left()).toEqual([]);
    });

    it('are kept for no longer than before', () => {
      register(FIRST);
      leave(FIRST, 1000, 'kept');
      clock.nowMs += 999;
      die();
      clients.recovered();
      clock.nowMs += 1;
      clients.tick(clock.now());
      expect([clients.keptCount, left()]).toEqual([0, []]);
    });

    it('may have left meanwhile, before the newer one of another edge is let in', () => {
      register(FIRST);
      die();
      register(ELSEWHERE);
      leave(FIRST, 1000, 'left meanwhile');
      clients.recovered();
      expect(told()).toEqual([`in ${ELSEWHERE} with left meanwhile`]);
      expect(left()).toEqual([]);
    });

    it('leave nothing where they left meanwhile and keep nothing', () => {
      register(FIRST);
      leave(FIRST, 1000, 'kept');
      die();
      leave(SECOND);
      clients.recovered();
      expect([clients.keptCount, left()]).toEqual([0, []]);
    });

    it('have what they kept, where the one before had let them in', () => {
      register(FIRST);
      leave(FIRST, 1000, 'kept');
      die();
      register(SECOND, { again: true });
      clients.recovered();
      leave(SECOND, 1000, '');
      register(THIRD);
      expect(told()).toEqual([`in ${THIRD} with `]);
    });

    it('get anew what the one before could not send them any more', () => {
      register(FIRST);
      leave(FIRST, 1000, 'kept');
      vi.spyOn(links[0]!, 'hasBacklog', 'get').mockReturnValue(true);
      register(SECOND);
      expect(left()).toEqual([`${ID}: kept`]);
      die();
      register(SECOND);
      clients.recovered();
      expect(told()).toEqual([`in ${SECOND} with kept`]);
      vi.restoreAllMocks();
      expect(left()).toEqual([]);
    });

    it('say twice that they are there, and count as one', () => {
      die();
      register(SECOND);
      register(SECOND);
      clients.recovered();
      leave(SECOND);
      register(FIRST);
      expect(told()).toEqual([`in ${SECOND}`, `in ${FIRST}`]);
    });

    it('take the id in the order in which they came', () => {
      die();
      register(FIRST, { ticket: 2 });
      register(ELSEWHERE, { ticket: 1 });
      clients.recovered();
      expect(told()).toEqual([`in ${ELSEWHERE}`, `close ${ELSEWHERE} 4004`]);
      leave(ELSEWHERE);
      expect(told()).toEqual([`in ${FIRST}`]);
    });

    it('are not let in where their edge died too', () => {
      die();
      clients.register({ ...CLIENT, session: ELSEWHERE });
      clients.leaveAll(1);
      clients.recovered();
      register(FIRST);
      expect(told()).toEqual([`in ${FIRST}`]);
    });

    it('leave nothing that an operator ended, or that took too much', () => {
      register(FIRST);
      leave(FIRST, 1000, 'kept');
      expect(left()).toEqual([`${ID}: kept`]);
      clients.forget(ID);
      expect(left()).toEqual([]);
      const text = 'x'.repeat(400_000);
      for (let i = 0; i < 100; i++) {
        const [session, id] = [(i + 1) * 64, `client-${i}`];
        clients.register({ session, id, clean: false, again: false, ticket: 1 });
        clients.deregister({ session, id, keepMs: 1000, kept: text });
        told();
      }
      expect(left()).toHaveLength(clients.keptCount);
    });
  });
});
