/**
 * What a listener does with frames, by the sections of RFC 6455: one row a case. A story is what the peer sees in
 * order: `answer X`, `error CODE`, `pong TEXT`, `close CODE` (a close frame), `end` (the connection is over). A peer
 * that is not told off is asked something afterwards and answers `answer probe`.
 */
import { Opcode, type RequestLine, type UpgradeHeaders } from '../support/raw-peer.ts';
import { clientFrame, closeFrame, fragments, text } from '../support/websocket-frames.ts';

/** What the listener accepts as a default, bytes. */
const LIMIT = 65_536;
/** Larger frames are not read at all. */
const TRANSPORT_LIMIT = 4 * LIMIT;

export interface WebSocketCase {
  readonly section: string;
  readonly name: string;
  /** @param ask a text frame's payload that is answered with `answer X` */
  readonly send: (ask: (id: string) => string) => readonly Uint8Array[];
  /** What RFC 6455 asks for; of a failed connection, that it is closed with this code. */
  readonly story: string;
  /** Where uWebSockets.js does otherwise. */
  readonly uws?: string;
  /** Where `ws` does otherwise. */
  readonly ws?: string;
}

const SERVED = 'answer probe';
/** uWebSockets.js ends a connection that breaks the protocol without a close frame. */
const failed = (code: number) => ({ story: `close ${code}, end`, uws: 'end' }) as const;

/** It answers a close frame that it cannot make sense of with an empty one. */
const EMPTY_CLOSE = 'close, end';
const badClose = (code: number) => ({ story: `close ${code}, end`, uws: EMPTY_CLOSE }) as const;

function padded(payload: string, bytes: number): string {
  return payload.padEnd(bytes, ' '); // blanks around JSON mean nothing
}

