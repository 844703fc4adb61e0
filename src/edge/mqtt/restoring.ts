/**
 * Resolves the topic filters of kept sessions before their clients are admitted. A session may have ten thousand, and a
 * thousand clients may come back at once, which would delay others on the thread. So a few are resolved at a time, for
 * all clients together, over several turns of the event loop.
 */
import type { Actor } from '../../access/actor.ts';
import { mayBeDevice } from '../../wire/mqtt/connecting.ts';
import type { KeptSession } from '../../wire/mqtt/host.ts';
import { MqttSubscriptions } from '../../wire/mqtt/subscriptions.ts';
import type { TopicLayout } from '../../wire/mqtt/topics.ts';
import { roleOf } from './refusals.ts';

/** Topic filters resolved in one turn: about a millisecond. A client with no more than this is admitted at once. */
export const RESTORED_PER_TURN = 256;

export interface RestorerDeps {
  readonly layout: TopicLayout;
  /** Runs it once the thread has seen to its sockets. */
  readonly soon?: (work: () => void) => void;
}

/** Whose session it is. */
export interface ReturningClient {
  /** It may watch interest in the device that it may be. */
  readonly actor: Actor;
  /** Whether it still waits. */
  readonly isWaiting: () => boolean;
  /** Called once, at once where the topic filters are few; undefined: nothing was kept, or it does not wait any more. */
  readonly done: (restored: MqttSubscriptions | undefined) => void;
}

interface Job {
  readonly client: ReturningClient;
  readonly kept: KeptSession;
  readonly restored: MqttSubscriptions;
  /** Index of the topic filter that is next. */
  next: number;
}

export class Restorer {
  readonly #deps: RestorerDeps;
  /** In the order of their turns. */
  readonly #jobs = new Set<Job>();
  #isScheduled = false;

  constructor(deps: RestorerDeps) {
    this.#deps = deps;
  }

  /** @param kept undefined: nothing was kept */
  restore(kept: KeptSession | undefined, client: ReturningClient): void {
    if (kept === undefined) {
      client.done(undefined);
      return;
    }
    const restored = new MqttSubscriptions();
    restored.scope = kept.scope;
    const job = { client, kept, restored, next: 0 };
    if (kept.subscriptions.length > RESTORED_PER_TURN) {
      this.#jobs.add(job);
      this.#schedule();
    } else this.#advance(job, RESTORED_PER_TURN);
  }

  #schedule(): void {
    const { soon = setImmediate } = this.#deps;
    if (!this.#isScheduled) soon(() => this.#turn());
    this.#isScheduled = true;
  }

  #turn(): void {
    this.#isScheduled = false;
    let left = RESTORED_PER_TURN;
    for (const job of this.#jobs) {
      if (left === 0) break;
      this.#jobs.delete(job);
      const before = job.next;
      if (!this.#advance(job, left)) this.#jobs.add(job); // behind the others
      left -= job.next - before;
    }
    if (this.#jobs.size > 0) this.#schedule();
  }

  /** @param most at most so many topic filters @returns whether the client has been told */
  #advance(job: Job, most: number): boolean {
    const { client, kept, restored } = job;
    const { subscriptions } = kept;
    if (!client.isWaiting()) {
      client.done(undefined);
      return true;
    }
    const device = mayBeDevice(roleOf(client.actor)) ? client.actor.id : undefined;
    const end = Math.min(job.next + most, subscriptions.length);
    for (; job.next < end; job.next++) restored.restore(subscriptions[job.next]!, this.#deps.layout, device);
    if (job.next < subscriptions.length) return false;
    client.done(restored);
    return true;
  }
}
