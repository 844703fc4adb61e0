/** Splits long lists of devices into parts that fit a frame. Pure. */
import { isName } from './checks.ts';
import type { Answer, Changed, Refusal, Since } from './frames.ts';
import { BAD_REQUEST, FRAME_DEVICES_MAX } from './wire.ts';

/** Bytes of ids in one frame: the hub closes the connection on a frame over its limit, by default 64 KiB. */
const FRAME_IDS_BYTES_MAX = 16 * 1024;
/** Quotes and comma of an id. */
const ID_BYTES = 3;
/** `"":{"epoch":"","seq":9007199254740991},` */
const SINCE_BYTES = 44;

/** The well-formed names of a list, and refusals for the others, like those of the hub. */
export function splitMalformed(devices: readonly string[]): {
  readonly names: readonly string[];
  readonly refusals: readonly Refusal[];
} {
  const refusals = devices
    .filter((device) => !isName(device))
    .map((device) => ({ device: String(device), code: BAD_REQUEST, message: 'neither an id nor a filter' }));
  return { names: devices.filter(isName), refusals };
}

/**
 * Splits the list into parts that each fit into a frame; an empty list has none.
 * @param since the positions that go into the same frames
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

/** Merges the answers to the parts. @param refusals of names that were not sent */
export function merge(answers: readonly Answer[], refusals: readonly Refusal[] = []): Changed {
  const all = (name: 'devices' | 'filters' | 'errors'): readonly unknown[] =>
    answers.flatMap((answer) => answer[name] ?? []);
  return {
    devices: all('devices') as readonly string[],
    filters: all('filters') as readonly string[],
    errors: [...(all('errors') as readonly Refusal[]), ...refusals],
  };
}

/** The ids and filters of a frame. */
export function namesOf({
  devices = [],
  filters = [],
}: {
  readonly devices?: readonly unknown[] | undefined;
  readonly filters?: readonly unknown[] | undefined;
}): string[] {
  return [...devices, ...filters] as string[];
}
