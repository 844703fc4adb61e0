/**
 * Every code the hub puts on the wire: errors in frames, close codes, removals. Numbers are never reused.
 * What a client should do follows from a close code's range: 4000-4099 never reconnect, 4100-4199 later, backing
 * off, 4200-4299 at once, or after `reconnectAfterMs` where given.
 */

export interface ErrorEntry {
  readonly code: number;
  /** When it is sent. */
  readonly reason: string;
}

export interface CloseEntry {
  readonly code: number;
  readonly retry: 'never' | 'later' | 'now';
  /** Text of the close frame: at most 123 bytes of UTF-8 (RFC 6455, 5.5). */
  readonly reason: string;
}

/** Codes of `error` frames and of the `errors` in answers. The connection stays. */
export const errors = {
  internal: { code: 100, reason: 'the hub failed' },
  denied: { code: 103, reason: 'not allowed' },
  unknownOp: { code: 104, reason: 'no such op' },
  limit: { code: 106, reason: 'over a limit' },
  badRequest: { code: 107, reason: 'the frame is not what the contract says' },
  rateLimit: { code: 111, reason: 'too many events per second' },
  unknownDevice: { code: 120, reason: 'no such device among the subscriptions' },
  inactiveTooLong: { code: 121, reason: 'removed after being inactive too long' },
  terminated: { code: 122, reason: 'device terminated' },
} as const satisfies Record<string, ErrorEntry>;

/** Codes of `removed` frames: those of `errors` that may also end a subscription. */
export const removals = {
  denied: { code: errors.denied.code, reason: 'denied' },
  inactiveTooLong: { code: errors.inactiveTooLong.code, reason: 'inactive too long' },
  terminated: { code: errors.terminated.code, reason: 'device terminated' },
} as const satisfies Record<string, ErrorEntry>;

/** Every close code of the contract. */
export const closes = {
  badFrame: { code: 4000, retry: 'never', reason: 'bad frame' },
  badToken: { code: 4001, retry: 'never', reason: 'bad token' },
  denied: { code: 4003, retry: 'never', reason: 'not allowed' },
  replaced: { code: 4004, retry: 'never', reason: 'a newer connection of this id took over' },
  kicked: { code: 4005, retry: 'never', reason: 'kicked by an operator' },
  terminated: { code: 4009, retry: 'never', reason: 'device terminated by an operator' },
  overCapacity: { code: 4100, retry: 'later', reason: 'the hub is at its capacity' },
  rateLimit: { code: 4101, retry: 'later', reason: 'over the rate limit' },
  slow: { code: 4108, retry: 'later', reason: 'send queue went over its limit' },
  drain: { code: 4200, retry: 'now', reason: 'the hub is draining' },
  noPong: { code: 4201, retry: 'now', reason: 'no sign of life' },
  tokenExpired: { code: 4202, retry: 'now', reason: 'the token has expired' },
} as const satisfies Record<string, CloseEntry>;

/**
 * What a peer does after a close, by the code's range alone, so that it knows what to do with codes made later.
 * @param code any close code; one that is not of the hub's ranges, such as 1006 for a lost connection, means `later`
 */
export function retryAfterClose(code: number): CloseEntry['retry'] {
  if (code >= 4000 && code <= 4099) return 'never';
  return code >= 4200 && code <= 4299 ? 'now' : 'later';
}

const closesByCode: ReadonlyMap<number, CloseEntry> = new Map(
  Object.values(closes).map((entry) => [entry.code, entry]),
);

/** @throws Error when it is not a code of the registry: a bug in the caller */
export function closeByCode(code: number): CloseEntry {
  const entry = closesByCode.get(code);
  if (entry === undefined) throw new Error(`${code} is not a close code of the hub`);
  return entry;
}