/** Cut where no character ends. */
function halves(payload: string, at: number): [Uint8Array, Uint8Array] {
  const bytes = Buffer.from(payload);
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

const sizes: WebSocketCase[] = [125, 126, 127, 65_535, LIMIT].map((bytes) => ({
  section: '5.2',
  name: `a text frame of ${bytes} bytes`,
  send: (ask) => [text(padded(ask('a'), bytes))],
  story: `answer a, ${SERVED}`,
}));

const closeCodes: WebSocketCase[] = [1000, 1001, 1002, 1003, 1007, 1011, 4000, 4999].map((code) => ({
  section: '7.4',
  name: `close ${code}`,
  send: () => [closeFrame(code, 'bye')],
  story: `close ${code}, end`,
}));

const ownCloseCodes: WebSocketCase[] = [1012, 1014, 3000, 3999].map((code) => ({
  section: '7.4',
  name: `close ${code}`,
  send: () => [closeFrame(code, 'bye')],
  story: `close ${code}, end`,
  uws: EMPTY_CLOSE,
}));

const badCloseCodes: WebSocketCase[] = [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535].map((code) => ({
  section: '7.4',
  name: `close ${code}, which nobody may send`,
  send: () => [closeFrame(code)],
  ...badClose(1002),
}));

const reservedOpcodes: WebSocketCase[] = [3, 7, 11, 15].map((opcode) => ({
  section: '5.2',
  name: `the reserved opcode ${opcode}`,
  send: () => [clientFrame({ opcode, payload: 'x' })],
  ...failed(1002),
}));

const invalidUtf8: readonly (readonly [string, readonly number[]])[] = [
  ['a lone continuation byte', [0x80]],
  ['an overlong form', [0xc0, 0xaf]],
  ['a surrogate', [0xed, 0xa0, 0x80]],
  ['a code point above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ['a character that is cut off', [0xe2, 0x82]],
];

/** A handshake that differs from a good one in this. */
export interface HandshakeCase {
  readonly section: string;
  readonly name: string;
  readonly headers?: UpgradeHeaders;
  readonly line?: RequestLine;
  readonly status: number;
  /** The subprotocol of the answer; undefined: none. */
  readonly protocol?: string;
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

export const handshakeCases: readonly HandshakeCase[] = [
  {
    section: '4.1',
    name: 'other letters',
    headers: { Upgrade: 'WebSocket', Connection: 'upgrade' },
    status: 101,
  },
  {
    section: '4.1',
    name: 'a list in Connection',
    headers: { Connection: 'keep-alive, Upgrade' },
    status: 101,
  },
  { section: '4.1', name: 'HTTP/1.0', line: { version: 'HTTP/1.0' }, status: 505 },
  { section: '4.1', name: 'no Host', headers: { Host: undefined }, status: 400 },
  { section: '4.1', name: 'two Hosts', headers: { Host: ['127.0.0.1', '127.0.0.1'] }, status: 400 },
  { section: '4.1', name: 'POST', line: { method: 'POST' }, status: 405 },
  { section: '4.1', name: 'no Upgrade', headers: { Upgrade: undefined }, status: 426 },
  { section: '4.1', name: 'another Upgrade', headers: { Upgrade: 'h2c' }, status: 426 },
  { section: '4.1', name: 'no Connection', headers: { Connection: undefined }, status: 426 },
  { section: '4.1', name: 'another Connection', headers: { Connection: 'not-upgrade' }, status: 426 },
  { section: '4.1', name: 'no key', headers: { 'Sec-WebSocket-Key': undefined }, status: 400 },
  { section: '4.1', name: 'a key of 3 bytes', headers: { 'Sec-WebSocket-Key': 'YWJj' }, status: 400 },
  {
    section: '4.1',
    name: 'a key that is no base64',
    headers: { 'Sec-WebSocket-Key': '!'.repeat(24) },
    status: 400,
  },
  { section: '4.1', name: 'two keys', headers: { 'Sec-WebSocket-Key': [KEY, KEY] }, status: 400 },
  { section: '4.1', name: 'no version', headers: { 'Sec-WebSocket-Version': undefined }, status: 426 },
  { section: '4.1', name: 'version 8', headers: { 'Sec-WebSocket-Version': '8' }, status: 426 },
  { section: '4.1', name: 'a body', headers: { 'Content-Length': '3' }, line: { body: 'abc' }, status: 400 },
  {
    section: '4.1',
    name: 'a body in chunks',
    headers: { 'Transfer-Encoding': 'chunked' },
    line: { body: '0\r\n\r\n' },
    status: 400,
  },
  {
    section: '4.2',
    name: 'a known subprotocol',
    headers: { 'Sec-WebSocket-Protocol': 'dat.v1.json' },
    status: 101,
    protocol: 'dat.v1.json',
  },
  {
    section: '4.2',
    name: 'a known subprotocol behind an unknown one',
    headers: { 'Sec-WebSocket-Protocol': 'arduino, dat.v1.json' },
    status: 101,
    protocol: 'dat.v1.json',
  },
  {
    section: '4.2',
    name: 'a known subprotocol in a second line',
    headers: { 'Sec-WebSocket-Protocol': ['arduino', 'dat.v1.json'] },
    status: 101,
    protocol: 'dat.v1.json',
  },
  {
    section: '4.2',
    name: 'only unknown subprotocols',
    headers: { 'Sec-WebSocket-Protocol': 'arduino, dat.v2.json' },
    status: 400,
  },
  {
    section: '4.2',
    name: 'one subprotocol twice',
    headers: { 'Sec-WebSocket-Protocol': 'dat.v1.json, dat.v1.json' },
    status: 400,
  },
  {
    section: '4.2',
    name: 'a subprotocol that is no token',
    headers: { 'Sec-WebSocket-Protocol': 'dat.v1.json, a b' },
    status: 400,
  },
  { section: '4.2', name: 'a head of 31 KiB', headers: { Cookie: 'x'.repeat(31 * 1024) }, status: 101 },
  { section: '4.2', name: 'a head of 33 KiB', headers: { Cookie: 'x'.repeat(33 * 1024) }, status: 431 },
  {
    section: '4.2',
    name: '98 headers',
    headers: { 'X-More': Array.from({ length: 93 }, () => 'x') },
    status: 101,
  },
  {
    section: '4.2',
    name: '99 headers',
    headers: { 'X-More': Array.from({ length: 94 }, () => 'x') },
    status: 431,
  },
];

export const webSocketCases: readonly WebSocketCase[] = [
  ...sizes,
  {
    section: '5.2',
    name: 'a text frame of one byte more than DAT_MAX_MESSAGE_BYTES',
    send: (ask) => [text(padded(ask('a'), LIMIT + 1))],
    story: 'error 106, close 4000, end',
  },
  {
    section: '5.2',
    name: 'a text frame larger than four times DAT_MAX_MESSAGE_BYTES',
    send: (ask) => [text(padded(ask('a'), TRANSPORT_LIMIT + 1))],
    ...failed(1009),
  },
  {
    section: '5.2',
    name: 'a length of 64 bits with the highest bit set',
    send: () => [text('x', { length: 1n << 63n })],
    ...failed(1009),
  },
  {
    section: '5.2',
    name: 'a length of 64 bits that no memory holds',
    send: () => [text('x', { length: (1n << 63n) - 1n })],
    ...failed(1009),
  },
  {
    section: '5.2',
    name: 'a short length in 16 bits',
    send: (ask) => [text(ask('a'), { lengthBits: 16 })],
    story: 'close 1002, end',
    uws: `answer a, ${SERVED}`,
    ws: `answer a, ${SERVED}`,
  },
  {
    section: '5.2',
    name: 'a short length in 64 bits',
    send: (ask) => [text(ask('a'), { lengthBits: 64 })],
    story: 'close 1002, end',
    uws: `answer a, ${SERVED}`,
    ws: `answer a, ${SERVED}`,
  },
  ...[1, 2, 4].map((reserved) => ({
    section: '5.2',
    name: `the reserved bits ${reserved}`,
    send: (ask: (id: string) => string) => [text(ask('a'), { reserved })],
    ...failed(1002),
  })),
  ...reservedOpcodes,
  {
    section: '5.1',
    // uWebSockets.js takes four bytes for a mask that are none, so that four more make the next frame one again.
    name: 'a frame that is not masked',
    send: (ask) => [text(ask('a'), { masked: false }), Buffer.alloc(4)],
    story: 'close 1002, end',
    uws: `error 107, ${SERVED}`,
  },
  {
    section: '5.4',
    name: 'a message in three fragments',
    send: (ask) => fragments(ask('a').slice(0, 4), ask('a').slice(4, 9), ask('a').slice(9)),
    story: `answer a, ${SERVED}`,
  },
  {
    section: '5.4',
    name: 'fragments without payload',
    send: (ask) => fragments('', ask('a'), '', ''),
    story: `answer a, ${SERVED}`,
  },
  {
    section: '5.4',
    name: 'a message in 16,384 fragments',
    send: (ask) => fragments(ask('a'), ...Array.from({ length: 16_383 }, () => ' ')),
    story: `answer a, ${SERVED}`,
  },
  {
    section: '5.4',
    name: 'a message in one fragment more',
    send: (ask) => fragments(ask('a'), ...Array.from({ length: 16_384 }, () => ' ')),
    story: 'close 1008, end',
    uws: `answer a, ${SERVED}`, // it hands on whole messages, and counts bytes alone
  },
  {
    section: '5.4',
    name: 'a ping and a pong between two fragments',
    send: (ask) => {
      const [first, second] = fragments(ask('a').slice(0, 7), ask('a').slice(7)) as [Buffer, Buffer];
      const ping = clientFrame({ opcode: Opcode.ping, payload: 'in between' });
      return [first, ping, clientFrame({ opcode: Opcode.pong }), second];
    },
    story: `pong in between, answer a, ${SERVED}`,
  },
  {
    section: '5.4',
    name: 'a close between two fragments',
    send: (ask) => [fragments(ask('a').slice(0, 7), ask('a').slice(7))[0]!, closeFrame(1000)],
    story: 'close 1000, end',
  },
  {
    section: '5.4',
    name: 'a continuation of nothing',
    send: () => [clientFrame({ opcode: Opcode.continuation, payload: 'x' })],
    ...failed(1002),
  },
  {
    section: '5.4',
    name: 'a continuation of nothing, with more to come',
    send: () => [clientFrame({ opcode: Opcode.continuation, payload: 'x', fin: false })],
    ...failed(1002),
  },
  {
    section: '5.4',
    name: 'a new message before the last one is complete',
    send: (ask) => [text('{', { fin: false }), text(ask('a'))],
    ...failed(1002),
  },
  {
    section: '5.5',
    name: 'a ping of 125 bytes',
    send: () => [clientFrame({ opcode: Opcode.ping, payload: 'p'.repeat(125) })],
    story: `pong ${'p'.repeat(125)}, ${SERVED}`,
  },
  ...[Opcode.ping, Opcode.pong, Opcode.close].map((opcode) => ({
    section: '5.5',
    name: `a control frame (opcode ${opcode}) of 126 bytes`,
    send: () => [clientFrame({ opcode, payload: Buffer.alloc(126, 3) })],
    ...failed(1002),
  })),
  ...[Opcode.ping, Opcode.pong, Opcode.close].map((opcode) => ({
    section: '5.5',
    name: `a fragmented control frame (opcode ${opcode})`,
    send: () => [clientFrame({ opcode, fin: false })],
    ...failed(1002),
  })),
  {
    section: '5.5',
    name: 'a pong that nobody asked for',
    send: () => [clientFrame({ opcode: Opcode.pong, payload: 'hello' })],
    story: SERVED,
  },
  {
    section: '5.5.1',
    name: 'a frame after the close frame',
    send: (ask) => [closeFrame(1000), text(ask('a'))],
    story: 'close 1000, end',
  },
  {
    section: '5.5.1',
    name: 'a close without a code',
    send: () => [closeFrame()],
    story: 'close, end',
  },
  {
    section: '5.5.1',
    name: 'a close of one byte',
    send: () => [clientFrame({ opcode: Opcode.close, payload: Buffer.from([3]) })],
    ...badClose(1002),
  },
  {
    section: '5.5.1',
    name: 'a close whose reason is no UTF-8',
    send: () => [closeFrame(1000, Buffer.from([0xff, 0xfe]))],
    ...badClose(1007),
  },
  ...closeCodes,
  ...ownCloseCodes,
  ...badCloseCodes,
  {
    section: '8.1',
    name: 'a character split over two fragments',
    send: (ask) => fragments(...halves(ask('€'), ask('€').indexOf('€') + 1)),
    story: `answer €, ${SERVED}`,
  },
  {
    section: '8.1',
    name: 'a character outside the basic plane, byte by byte',
    send: (ask) => fragments(...[...Buffer.from(ask('😀'))].map((byte) => Buffer.from([byte]))),
    story: `answer 😀, ${SERVED}`,
  },
  ...invalidUtf8.map(([what, bytes]) => ({
    section: '8.1',
    name: `a text with ${what}`,
    send: () => [text(Buffer.from(['{'.charCodeAt(0), ...bytes]))],
    ...failed(1007),
  })),
  {
    section: '8.1',
    name: 'a text whose second fragment is no UTF-8',
    send: () => fragments('{', Buffer.from([0xff])),
    ...failed(1007),
  },
];
