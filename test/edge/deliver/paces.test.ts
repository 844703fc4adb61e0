/** Which set of equal followers a subscriber at a pace is in, and what is sent to whom first; `pace.test.ts` has what they get. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventRecord } from '../../../fixtures/event-records.ts';
import { COHORT_SESSIONS_MAX, type Cohorts } from '../../../src/edge/deliver/cohorts.ts';
import type { PacedAudience, PacedLane } from '../../../src/edge/deliver/paced-audience.ts';
import type { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import { Encoding } from '../../../src/wire/encodings.ts';
import { DeviceNames } from '../../../src/wire/event-frames.ts';
import { Priority } from '../../../src/wire/events.ts';
import { readTemplates } from '../../../src/wire/mqtt/templates.ts';
import { TopicLayout } from '../../../src/wire/mqtt/topics.ts';
import { EVERY_MS, NAMES, PacesBench } from './paces-harness.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const TURN_BYTES = 300;

let bench: PacesBench;
beforeEach(() => {
  bench = new PacesBench();
});

describe('subscribers at a pace', () => {
  it('are of one kind where interval, encoding, batches and vip are the same, and keep that while they follow anything', () => {
    const session = bench.session();
    const kind = bench.paces.enter(session);
    expect(kind.terms).toMatchObject({ encoding: Encoding.json, isBatched: false, isVip: false });
    expect([kind.terms.pace.every, bench.paces.enter(session), bench.enter()]).toEqual([
      EVERY_MS,
      kind,
      kind,
    ]);
    expect([bench.paces.cohortsOf(session), kind.sessionCount]).toEqual([kind, 2]);
    bench.paces.exit(session);
    expect(bench.paces.cohortsOf(session)).toBe(kind);
    bench.paces.exit(session);
    expect([bench.paces.cohortsOf(session), kind.sessionCount]).toEqual([undefined, 1]);
  });

  it('are of another kind where any of it differs, in whatever way', () => {
    const kinds = new Set<Cohorts>();
    let count = 0;
    for (const every of [100, 101, 102, 200])
      for (const encoding of [Encoding.json, Encoding.binary, Encoding.mqtt3, Encoding.mqtt5])
        for (const batched of [false, true])
          for (const vip of [false, true]) {
            const kind = bench.enter({ every, encoding, batched, vip });
            expect(kind.terms).toMatchObject({ encoding, isBatched: batched, isVip: vip, pace: { every } });
            kinds.add(kind);
            count += 1;
          }
    expect(kinds.size).toBe(count);
  });

  it('share the turns of an interval, whatever their kind', () => {
    const [one, other, slower] = [bench.enter(), bench.enter({ vip: true }), bench.enter({ every: 200 })];
    expect(other.terms.pace).toBe(one.terms.pace);
    expect(slower.terms.pace).not.toBe(one.terms.pace);
  });

  it('are not more of a kind than a set may have, and fill the room that others leave', () => {
    const sessions = Array.from({ length: COHORT_SESSIONS_MAX + 1 }, () => bench.session());
    const kinds = sessions.map((session) => bench.paces.enter(session));
    expect(new Set(kinds.slice(0, -1)).size).toBe(1);
    const [full, last] = [kinds[0]!, kinds.at(-1)!];
    expect(last).not.toBe(full);
    expect(bench.enter()).toBe(last);
    bench.paces.exit(sessions[0]!);
    expect([bench.enter() === full, bench.enter() === last]).toEqual([true, true]);
  });

  it('of a kind that has no members left leave the others of that kind where they are', () => {
    const sessions = Array.from({ length: COHORT_SESSIONS_MAX + 1 }, () => bench.session());
    const kinds = sessions.map((session) => bench.paces.enter(session));
    for (const session of sessions.slice(0, -1)) bench.paces.exit(session);
    expect(bench.enter()).toBe(kinds.at(-1));
    expect(bench.enter().terms.pace).toBe(kinds[0]!.terms.pace);
  });
});

describe('a subscriber that becomes one of another kind', () => {
  const become = (session: SubscriberSession, vip: boolean): string[] => {
    const moved: string[] = [];
    const audience = {
      move: (who: SubscriberSession, from: Cohorts, to: Cohorts) =>
        moved.push(`${who.id} ${from.terms.isVip} ${to.terms.isVip}`),
    } as unknown as PacedAudience;
    bench.paces.changeKind(session, [audience], () => {
      session.vip = vip;
    });
    return moved;
  };

  it('is of it with all that it follows, and of the one before with nothing', () => {
    const session = bench.session();
    const before = bench.paces.enter(session);
    bench.paces.enter(session);
    expect(become(session, true)).toEqual(['s-1 false true']);
    const after = bench.paces.cohortsOf(session)!;
    expect([before.sessionCount, after.sessionCount, after.terms.isVip]).toEqual([0, 1, true]);
    expect(after.terms.pace).toBe(before.terms.pace);
    bench.paces.exit(session);
    expect(bench.paces.cohortsOf(session)).toBe(after);
    bench.paces.exit(session);
    expect([bench.paces.cohortsOf(session), after.sessionCount]).toEqual([undefined, 0]);
  });

  it('keeps its place where it is of the same kind after all', () => {
    const session = bench.session();
    const before = bench.paces.enter(session);
    expect(become(session, false)).toEqual([]);
    expect([bench.paces.cohortsOf(session), before.sessionCount]).toEqual([before, 1]);
  });

  it('is of it with the first device that it follows, where it follows none', () => {
    const session = bench.session();
    expect(become(session, true)).toEqual([]);
    expect(bench.paces.cohortsOf(session)).toBeUndefined();
    expect(bench.paces.enter(session).terms.isVip).toBe(true);
  });

  it('was sent what was noted as one of the kind before', () => {
    const session = bench.session();
    const cohort = bench.followers(session);
    bench.note(cohort, 1);
    bench.paces.changeKind(session, [], () => expect(bench.news()).toBe('1:1'));
  });
});

describe('the sets of equal followers', () => {
  it('are counted over all kinds, while anybody is in them', () => {
    const [one, other, vip] = [bench.session(), bench.session(), bench.session({ vip: true })];
    const cohorts = bench.paces.enter(one);
    const alone = cohorts.join(cohorts.empty, one);
    expect(bench.paces.cohortCount).toBe(1);
    bench.followers(other);
    bench.followers(vip);
    expect(bench.paces.cohortCount).toBe(3);
    cohorts.leave(alone, one);
    bench.paces.exit(one);
    expect(bench.paces.cohortCount).toBe(2);
  });

  it('are gone with the last of their kind', () => {
    const sessions = [bench.session(), bench.session()];
    bench.followers(...sessions);
    for (const session of sessions) bench.paces.exit(session);
    expect(bench.paces.cohortCount).toBe(0);
  });
});

describe('the turns of an interval', () => {
  /** Somebody waits for a turn. */
  function lane(cohorts: Cohorts): PacedLane & { turns: number } {
    const one = {
      isWaitedFor: true,
      turnStep: Number.NEGATIVE_INFINITY,
      isScheduled: false,
      turns: 0,
      takeTurn() {
        this.turns += 1;
        return TURN_BYTES;
      },
    };
    cohorts.terms.pace.schedule(one as never);
    return one as never;
  }

  it('come with a tick, of all intervals', () => {
    const lanes = [lane(bench.enter()), lane(bench.enter({ every: 200 }))];
    bench.clock.advance(20);
    bench.paces.tick();
    expect(lanes.map(({ turns }) => turns)).toEqual([1, 1]);
    expect(bench.published).toEqual([TURN_BYTES, TURN_BYTES]);
  });

  it('come with a timer, and what they have noted is sent', () => {
    const session = bench.session();
    const cohort = bench.followers(session);
    const one = lane(cohort.kind);
    one.takeTurn = () => {
      bench.note(cohort, 7);
      return TURN_BYTES;
    };
    bench.clock.advance(20);
    vi.advanceTimersByTime(20);
    expect(bench.news()).toBe('1:7');
    expect(bench.published).toEqual([TURN_BYTES]);
  });

  it('are over when nobody is left who has it, and begin anew with the next', () => {
    const [one, other] = [bench.session(), bench.session({ vip: true })];
    const { pace } = bench.paces.enter(one).terms;
    lane(bench.paces.enter(other));
    expect(vi.getTimerCount()).toBe(1);
    bench.paces.exit(one);
    expect([vi.getTimerCount(), bench.enter().terms.pace]).toEqual([1, pace]);
    const all = new PacesBench();
    const last = all.session();
    const gone = all.paces.enter(last);
    lane(gone);
    all.paces.exit(last);
    expect([vi.getTimerCount(), all.enter().terms.pace === gone.terms.pace]).toEqual([1, false]);
  });
});

