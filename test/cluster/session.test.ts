/** Sessions over a pipe that the test holds in its hand: every record once and in order, or the session ends. */
import { describe, expect, it } from 'vitest';
import { createLinkCounts } from '../../src/cluster/figures.ts';
import { ACK_DELAY_MS, RESEND_MS, SESSION_BYTES_MAX, SHED_BYTES } from '../../src/cluster/limits.ts';
import { ping } from '../../src/cluster/records.ts';
import { LinkSession, type SessionOwner } from '../../src/cluster/session.ts';
import { readHead, viewsOf } from '../../src/cluster/wire.ts';
import type { RecordViews } from '../../src/memory/ring.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Random } from '../support/random.ts';

/** One side of the pipe. What it sends waits in `sent` until the test hands it over. */
class Side implements SessionOwner {
  readonly sent: Uint8Array[] = [];
  readonly got: number[] = [];
  readonly log: string[] = [];
  readonly session: LinkSession;
  readonly figures = createLinkCounts();
  wantsFlush = false;
  #number = 0;

  constructor(clock: FakeClock, boot: number) {
    const nextNumber = (): number => ++this.#number;
    this.session = new LinkSession({ clock, figures: this.figures, boot, nextNumber }, this);
  }

  send(message: Uint8Array): void {
    this.sent.push(message.slice());
  }

  wantFlush(): void {
    this.wantsFlush = true;
  }

  opened(): void {
    this.log.push('opened');
  }

  ended(): void {
    this.log.push('ended');
  }

  received(kind: number, views: RecordViews, offset: number, bytes: number): void {
    expect(kind).toBe(ping.kind);
    this.got.push(ping.read(views, offset, bytes)!.at);
  }

  write(...numbers: number[]): void {
    for (const at of numbers) ping.write(this.session, { at });
    this.session.flush();
  }

  receive(message: Uint8Array): void {
    const views = viewsOf(message.length);
    views.u8.set(message);
    this.session.receive(readHead(views, message.length)!, views, message.length);
  }
}

class Pair {
  readonly clock = new FakeClock();
  readonly a = new Side(this.clock, 1);
  readonly b = new Side(this.clock, 2);

  /** Hands over all that was sent, and what is sent in answer to it. */
  deliver(): void {
    for (let rounds = 0; rounds < 100; rounds++) {
      const [toB, toA] = [this.a.sent.splice(0), this.b.sent.splice(0)];
      if (toB.length + toA.length === 0) return;
      for (const message of toB) this.b.receive(message);
      for (const message of toA) this.a.receive(message);
    }
    throw new Error('the two sides do not come to an end');
  }

  open(): this {
    this.a.session.open();
    this.deliver();
    return this;
  }

  later(ms: number): void {
    this.clock.advance(ms);
    for (const side of [this.a, this.b]) side.session.tick();
  }
}

