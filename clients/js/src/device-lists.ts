/** Long lists of devices: the hub takes frames up to a size, so they are asked for in parts. Pure. */

import { isId } from './checks.ts';
import type { Answer, Changed, Refusal } from './frames.ts';
import { BAD_REQUEST, FRAME_DEVICES_MAX } from './wire.ts';

/** Bytes of ids in one frame: the hub closes on frames over its limit, which is 64 KiB unless set otherwise. */
const FRAME_IDS_BYTES_MAX = 16 * 1024;

/** The ids of a list, and the rest of it as the hub would answer it: a hub may refuse a whole list for one of them. */
export function splitMalformed(devices: readonly string[]): {
  readonly ids: readonly string[];
  readonly refusals: readonly Refusal[];
} {
  const refusals = devices
    .filter((device) => !isId(device))
    .map((device) => ({ device: String(device), code: BAD_REQUEST, message: 'not an id' }));
  return { ids: refusals.length === 0 ? devices : devices.filter(isId), refusals };
}

/** Parts of the list that fit a frame each, in order; none of an empty list. */
export function inChunks(devices: readonly string[]): readonly (readonly string[])[] {
  const chunks: string[][] = [];
  let chunk: string[] = [];
  let bytes = 0;
  for (const device of devices) {
    const more = device.length + 3; // quotes and comma
    if (chunk.length === 0 || chunk.length === FRAME_DEVICES_MAX || bytes + more > FRAME_IDS_BYTES_MAX) {
      chunk = [];
      chunks.push(chunk);
      bytes = 0;
    }
    chunk.push(device);
    bytes += more;
  }
  return chunks;
}

/** One answer of those to the parts, with what was refused before it was asked for. */
export function merge(answers: readonly Answer[], refusals: readonly Refusal[] = []): Changed {
  return {
    devices: answers.flatMap(({ devices = [] }) => devices as readonly string[]),
    errors: [...answers.flatMap(({ errors = [] }) => errors), ...refusals],
  };
}
