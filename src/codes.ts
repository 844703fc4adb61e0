/**
 * Every code that the hub sends: errors in frames, close codes, removals. Numbers are never reused. The range of a
 * close code tells the client what to do: 4000-4099 do not reconnect; 4100-4199 reconnect with backoff; 4200-4299
 * reconnect at once, or after `reconnectAfterMs` if it was given.
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
  internal: { code: 100, reason: 'internal error' },
  denied: { code: 103, reason: 'not allowed' },
  unknownOp: { code: 104, reason: 'unknown op' },
  limit: { code: 106, reason: 'limit exceeded' },
  badRequest: { code: 107, reason: 'bad request' },
  rateLimit: { code: 111, reason: 'rate limit exceeded' },
  unknownDevice: { code: 120, reason: 'not subscribed to this device' },
  inactiveTooLong: { code: 121, reason: 'inactive too long' },
  terminated: { code: 122, reason: 'device terminated' },
  gone: { code: 123, reason: 'device gone' },
} as const satisfies Record<string, ErrorEntry>;

/** Codes of `removed` frames: the error codes that can also end a subscription. */
export const removals = {
  denied: { code: errors.denied.code, reason: 'denied' },
  inactiveTooLong: { code: errors.inactiveTooLong.code, reason: 'inactive too long' },
  terminated: { code: errors.terminated.code, reason: 'device terminated' },
  gone: { code: errors.gone.code, reason: 'device gone' },
} as const satisfies Record<string, ErrorEntry>;

/** Every close code of the contract. */
export const closes = {
  badFrame: { code: 4000, retry: 'never', reason: 'bad frame' },
  badToken: { code: 4001, retry: 'never', reason: 'bad token' },
  denied: { code: 4003, retry: 'never', reason: 'not allowed' },
  replaced: { code: 4004, retry: 'never', reason: 'replaced by a newer connection with the same id' },
  kicked: { code: 4005, retry: 'never', reason: 'kicked by an operator' },
  terminated: { code: 4009, retry: 'never', reason: 'device terminated by an operator' },
  overCapacity: { code: 4100, retry: 'later', reason: 'the hub is at capacity' },
  rateLimit: { code: 4101, retry: 'later', reason: 'far over the rate limit' },
  slow: { code: 4108, retry: 'later', reason: 'slow subscriber' },
  drain: { code: 4200, retry: 'now', reason: 'the hub is draining' },
  noPong: { code: 4201, retry: 'now', reason: 'keepalive timeout' },
  tokenExpired: { code: 4202, retry: 'now', reason: 'token expired' },
} as const satisfies Record<string, CloseEntry>;

/**
 * What a peer does after a close. Only the range counts, so the answer also holds for codes added later.
 * @param code any close code; one outside the hub's ranges, such as 1006 for a lost connection, means `later`
 */
export function retryAfterClose(code: number): CloseEntry['retry'] {
  if (code >= 4000 && code <= 4099) return 'never';
  return code >= 4200 && code <= 4299 ? 'now' : 'later';
}
