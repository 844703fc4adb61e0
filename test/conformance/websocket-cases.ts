/**
 * What a listener does with frames, by the sections of RFC 6455: one row a case. A story is what the peer sees in
 * order: `answer X`, `error CODE`, `pong TEXT`, `close CODE` (a close frame), `end` (the connection is over). A peer
 * that is not told off is asked something afterwards and answers `answer probe`.
 */
import { Opcode } from '../support/raw-peer.ts';
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
