/**
 * Tells a client about interest in its own device: a PUBLISH on the interest topic, with the identifiers of its
 * subscriptions to that topic.
 */
import { encodeText, withIdentifiers } from './events.ts';
import type { Client } from './handshake.ts';
import type { MqttHost } from './host.ts';
import { accepts } from './replies.ts';
import type { MqttSubscriptions } from './subscriptions.ts';
import { Kind } from './templates.ts';
import type { TopicLayout } from './topics.ts';

/** How the current state is sent when a client begins to watch. */
export const StateNow = {
  /** As a retained message of its new subscription. */
  retained: 1,
  /** A session continues: as a live message. */
  live: 2,
  /** Not at all; only changes are sent. */
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

  /**
   * From now on the client is told. A client that was already being told gets the state again, unless it is `untold`.
   */
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
