/**
 * What each published event carries, whatever the wire: when it was meant to be sent, by which device, and the
 * device's count of events. Fixed width, so that it is written in place and read without parsing:
 *
 *   ~tttttttttttttttt.dddddd.nnnnnnnn     (µs of `nowUs`, device, count)
 *
 * A reader finds it by the mark and the dots, whatever stands around it.
 */

const MARK = 0x7e;
const DOT = 0x2e;
const ZERO = 0x30;
const TIME_DIGITS = 16;
const DEVICE_DIGITS = 6;
const COUNT_DIGITS = 8;
const DEVICE_AT = 1 + TIME_DIGITS + 1;
const COUNT_AT = DEVICE_AT + DEVICE_DIGITS + 1;
export const STAMP_BYTES = COUNT_AT + COUNT_DIGITS;
/** Devices that a stamp can tell apart. */
export const STAMPED_DEVICES_MAX = 10 ** DEVICE_DIGITS;
/** Events that a device can count. */
export const STAMPED_EVENTS_MAX = 10 ** COUNT_DIGITS - 1;

export interface Stamp {
  intendedUs: number;
  device: number;
  /** From 1, without holes. */
  count: number;
}

/** JSON text of `bytes` bytes that holds a stamp: `{"m":"~…","pad":"x…"}`. */
export function stampedJson(bytes: number): string {
  const head = `{"m":"~${'0'.repeat(TIME_DIGITS)}.${'0'.repeat(DEVICE_DIGITS)}.${'0'.repeat(COUNT_DIGITS)}","pad":"`;
  return `${head}${'x'.repeat(Math.max(0, bytes - head.length - 2))}"}`;
}

/** Where the stamp starts between `from` and `to`, -1 when there is none. */
export function findStamp(bytes: Buffer, from: number, to: number): number {
  for (
    let at = bytes.indexOf(MARK, from);
    at >= 0 && at + STAMP_BYTES <= to;
    at = bytes.indexOf(MARK, at + 1)
  ) {
    // A binary head may hold the mark's byte by chance.
    if (bytes[at + DEVICE_AT - 1] === DOT && bytes[at + COUNT_AT - 1] === DOT) return at;
  }
  return -1;
}

/** Writes when an event is due and which it is, in digits, so that the payload stays valid JSON. */
export function writeStamp(
  bytes: Buffer,
  at: number,
  intendedUs: number,
  device: number,
  count: number,
): void {
  writeDigits(bytes, at + 1, TIME_DIGITS, Math.floor(intendedUs));
  writeDigits(bytes, at + DEVICE_AT, DEVICE_DIGITS, device);
  writeDigits(bytes, at + COUNT_AT, COUNT_DIGITS, count);
}

/** Reads what `writeStamp` wrote at this offset; `into` is reused for every event. */
export function readStamp(bytes: Buffer, at: number, into: Stamp): void {
  into.intendedUs = readDigits(bytes, at + 1, 8) * 1e8 + readDigits(bytes, at + 9, 8);
  into.device = readDigits(bytes, at + DEVICE_AT, DEVICE_DIGITS);
  into.count = readDigits(bytes, at + COUNT_AT, COUNT_DIGITS);
}

function writeDigits(bytes: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    const next = Math.floor(rest / 10);
    bytes[i] = ZERO + (rest - next * 10);
    rest = next;
  }
}

function readDigits(bytes: Buffer, at: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) value = value * 10 + (bytes[i]! - ZERO);
  return value;
}
