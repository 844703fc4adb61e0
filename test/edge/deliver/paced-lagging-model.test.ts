/** Subscribers at a pace that lag and recover, in whatever order: no event comes twice, and none is lost untold. */
import { ok, strictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { it } from 'vitest';
import { SHARD_SOCKETS_MAX } from '../../../src/edge/deliver/audience.ts';
import { EventType } from '../../../src/wire/events.ts';
import type { Frame } from '../../support/frames.ts';
import { runs } from '../../support/runs.ts';
import { type FakeSocket, FakeThread, QUEUE_BYTES } from './fake-thread.ts';

const DEVICES = 3;
const QUERIES = ['&every=1000', '&every=1000&batch=true', '&every=300', '&every=1000'] as const;
const VIP = 3;
/** Followers of the first device without a pace: a round of its events takes several steps. */
const BYSTANDERS = SHARD_SOCKETS_MAX + 1;

class World {
  readonly thread = new FakeThread({ sendQueueMaxBytes: 1e9 });
  readonly paced: readonly FakeSocket[] = QUERIES.map((query, n) =>
    this.thread.subscriber([0, 1, 2], { query, vip: n === VIP }),
  );

  constructor() {
    for (let n = 0; n < BYSTANDERS; n++) this.thread.subscriber([0]);
  }

  pass(ms: number): void {
    this.thread.clock.advance(ms);
    this.thread.edge.deliverer.paces.tick();
  }

  /** Everybody reads everything, and every turn comes. */
  settle(): void {
    this.thread.poll();
    for (const socket of this.paced) socket.drainTo(0);
    this.thread.poll();
    for (let n = 0; n < 100; n++) this.pass(20);
    strictEqual(this.thread.count('laggingSubscribers'), 0);
    strictEqual(this.thread.edge.deliverer.sendQueues.hasWaiting, false);
  }
}

interface Step {
  readonly name: string;
  readonly run: (world: World) => void;
}

const device = fc.nat({ max: DEVICES - 1 });
const actor = fc.nat({ max: QUERIES.length - 1 });
const queued = fc.constantFrom(0, QUEUE_BYTES / 4, QUEUE_BYTES + 1);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(device, fc.constantFrom('normal', 'normal', 'normal', 'low', 'high'), fc.nat(5))
      .map(([d, priority, type]) => ({
        name: `event ${d} ${priority} ${type}`,
        run: ({ thread }: World) =>
          void thread.event(d, priority, undefined, type === 0 ? EventType.status : EventType.message),
      })),
  },
  { weight: 5, arbitrary: fc.constant({ name: 'poll', run: ({ thread }: World) => thread.edge.poll() }) },
  {
    weight: 3,
    arbitrary: fc
      .integer({ min: 1, max: 700 })
      .map((ms) => ({ name: `pass ${ms}`, run: (world: World) => world.pass(ms) })),
  },
  { weight: 3, arbitrary: fc.constant({ name: 'tick', run: ({ thread }: World) => thread.tick() }) },
  {
    weight: 4,
    arbitrary: fc.tuple(actor, queued).map(([a, bytes]) => ({
      name: `queue ${a} ${bytes}`,
      run: ({ paced }: World) => {
        paced[a]!.queued = bytes;
      },
    })),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(actor, queued).map(([a, bytes]) => ({
      name: `drain ${a} ${bytes}`,
      run: ({ paced }: World) => paced[a]!.drainTo(bytes),
    })),
  },
);

/** Checks what one subscriber was told of one device. */
function check({ frames }: FakeSocket, id: string, last: number): void {
  const told = new Set<number>();
  let replaced = 0;
  let newest = 0;
  const tell = (seq: number): void => {
    ok(!told.has(seq), `${id}:${seq} is told once`);
    told.add(seq);
  };
  const events = frames.flatMap((frame): readonly Frame[] =>
    frame.op === 'batch' ? frame.events! : [frame],
  );
  for (const frame of events.filter((one) => one.device === id)) {
    if (frame.op === 'event') {
      tell(frame.seq!);
      replaced += frame.conflated ?? 0;
      newest = Math.max(newest, frame.seq!);
    } else if (frame.op === 'gap') for (let seq = frame.from!; seq <= frame.to!; seq++) tell(seq);
  }
  ok(told.size + replaced <= last, `of ${id}, no more than what was sent`);
  strictEqual(newest, last, `the newest of ${id} has come`);
}

it('are told of each event at most once, and get the newest of each device', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 150, size: 'max' }), (steps) => {
      const world = new World();
      for (const { run } of steps) run(world);
      world.settle();
      for (const socket of world.paced)
        for (let d = 0; d < DEVICES; d++) check(socket, `d${d}`, world.thread.seq(d));
    }),
    { numRuns: runs(20) },
  );
});
