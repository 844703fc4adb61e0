/** Sends requests about any number of devices, split into frames that the hub accepts. */
import { type FollowOptions, isFilter, matches } from './checks.ts';
import { inChunks, merge, splitMalformed } from './device-lists.ts';
import type { Answer, Changed, Since, Subscribed } from './frames.ts';
import { handled, type Requests } from './requests.ts';

/** @param devices undefined: all that the hub has @returns the answers to all frames, merged */
export function ask(
  requests: Requests,
  op: string,
  devices: readonly string[] | undefined,
): Promise<Changed> {
  const { names, refusals } = splitMalformed(devices ?? []);
  const frames = devices === undefined ? [{ op }] : inChunks(names).map((chunk) => ({ op, devices: chunk }));
  const asked = Promise.all(frames.map((frame) => requests.ask(frame)));
  return handled(asked.then((pages) => merge(pages.flat(), refusals)));
}

/**
 * Subscribes to each name with its options.
 * @param since where to go on from, after a reconnect; these requests do not outlive the connection. Devices that were
 *   sent are taken out, because the hub accepts each only once
 */
export function askToFollow(
  requests: Requests,
  devices: readonly string[],
  optionsOf: (name: string) => FollowOptions | undefined,
  since?: Map<string, Since>,
): Promise<Subscribed> {
  const { names, refusals } = splitMalformed(devices);
  const groups: { [options: string]: string[] } = {};
  for (const name of names) {
    const key = isFilter(name) + JSON.stringify(optionsOf(name));
    groups[key] ??= [];
    groups[key].push(name);
  }
  const asked = Object.values(groups).flatMap((group) =>
    inChunks(group, since).map((chunk) => {
      const frame = { op: 'subscribe', devices: chunk, ...optionsOf(chunk[0]!) };
      return since === undefined ? requests.ask(frame) : askWithSince(requests, frame, since);
    }),
  );
  const answered = Promise.all(asked).then((pages) => merge(pages.flat(), refusals));
  return handled(answered as Promise<unknown>) as Promise<Subscribed>;
}

/** Positions that do not fit into the frame itself go into `since` frames before it. */
function askWithSince(
  requests: Requests,
  frame: { readonly devices: readonly string[] },
  since: Map<string, Since>,
): Promise<readonly Answer[]> {
  const { devices } = frame;
  const isOf = (device: string): boolean => devices.some((name) => matches(name, device));
  const known = isFilter(devices[0]!)
    ? [...since.keys()].filter(isOf)
    : devices.filter((id) => since.has(id));
  const parts = inChunks(known, since).map((part) =>
    Object.fromEntries(part.map((device) => [device, since.get(device)])),
  );
  for (const device of known) since.delete(device);
  const own = parts.pop();
  for (const part of parts) void requests.tell(JSON.stringify({ op: 'since', since: part }), false);
  return requests.ask(own === undefined ? frame : { ...frame, since: own }, false);
}
