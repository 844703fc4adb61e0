/**
 * What must be right about a WebSocket handshake before anybody is asked who the peer is (RFC 6455, 4.2.1). Both
 * transports ask this, so that they answer alike. Pure.
 */

/** The head of a request, as far as the handshake needs it. */
export interface HandshakeHead {
  readonly method: string;
  /** Value of a header by its lower-case name, `''` when absent; several lines are joined by commas. */
  header(name: string): string;
}

export interface HttpRefusal {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const KEY = /^[+/0-9A-Za-z]{22}==$/;

/** @returns the answer to a request that is no good handshake; undefined when it is one */
export function handshakeProblem({ method, header }: HandshakeHead): HttpRefusal | undefined {
  const isUpgrade =
    header('upgrade').toLowerCase() === 'websocket' && listsToken(header('connection'), 'upgrade');
  if (!isUpgrade) return notWebSocket;
  if (method !== 'GET') return { status: 405, message: 'expected GET', headers: { Allow: 'GET' } };
  if (header('sec-websocket-version') !== '13') return otherVersion;
  const key = header('sec-websocket-key');
  if (!KEY.test(key)) {
    const what = key === '' ? 'missing' : 'not 16 bytes in base64';
    return { status: 400, message: `Sec-WebSocket-Key is ${what}` };
  }
  return hasBody(header) ? withBody : undefined;
}

/** Whether the request announces a body. */
export function hasBody(header: HandshakeHead['header']): boolean {
  return header('content-length').replace(/^0+$/, '') !== '' || header('transfer-encoding') !== '';
}

/** To whoever speaks HTTP alone. */
export const notWebSocket: HttpRefusal = {
  status: 426,
  message: 'this is a WebSocket endpoint',
  headers: { Upgrade: 'websocket', Connection: 'Upgrade' },
};

const otherVersion: HttpRefusal = {
  status: 426,
  message: 'expected WebSocket version 13',
  headers: { 'Sec-WebSocket-Version': '13' },
};

/** No request here has one. */
export const withBody: HttpRefusal = { status: 400, message: 'expected no body' };

function listsToken(list: string, token: string): boolean {
  return list.split(',').some((item) => item.trim().toLowerCase() === token);
}
