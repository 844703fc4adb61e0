/**
 * Resolves the topic filters of a kept session before its client is admitted. There may be ten thousand, which would
 * delay others on the thread, so they are resolved a few at a time, over several turns of the event loop.
 */
import type { Actor } from '../../access/actor.ts';
import { mayBeDevice } from '../../wire/mqtt/connecting.ts';
import type { KeptSession } from '../../wire/mqtt/host.ts';
import { MqttSubscriptions } from '../../wire/mqtt/subscriptions.ts';
import type { TopicLayout } from '../../wire/mqtt/topics.ts';
import { roleOf } from './refusals.ts';

/** Topic filters resolved in one turn: about a millisecond. A client with no more than this is admitted at once. */
export const RESTORED_PER_TURN = 256;

export interface RestoringOptions {
  readonly layout: TopicLayout;
  /** The client. It may watch interest in the device that it may be. */
  readonly actor: Actor;
  /** Runs it once the thread has seen to its sockets. */
  readonly soon?: (work: () => void) => void;
}

/** @param done called with the subscriptions, at once where they are few */
export function restoreInTurns(
  { subscriptions, scope }: KeptSession,
  { layout, actor, soon = setImmediate }: RestoringOptions,
  done: (restored: MqttSubscriptions) => void,
): void {
  const restored = new MqttSubscriptions();
  restored.scope = scope;
  const device = mayBeDevice(roleOf(actor)) ? actor.id : undefined;
  let next = 0;
  const turn = (): void => {
    const end = Math.min(next + RESTORED_PER_TURN, subscriptions.length);
    for (; next < end; next++) restored.restore(subscriptions[next]!, layout, device);
    if (next < subscriptions.length) soon(turn);
    else done(restored);
  };
  turn();
}
