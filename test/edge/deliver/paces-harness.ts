/** Subscribers at a pace, without an edge: what each is sent comes as its number and the event's seq. */
import { eventRecord } from '../../../fixtures/event-records.ts';
import type { Cohort, Cohorts } from '../../../src/edge/deliver/cohorts.ts';
import { EventEncoder } from '../../../src/edge/deliver/event-encoder.ts';
import { Paces } from '../../../src/edge/deliver/paces.ts';
import { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import { Counter, Counters, createCounters } from '../../../src/memory/counters.ts';
import type { Connection } from '../../../src/transport/transport.ts';
import { Encoding } from '../../../src/wire/encodings.ts';
import { DeviceNames } from '../../../src/wire/event-frames.ts';
import { Priority } from '../../../src/wire/events.ts';
import { jsonSubscriberCodec } from '../../../src/wire/hub-frames.ts';
import { FakeClock } from '../../support/fake-clock.ts';

export const EVERY_MS = 100;
/** Of the device that all follow. */
export const NAMES = new DeviceNames('d');

export interface PacedTerms {
  readonly every?: number;
  readonly encoding?: Encoding;
  readonly batched?: boolean;
  readonly vip?: boolean;
}

/** The subscribers at a pace of an edge, and what they are sent. For tests with timers of their own. */
export class PacesBench {
  readonly clock = new FakeClock();
  readonly counters = new Counters(createCounters());
  readonly paces = new Paces({
    encoder: new EventEncoder(eventRecord({ seq: 0 })),
    clock: this.clock,
    counters: this.counters,
    turning: () => {},
    published: (bytes) => void this.published.push(bytes),
  });
  /** Bytes of events whose turn came. */
  readonly published: number[] = [];
  /** What was sent: `NUMBER:SEQ`, with the events that it replaced behind it. */
  readonly #sent: string[] = [];
  #sessions = 0;

  session({ every = EVERY_MS, encoding = Encoding.json, batched = false, vip = false }: PacedTerms = {}) {
    const number = ++this.#sessions;
    const actor = { role: 'subscriber', id: `s-${number}`, devices: undefined, vip: false } as const;
    const admitted = { ok: true, actor, idIsGenerated: false, address: 0, expiresAt: 0 } as const;
    const codec = { ...jsonSubscriberCodec, encoding };
    const terms = { codec, batched, every, hold: false, wanted: undefined };
    const session = new SubscriberSession(admitted, number, 0, terms);
    session.vip = vip;
    const send = (frame: Uint8Array): void => {
      const { seq, conflated } = JSON.parse(Buffer.from(frame).toString());
      this.#sent.push(`${number}:${seq}${conflated === undefined ? '' : `(${conflated})`}`);
    };
    session.attach({ send, cork: (body: () => void) => body() } as unknown as Connection<unknown>);
    return session;
  }

  /** The subscriber follows one more device. */
  enter(terms?: PacedTerms): Cohorts {
    return this.paces.enter(this.session(terms));
  }

  /** The set of a device that these follow alone. They are of one kind. */
  followers(...sessions: readonly SubscriberSession[]): Cohort {
    let cohort: Cohort | undefined;
    for (const session of sessions) {
      const cohorts = this.paces.enter(session);
      cohort = cohorts.join(cohort ?? cohorts.empty, session);
    }
    return cohort!;
  }

  note(cohort: Cohort, seq: number, priority: number = Priority.normal, replaced = 0): void {
    this.paces.note(cohort, Priority.high - priority, NAMES, eventRecord({ seq, priority }), 0, replaced);
  }

  news(): string {
    return this.#sent.splice(0).join(' ');
  }

  get deliveries(): number {
    return this.counters.cells[Counter.deliveries]!;
  }

  get conflated(): number {
    return this.counters.cells[Counter.conflated]!;
  }
}
