/** Long lists of devices: the hub takes frames up to a size, so they are asked for in parts. Pure. */
import { isName } from './checks.ts';
import type { Answer, Changed, Refusal, Since } from './frames.ts';
import { BAD_REQUEST, FRAME_DEVICES_MAX } from './wire.ts';

/** Bytes of ids in one frame: the hub closes on frames over its limit, which is 64 KiB unless set otherwise. */
const FRAME_IDS_BYTES_MAX = 16 * 1024;
/** What one id takes beside itself: quotes and comma; with where to go on from, also its name again, and two numbers. */
const ID_BYTES = 3;
const SINCE_BYTES = 44;

/** The names of a list, and the rest of it as the hub would answer it: a hub may refuse a whole list for one of them. */
export function splitMalformed(devices: readonly string[]): {
  readonly names: readonly string[];
  readonly refusals: readonly Refusal[];
} {
  const refusals = devices
    .filter((device) => !isName(device))
    .map((device) => ({ device: String(device), code: BAD_REQUEST, message: 'neither an id nor a filter' }));
  return { names: refusals.length === 0 ? devices : devices.filter(isName), refusals };
}

/**
 * Parts of the list that fit a frame each, in order; none of an empty list.
 * @param since of those that go into the same frame with where to go on from
 */
export function inChunks(
  devices: Iterable<string>,
  since?: ReadonlyMap<string, Since>,
): readonly (readonly string[])[] {
  const chunks: string[][] = [];
  let chunk: string[] = [];
  let bytes = 0;
  for (const device of devices) {
    const { epoch } = since?.get(device) ?? {};
    const more =
      device.length + ID_BYTES + (epoch === undefined ? 0 : device.length + epoch.length + SINCE_BYTES);
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
    filters: answers.flatMap(({ filters = [] }) => filters as readonly string[]),
    errors: [...answers.flatMap(({ errors = [] }) => errors), ...refusals],
  };
}