describe('what was noted', () => {
  it('is sent with a flush, once, the more urgent first, and counted', () => {
    const cohort = bench.followers(bench.session(), bench.session());
    bench.note(cohort, 1, Priority.low);
    bench.note(cohort, 2, Priority.normal, 3);
    bench.note(cohort, 3, Priority.high);
    expect([bench.news(), cohort.isDue]).toEqual(['', true]);
    bench.paces.flush();
    expect([bench.news(), cohort.isDue]).toEqual(['1:3 1:2(3) 1:1 2:3 2:2(3) 2:1', false]);
    expect([bench.deliveries, bench.conflated]).toEqual([6, 6]);
    bench.paces.flush();
    expect(bench.news()).toBe('');
  });

  it('is sent to vips first, whoever it was noted for first', () => {
    const cohorts = [
      bench.followers(bench.session()),
      bench.followers(bench.session({ vip: true })),
      bench.followers(bench.session({ every: 200 })),
      bench.followers(bench.session({ every: 200, vip: true })),
    ];
    for (let seq = 1; seq <= 2; seq++) {
      for (const cohort of cohorts) bench.note(cohort, seq);
      bench.paces.flush();
      expect(bench.news()).toBe([2, 4, 1, 3].map((number) => `${number}:${seq}`).join(' '));
    }
  });

  it('is sent to all sets of a kind', () => {
    const [one, other] = [bench.followers(bench.session()), bench.followers(bench.session())];
    expect(one.kind).toBe(other.kind);
    for (const cohort of [one, other]) bench.note(cohort, 1);
    bench.paces.flush();
    expect(bench.news()).toBe('1:1 2:1');
  });
});

describe('an event that is sent to one alone', () => {
  it('comes at once, with what it replaced, and is counted', () => {
    const session = bench.session();
    bench.paces.sendAlone(session, NAMES, eventRecord({ seq: 1 }), 0, 0);
    bench.paces.sendAlone(session, NAMES, eventRecord({ seq: 4 }), 0, 2);
    expect([bench.news(), bench.deliveries, bench.conflated]).toEqual(['1:1 1:4(2)', 2, 2]);
  });

  it('does not come where the subscriber is closing, or has no form for it', () => {
    const closing = bench.session();
    closing.closing = true;
    bench.paces.sendAlone(closing, NAMES, eventRecord({ seq: 1 }), 0, 0);
    const templates = readTemplates(['{device}=status']); // there is no topic of messages
    if (!templates.ok) throw new Error(templates.problems.join());
    const names = new DeviceNames('d', new TopicLayout(templates.templates));
    bench.paces.sendAlone(bench.session({ encoding: Encoding.mqtt5 }), names, eventRecord({ seq: 1 }), 0, 0);
    expect([bench.news(), bench.deliveries]).toEqual(['', 0]);
  });
});