describe('a session', () => {
  it('opens on both sides, whoever begins', () => {
    const one = new Pair().open();
    expect([one.a.log, one.b.log]).toEqual([['opened'], ['opened']]);
    const both = new Pair();
    both.a.session.open();
    both.b.session.open();
    both.deliver();
    expect([both.a.log, both.b.log]).toEqual([['opened'], ['opened']]);
  });

  it('repeats its hello until it is answered', () => {
    const pair = new Pair();
    pair.a.session.open();
    pair.a.sent.length = 0; // lost
    pair.later(250);
    pair.deliver();
    expect(pair.b.log).toEqual(['opened']);
  });

  it('carries records in order, several to a message', () => {
    const { a, b, ...pair } = new Pair().open();
    void pair;
    a.write(1, 2, 3);
    expect(a.sent).toHaveLength(1);
    b.receive(a.sent[0]!);
    expect(b.got).toEqual([1, 2, 3]);
  });

  it('takes a message that comes twice only once', () => {
    const pair = new Pair().open();
    pair.a.write(1);
    const [message] = pair.a.sent.splice(0);
    for (let n = 0; n < 3; n++) pair.b.receive(message!);
    expect(pair.b.got).toEqual([1]);
  });

  it('asks again for a message that is missing', () => {
    const pair = new Pair().open();
    pair.later(1000);
    for (const n of [1, 2, 3]) pair.a.write(n);
    pair.a.sent.splice(1, 1);
    pair.deliver();
    expect(pair.b.got).toEqual([1, 2, 3]);
    expect(pair.b.figures.streamGaps).toBe(1);
  });

  it('sends the last message again when nothing after it shows that it is missing', () => {
    const pair = new Pair().open();
    pair.a.write(1);
    pair.a.sent.length = 0;
    pair.later(RESEND_MS - 1);
    expect(pair.a.sent).toHaveLength(0);
    pair.later(1);
    pair.deliver();
    expect(pair.b.got).toEqual([1]);
    pair.later(ACK_DELAY_MS);
    pair.deliver();
    expect(pair.a.session.waitingBytes).toBe(0);
  });

  it('acknowledges after a delay, or with what it sends anyway', () => {
    const pair = new Pair().open();
    pair.a.write(1);
    pair.deliver();
    expect(pair.a.session.waitingBytes).toBeGreaterThan(0);
    pair.later(ACK_DELAY_MS);
    pair.deliver();
    expect(pair.a.session.waitingBytes).toBe(0);
    pair.a.write(2);
    pair.deliver();
    pair.b.write(3);
    pair.deliver();
    expect(pair.a.session.waitingBytes).toBe(0);
  });

  it('tells which batch a record went into, and up to which the other side has taken them', () => {
    const pair = new Pair().open();
    const { session } = pair.a;
    ping.write(session, { at: 1 });
    expect([session.writing, session.acknowledged]).toEqual([1, 0]);
    session.flush();
    expect(session.writing).toBe(1);
    pair.a.write(2);
    pair.deliver();
    expect([session.writing, session.acknowledged]).toEqual([2, 0]);
    pair.later(ACK_DELAY_MS);
    pair.deliver();
    expect(session.acknowledged).toBe(2);
    ping.write(session, { at: 3 });
    session.end();
    expect(session.acknowledged).toBe(2);
    session.open();
    expect(session.acknowledged).toBe(0);
  });

  it('holds whatever the pipe does, or ends on both sides', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new Random(seed);
      const pair = new Pair().open();
      const late: { to: Side; message: Uint8Array }[] = [];
      let written = 0;
      for (let step = 0; step < 200; step++) {
        if (random.next() < 0.5) pair.a.write(++written);
        if (random.next() < 0.01) pair.b.session.end();
        if (random.next() < 0.01) pair.a.session.open();
        for (const [from, to] of [
          [pair.a, pair.b],
          [pair.b, pair.a],
        ] as const) {
          for (const message of from.sent.splice(0)) {
            const roll = random.next();
            if (roll < 0.1) continue;
            if (roll < 0.3) late.push({ to, message });
            else to.receive(message);
            if (roll > 0.95) to.receive(message);
          }
        }
        if (late.length > 0 && random.next() < 0.3) {
          const [one] = late.splice(random.below(late.length), 1);
          one!.to.receive(one!.message);
        }
        pair.later(random.below(100));
        if (!pair.a.session.isOpen) {
          // Whoever writes begins again, as a node does: with what was not taken.
          pair.a.session.open();
          pair.later(300);
          pair.deliver();
          written = pair.b.got.at(-1) ?? 0;
        }
      }
      const { got } = pair.b;
      expect(got, `seed ${seed}`).toEqual(got.map((_, n) => got[0]! + n));
    }
  });

  it('ends when the other side has begun again', () => {
    const pair = new Pair().open();
    pair.a.write(1);
    pair.a.sent.length = 0;
    pair.b.session.end();
    pair.b.session.open();
    pair.deliver();
    expect(pair.a.log).toEqual(['opened', 'ended', 'opened']);
    expect(pair.b.log).toEqual(['opened', 'ended', 'opened']);
    pair.later(5000);
    pair.deliver();
    expect(pair.b.got).toEqual([]);
  });

  it('takes no message of a session that is over', () => {
    const pair = new Pair().open();
    pair.a.write(1);
    const old = pair.a.sent.splice(0);
    pair.a.session.end();
    pair.a.session.open();
    pair.deliver();
    for (const message of old) pair.b.receive(message);
    pair.deliver();
    expect(pair.b.got).toEqual([]);
    pair.a.write(2);
    pair.deliver();
    expect(pair.b.got).toEqual([2]);
  });

  it('sheds events for a side that does not answer, high ones last, and ends when too much waits', () => {
    const pair = new Pair().open();
    const { session } = pair.a;
    const bytes = 10_000;
    while (session.claimEvent(ping.kind, bytes, SHED_BYTES) >= 0) session.flush();
    expect(session.waitingBytes).toBeGreaterThan(SHED_BYTES - 2 * bytes);
    expect(session.waitingBytes).toBeLessThanOrEqual(SHED_BYTES + bytes);
    while (session.claimEvent(ping.kind, bytes, SESSION_BYTES_MAX) >= 0) session.flush();
    expect(session.waitingBytes).toBeLessThanOrEqual(SESSION_BYTES_MAX + bytes);
    for (let n = 0; n < 5; n++) session.claim(ping.kind, bytes); // what must not be shed
    session.flush();
    pair.later(1);
    expect(pair.a.log).toEqual(['opened', 'ended']);
    expect(session.waitingBytes).toBe(0);
  });

  it('sends what waits again when NATS is back', () => {
    const pair = new Pair().open();
    for (const n of [1, 2, 3]) pair.a.write(n);
    pair.a.sent.length = 0;
    pair.a.session.reconnected();
    pair.deliver();
    expect(pair.b.got).toEqual([1, 2, 3]);
  });

  it('refuses records while it is not open', () => {
    const pair = new Pair();
    expect(() => pair.a.session.claim(1, 8)).toThrow(/not open/);
  });

  it('keeps what pads a record to itself', () => {
    const pair = new Pair().open();
    const { session } = pair.a;
    session.views.u8.fill(0xff);
    const at = session.claim(ping.kind, 9);
    session.views.u8.fill(1, at, at + 9);
    session.flush();
    const message = pair.a.sent.at(-1)!;
    expect([...message.subarray(message.length - 7)]).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });
});
