/** Maps the hub's codes (`codes.ts`) to MQTT reason codes. */
import { closes, errors } from '../../codes.ts';
import { Reason } from './constants.ts';

/** Reasons for refusing a CONNECT. WebSocket upgrades of the hub's own protocol get an HTTP status instead. */
export const connectRefusals = {
  badToken: Reason.badCredentials,
  notAllowed: Reason.notAuthorized,
  badId: Reason.clientIdNotValid,
  quota: Reason.quotaExceeded,
  unavailable: Reason.serverUnavailable,
} as const;
export type ConnectRefusal = keyof typeof connectRefusals;

/** @param code of `closes` @returns the reason code for DISCONNECT in MQTT 5 */
export function disconnectReasonOf(code: number): number {
  switch (code) {
    case closes.badToken.code:
    case closes.denied.code:
    case closes.tokenExpired.code:
      return Reason.notAuthorized;
    case closes.replaced.code:
      return Reason.sessionTakenOver;
    case closes.kicked.code:
    case closes.terminated.code:
      return Reason.administrativeAction;
    case closes.overCapacity.code:
    case closes.slow.code:
      return Reason.quotaExceeded;
    case closes.rateLimit.code:
      return Reason.messageRateTooHigh;
    case closes.drain.code:
      return Reason.serverShuttingDown;
    case closes.noPong.code:
      return Reason.keepAliveTimeout;
    case closes.badFrame.code:
      return Reason.malformedPacket;
    default:
      return Reason.unspecified;
  }
}

/** By error of `errors`: what it is for a topic filter and for an event alike. */
const refusals: ReadonlyMap<number, number> = new Map([
  [errors.denied.code, Reason.notAuthorized],
  [errors.terminated.code, Reason.notAuthorized],
  [errors.limit.code, Reason.quotaExceeded],
  [errors.rateLimit.code, Reason.quotaExceeded],
]);

/** @param error of `errors`, for a topic filter @returns the reason code for SUBACK in MQTT 5 */
export function filterReasonOf(error: number): number {
  return refusalOf(error, Reason.topicFilterInvalid);
}

/** @param error of `errors`, for an event @returns the reason code for PUBACK or PUBREC in MQTT 5 */
export function publishReasonOf(error: number): number {
  return refusalOf(error, Reason.payloadFormatInvalid);
}

function refusalOf(error: number, badRequest: number): number {
  return error === errors.badRequest.code ? badRequest : (refusals.get(error) ?? Reason.unspecified);
}
