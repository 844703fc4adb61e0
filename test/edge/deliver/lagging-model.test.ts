/** Whatever happens in whatever order: every event comes once, or is in one gap, and the books agree. */
import { ok, strictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { SHARD_SOCKETS_MAX } from '../../../src/edge/deliver/audience.ts';
import { Notice } from '../../../src/records/replies.ts';
import { ALL_TYPES, type PriorityName, typeBits } from '../../../src/wire/events.ts';
import type { Frame } from '../../support/frames.ts';
import { runs } from '../../support/runs.ts';
import { type FakeSocket, FakeThread, QUEUE_BYTES } from './fake-thread.ts';

const DEVICES = 3;
const ACTORS = 5;
/** Followers of the first device: a round of its events takes several steps. */
const BYSTANDERS = 5 * SHARD_SOCKETS_MAX;

/** One follower's time with a device: from the event after its snapshot to the last before its end. */
interface Visit {
  readonly after: number;
  until: number | undefined;
}

class World {
  readonly thread = new FakeThread();
  readonly actors: readonly FakeSocket[];
  readonly bystanders: readonly FakeSocket[];
  /** By actor, then device. */
  readonly visits: readonly (readonly Visit[][])[];
  readonly lost = Array.from({ length: DEVICES }, () => new Set<number>());
  readonly vips = new Set<number>();

  constructor() {
    this.actors = Array.from({ length: ACTORS }, (_, n) =>
      this.thread.subscriber([], { binary: n % 2 === 1 }),
    );
    this.bystanders = Array.from({ length: BYSTANDERS }, () => this.thread.subscriber([0]));
    this.visits = this.actors.map(() => Array.from({ length: DEVICES }, () => []));
  }

  /** Enters or leaves a device, as the owner does it: the answer goes along. */
  turn(actor: number, device: number): void {
    const { thread } = this;
    const socket = this.actors[actor]!;
    const visits = this.visits[actor]![device]!;
    const current = visits.at(-1);
    if (current !== undefined && current.until === undefined) {
      current.until = thread.seq(device);
      thread.notice(socket, [`d${device}`], Notice.terminated);
      thread.detach(socket, device);
    } else {
      visits.push({ after: thread.seq(device), until: undefined });
      thread.attach(socket, device);
      thread.notice(socket, [`d${device}`]);
    }
  }

  /** Asks for other types of the device, messages among them. */
  turnTypes(actor: number, device: number, types: number): void {
    const current = this.visits[actor]![device]!.at(-1);
    const isFollowing = current !== undefined && current.until === undefined;
    if (isFollowing) this.thread.attach(this.actors[actor]!, device, undefined, types);
  }

  turnVip(actor: number): void {
    const vip = !this.vips.delete(actor);
    if (vip) this.vips.add(actor);
    this.thread.setVip(this.actors[actor]!, vip);
  }

  overload(device: number, count: number): void {
    for (let n = 1; n <= count; n++) this.lost[device]!.add(this.thread.seq(device) + n);
    this.thread.overload(device, count);
  }

  /** Everybody reads everything. */
  settle(): void {
    this.thread.poll();
    for (const socket of this.actors) socket.drainTo(0);
    this.thread.poll();
    this.thread.tick();
    this.thread.poll();
    strictEqual(this.thread.count('laggingSubscribers'), 0);
  }
}

interface Step {
  readonly name: string;
  readonly run: (world: World) => void;
}

const actor = fc.nat({ max: ACTORS - 1 });
const device = fc.nat({ max: DEVICES - 1 });
const priority = fc.constantFrom<PriorityName>('low', 'normal', 'normal', 'high');
const queued = fc.constantFrom(0, QUEUE_BYTES / 4, QUEUE_BYTES / 2, QUEUE_BYTES + 1, QUEUE_BYTES * 3);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(device, priority)
      .map(([d, p]) => ({ name: `event ${d} ${p}`, run: ({ thread }: World) => void thread.event(d, p) })),
  },
  {
    weight: 4,
    arbitrary: fc.constant({ name: 'poll', run: ({ thread }: World) => void thread.edge.poll() }),
  },
  { weight: 1, arbitrary: fc.constant({ name: 'poll all', run: ({ thread }: World) => thread.poll() }) },
  { weight: 3, arbitrary: fc.constant({ name: 'tick', run: ({ thread }: World) => thread.tick() }) },
  {
    weight: 4,
    arbitrary: fc.tuple(actor, queued).map(([a, bytes]) => ({
      name: `queue ${a} ${bytes}`,
      run: ({ actors }: World) => {
        actors[a]!.queued = bytes;
      },
    })),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(actor, queued).map(([a, bytes]) => ({
      name: `drain ${a} ${bytes}`,
      run: ({ actors }: World) => actors[a]!.drainTo(bytes),
    })),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(actor, device)
      .map(([a, d]) => ({ name: `turn ${a} ${d}`, run: (world: World) => world.turn(a, d) })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(actor, device, fc.constantFrom(ALL_TYPES, typeBits.message, typeBits.message | typeBits.pong))
      .map(([a, d, types]) => ({
        name: `types ${a} ${d} ${types}`,
        run: (world: World) => world.turnTypes(a, d, types),
      })),
  },
  { weight: 1, arbitrary: actor.map((a) => ({ name: `vip ${a}`, run: (world: World) => world.turnVip(a) })) },
  {
    weight: 1,
    arbitrary: fc.tuple(device, fc.integer({ min: 1, max: 3 })).map(([d, count]) => ({
      name: `overload ${d} ${count}`,
      run: (world: World) => world.overload(d, count),
    })),
  },
);

