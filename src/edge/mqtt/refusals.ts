/** Translates refusals, roles and counters between the hub and MQTT. Pure. */
import type { Actor } from '../../access/actor.ts';
import type { Refused } from '../../access/admission.ts';
import { closes } from '../../codes.ts';
import { Counter } from '../../memory/counters.ts';
import type { MqttCount, TokenRole } from '../../wire/mqtt/host.ts';
import type { ConnectRefusal } from '../../wire/mqtt/reasons.ts';

/** How CONNACK says why a client was not admitted. */
export function connectRefusalOf({ reason, status }: Refused): ConnectRefusal {
  switch (reason) {
    case 'token':
      return status === 401 ? 'badToken' : 'unavailable'; // the keys cannot be had now
    case 'id':
      return status === 400 ? 'badId' : 'notAllowed';
    case 'role':
      return 'notAllowed';
    case 'banned':
    case 'address_connections':
    case 'address_rate':
      return 'quota';
    default:
      return 'unavailable';
  }
}

/** How CONNACK says why the hub closes a client before that. @param code of `closes` */
export function closeRefusalOf(code: number): ConnectRefusal {
  switch (code) {
    case closes.overCapacity.code:
      return 'quota';
    case closes.kicked.code:
    case closes.tokenExpired.code:
      return 'notAllowed';
    default:
      return 'unavailable';
  }
}

/** @returns undefined without authentication: it may act in any role */
export function roleOf({ role }: Actor): TokenRole {
  return role === 'device' || role === 'subscriber' || role === 'gateway' ? role : undefined;
}

/** What a close frame of WebSocket holds at most, bytes of UTF-8 (RFC 6455, 5.5). */
const CLOSE_REASON_BYTES_MAX = 123;

/** The reason as a close frame can carry it: cut at a character. */
export function closeReasonOf(message: string): string {
  const bytes = Buffer.from(message).subarray(0, CLOSE_REASON_BYTES_MAX);
  return new TextDecoder().decode(bytes, { stream: true });
}

export const countersOf = {
  malformed: Counter.mqttMalformed,
  silent: Counter.upgradesTimeout,
  refusedConnect: Counter.mqttRefusedConnects,
  foreignTopic: Counter.mqttForeignTopics,
  refusedEvent: Counter.mqttRefusedEvents,
} as const satisfies Record<MqttCount, number>;
