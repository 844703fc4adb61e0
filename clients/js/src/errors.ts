/** The one error class of the client. Runs in browsers and Node; imports nothing. */

/** What kind of error it is. */
export type TunnelErrorCode =
  /** The hub answered with an error; `hubCode` says which. The connection stays. */
  | 'refused'
  /** No answer within `requestTimeoutMs`, or no connection to send over. The hub may have processed what was sent. */
  | 'timeout'
  /** The connection was lost, or could not be made. The hub may have processed what was sent but not answered. */
  | 'disconnected'
  /** Closed for good: by `close()`, or by the hub with a code that says not to reconnect. */
  | 'closed'
  /** Too much waits to be sent already; this was dropped. */
  | 'full'
  /** The hub sent something that cannot be read. */
  | 'unreadable';

/** The class of all errors of the client, except for a TypeError on a mistake in a call. */
export class TunnelError extends Error {
  override readonly name = 'TunnelError';
  readonly code: TunnelErrorCode;
  /**
   * With `refused` the hub's error code (100 to 199). With `disconnected` and `closed` the WebSocket close code: the
   * hub's (4000 to 4299), or 1006 if there was no close frame. Otherwise undefined.
   */
  readonly hubCode: number | undefined;

  constructor(code: TunnelErrorCode, message: string, hubCode?: number) {
    super(message);
    this.code = code;
    this.hubCode = hubCode;
  }
}