/** What one follower was told of one device: event seqs in order, seqs in gaps; checks the order on the way. */
function named({ devices }: Frame): readonly unknown[] {
  return (devices as readonly unknown[] | undefined) ?? [];
}

function read(frames: readonly Frame[], id: string) {
  const events = new Set<number>();
  const gaps = new Set<number>();
  const last: Record<string, number> = {};
  let entered = false;
  for (const frame of frames.filter((one) => one.device === id || named(one).includes(id))) {
    if (frame.op === 'status') entered = true;
    else if (frame.op === 'removed') entered = false;
    else ok(entered, `nothing of ${id} before it was followed or after it was not`);
    if (frame.op === 'event') {
      const seq = frame.seq!;
      ok(!events.has(seq) && !gaps.has(seq), `${id}:${seq} comes once`);
      ok(seq > (last[frame.priority!] ?? 0), `${id}:${seq} is in order`);
      last[frame.priority!] = seq;
      events.add(seq);
    } else if (frame.op === 'gap') {
      for (let seq = frame.from!; seq <= frame.to!; seq++) {
        ok(!events.has(seq) && !gaps.has(seq), `${id}:${seq} is in one gap and not delivered`);
        gaps.add(seq);
      }
    }
  }
  return { events, gaps };
}

function check(world: World): void {
  const { thread } = world;
  let delivered = 0;
  let due = 0;
  for (let a = 0; a < ACTORS; a++) {
    for (let d = 0; d < DEVICES; d++) {
      const { events, gaps } = read(world.actors[a]!.frames, `d${d}`);
      delivered += events.size;
      const told = new Set([...events, ...gaps]);
      for (const { after, until } of world.visits[a]![d]!) {
        for (let seq = after + 1; seq <= (until ?? thread.seq(d)); seq++) {
          if (!world.lost[d]!.has(seq)) due += 1;
          // Who leaves while it lags hears no more of what it missed.
          ok(told.delete(seq) || until !== undefined, `actor ${a} knows of d${d}:${seq}`);
        }
      }
      strictEqual(told.size, 0, `actor ${a} is told of d${d} only what was its own`);
    }
  }
  for (const { frames } of world.bystanders) {
    const { events, gaps } = read([{ op: 'status', device: 'd0' }, ...frames], 'd0');
    strictEqual(events.size + gaps.size, thread.seq(0));
    strictEqual(gaps.size, world.lost[0]!.size);
    delivered += events.size;
    due += thread.seq(0) - world.lost[0]!.size;
  }
  strictEqual(thread.count('deliveries'), delivered);
  strictEqual(thread.count('deliveries') + thread.count('droppedLagging'), due);
}

describe('followers that lag, recover, come and go', () => {
  it('are told of each event exactly once, and the books agree', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 150, size: 'max' }), (steps) => {
        const world = new World();
        for (const { run } of steps) run(world);
        world.settle();
        check(world);
      }),
      { numRuns: runs(60) },
    );
  });
});
