/** Long lists of devices: the hub takes frames up to a size, so they are asked for in parts. Pure. */
import { SUBSCRIBE_DEVICES_MAX } from '../limits.ts';
import type { Answer, Changed } from './frames.ts';

/** Bytes of ids in one frame: the hub closes on frames over its limit, which is 64 KiB unless set otherwise. */
const FRAME_IDS_BYTES_MAX = 16 * 1024;

/** Parts of the list that fit a frame each, in order; none of an empty list. */
export function inChunks(devices: readonly string[]): readonly (readonly string[])[] {
  const chunks: string[][] = [];
  let chunk: string[] = [];
  let bytes = 0;
  for (const device of devices) {
    const more = device.length + 3; // quotes and comma
    if (chunk.length === 0 || chunk.length === SUBSCRIBE_DEVICES_MAX || bytes + more > FRAME_IDS_BYTES_MAX) {
      chunk = [];
      chunks.push(chunk);
      bytes = 0;
    }
    chunk.push(device);
    bytes += more;
  }
  return chunks;
}

/** One answer of those to the parts. */
export function merge(answers: readonly Answer[]): Changed {
  return {
    devices: answers.flatMap(({ devices = [] }) => devices as readonly string[]),
    errors: answers.flatMap(({ errors = [] }) => errors),
  };
}
