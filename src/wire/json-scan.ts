/**
 * A strict RFC 8259 validator over bytes: steps over one JSON value without making anything of it. It accepts what
 * `JSON.parse` accepts, down to `JSON_DEPTH_MAX` levels. UTF-8 is the WebSocket layer's to validate. Never reads
 * outside the bytes, never throws, never allocates.
 */

/** Lists and objects within each other in one value; deeper is refused: no event needs it, and it bounds the stack. */
export const JSON_DEPTH_MAX = 256;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const LOWER_U = 0x75;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** 1 for bytes that stand for themselves in a string: no control character, quote or backslash. */
const plain = new Uint8Array(256).fill(1);
plain.fill(0, 0, 0x20);
plain[QUOTE] = 0;
plain[BACKSLASH] = 0;

/** 1 for what may follow a backslash, `u` aside. */
const escapes = new Uint8Array(256);
for (const char of '"\\/bfnrt') escapes[char.charCodeAt(0)] = 1;

const hex = new Uint8Array(256);
for (const char of '0123456789abcdefABCDEF') hex[char.charCodeAt(0)] = 1;

/** Open brackets of the value being scanned, by level. */
const stack = new Uint8Array(JSON_DEPTH_MAX);

/** First byte from `at` that is no JSON white space. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  let i = at;
  for (;;) {
    const byte = bytes[i];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return i;
    i += 1;
  }
}

/** @param at where the opening quote stands @returns the end of the string, past its quote, or -1 */
export function scanString(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== QUOTE) return -1;
  const { length } = bytes;
  for (let i = skipPlain(bytes, at + 1); i < length; i = skipPlain(bytes, i)) {
    const byte = bytes[i];
    if (byte === QUOTE) return i + 1;
    if (byte !== BACKSLASH) return -1;
    const escaped = bytes[i + 1];
    if (escaped === undefined) return -1;
    if (escapes[escaped] === 1) {
      i += 2;
    } else {
      if (escaped !== LOWER_U) return -1;
      for (let digit = 2; digit < 6; digit++) if (hex[bytes[i + digit] ?? 0] === 0) return -1;
      i += 6;
    }
  }
  return -1;
}

/** First byte from `at` that does not stand for itself in a string. Four at a time: it takes half as long for a payload. */
function skipPlain(bytes: Uint8Array, at: number): number {
  const { length } = bytes;
  let i = at;
  for (const last = length - 4; i <= last; i += 4) {
    if ((plain[bytes[i]!]! & plain[bytes[i + 1]!]! & plain[bytes[i + 2]!]! & plain[bytes[i + 3]!]!) === 0)
      break;
  }
  while (i < length && plain[bytes[i]!] === 1) i += 1;
  return i;
}

/** @param at where the value's first byte stands @returns the end of the value, or -1 when it is not valid JSON */
export function scanValue(bytes: Uint8Array, at: number): number {
  let depth = 0;
  let i = at;
  for (;;) {
    const byte = bytes[i];
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (depth === JSON_DEPTH_MAX) return -1;
      const next = skipSpace(bytes, i + 1);
      if (bytes[next] === byte + 2) {
        i = next + 1; // empty: `{}` and `[]` are each two code points apart
      } else {
        stack[depth++] = byte;
        i = byte === OPEN_BRACE ? scanKey(bytes, next) : next;
        if (i < 0) return -1;
        continue;
      }
    } else {
      i = scanScalar(bytes, i);
      if (i < 0) return -1;
    }
    // A value has ended: close what it closes, then a comma leads to the next one.
    for (;;) {
      if (depth === 0) return i;
      const open = stack[depth - 1]!;
      i = skipSpace(bytes, i);
      const after = bytes[i];
      if (after === COMMA) {
        i = skipSpace(bytes, i + 1);
        if (open === OPEN_BRACE) i = scanKey(bytes, i);
        if (i < 0) return -1;
        break;
      }
      if (after !== (open === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET)) return -1;
      depth -= 1;
      i += 1;
    }
  }
}

/** Steps over `"key" :` and the space around. @returns where the member's value starts, or -1 */
export function scanKey(bytes: Uint8Array, at: number): number {
  const end = scanString(bytes, at);
  if (end < 0) return -1;
  const colon = skipSpace(bytes, end);
  return bytes[colon] === COLON ? skipSpace(bytes, colon + 1) : -1;
}

function scanScalar(bytes: Uint8Array, at: number): number {
  switch (bytes[at]) {
    case QUOTE:
      return scanString(bytes, at);
    case 0x74:
      return scanWord(bytes, at, TRUE);
    case 0x66:
      return scanWord(bytes, at, FALSE);
    case 0x6e:
      return scanWord(bytes, at, NULL);
    default:
      return scanNumber(bytes, at);
  }
}

const TRUE = new TextEncoder().encode('true');
const FALSE = new TextEncoder().encode('false');
const NULL = new TextEncoder().encode('null');

function scanWord(bytes: Uint8Array, at: number, word: Uint8Array): number {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return -1;
  return at + word.length;
}

function scanNumber(bytes: Uint8Array, at: number): number {
  let i = bytes[at] === MINUS ? at + 1 : at;
  if (bytes[i] === ZERO) i += 1;
  else if (isDigit(bytes[i])) i = scanDigits(bytes, i);
  else return -1;
  if (bytes[i] === DOT) {
    if (!isDigit(bytes[i + 1])) return -1;
    i = scanDigits(bytes, i + 1);
  }
  if (bytes[i] === 0x65 || bytes[i] === 0x45) {
    i += bytes[i + 1] === PLUS || bytes[i + 1] === MINUS ? 2 : 1;
    if (!isDigit(bytes[i])) return -1;
    i = scanDigits(bytes, i);
  }
  return i;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function scanDigits(bytes: Uint8Array, at: number): number {
  let i = at;
  while (isDigit(bytes[i])) i += 1;
  return i;
}
