/**
 * What a client is told of interest in its own device: a PUBLISH on the interest topic, with the identifiers of its
 * subscriptions to that.
 */
import { encodeText, withIdentifiers } from './events.ts';
import type { Client } from './handshake.ts';
import type { MqttHost } from './host.ts';
import { accepts } from './replies.ts';
import type { MqttSubscriptions } from './subscriptions.ts';
import { Kind } from './templates.ts';
import type { TopicLayout } from './topics.ts';

/** How the state at hand is told when a client begins to watch. */
export const StateNow = {
  /** As what it has subscribed to brings. */
  retained: 1,
  /** A session goes on: as what has come since. */
  live: 2,
  /** Not at all; changes are. */
  untold: 3,
} as const;
export type StateNow = (typeof StateNow)[keyof typeof StateNow];

/** What `OwnInterest` needs from the session. */
export interface InterestedClient {
  readonly host: Pick<MqttHost, 'watchInterest' | 'write'>;
  readonly layout: TopicLayout;
  readonly client: Client;
  readonly subscriptions: MqttSubscriptions;
  readonly isOpen: boolean;
}

export class OwnInterest {
  readonly #peer: InterestedClient;
  #now: StateNow | undefined;

  constructor(peer: InterestedClient) {
    this.#peer = peer;
  }

  /** From here on the client is told. Who is told already is told anew, unless nothing is to be told now. */
  watch(now: StateNow): void {
    if (this.#now !== undefined && now === StateNow.untold) return;
    this.#now = now;
    this.#peer.host.watchInterest(true);
  }

  end(): void {
    this.#now = undefined;
    this.#peer.host.watchInterest(false);
  }

  /** @param isFirst the current state rather than a change */
  is(active: boolean, isFirst: boolean): void {
    const { host, layout, client, subscriptions, isOpen } = this.#peer;
    const topic = layout.topicBytes(client.id, Kind.interest);
    if (!isOpen || topic.length === 0 || (isFirst && this.#now === StateNow.untold)) return;
    const isRetained = isFirst && this.#now === StateNow.retained;
    const packet = encodeText(topic, client.version, active ? '1' : '0', isRetained);
    const identifiers = client.version === 5 ? subscriptions.interestIdentifiers : [];
    const whole = identifiers.length > 0 ? withIdentifiers(packet, topic.length, identifiers) : packet;
    if (accepts(client, whole)) host.write(whole);
  }
}
