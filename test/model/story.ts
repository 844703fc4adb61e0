/** What a subscriber was told of each device, from its frames, and whether that is what the model says. */
import { isDeepStrictEqual } from 'node:util';
import type { Frame } from '../support/frames.ts';
import { ANSWER, type Sent, type Told } from './world.ts';

const REPLAY_FLAG = 16;

/** As `Told`, but as it came. */
export type Heard = { readonly device: string } & (
  | {
      readonly kind: 'entry';
      readonly via: string;
      readonly status: string;
      readonly state: string;
      readonly seq: number;
      readonly deviceStatus: string | null;
      readonly epoch: string;
      readonly recovered?: boolean;
    }
  | ({ readonly kind: 'event'; readonly replay: boolean } & Sent)
  | { readonly kind: 'gap'; readonly from: number; readonly to: number; readonly reason: string }
  | { readonly kind: 'removed'; readonly code: number }
  | { readonly kind: 'status'; readonly status: string }
);

type HeardEntry = Extract<Heard, { kind: 'entry' }>;
type HeardEvent = Extract<Heard, { kind: 'event' }>;
type HeardGap = Extract<Heard, { kind: 'gap' }>;

/** What the frames tell of devices, in their order. Answers to `list` and the like tell nothing. */
export function heardFrom(frames: readonly Frame[]): Heard[] {
  return frames.flatMap((frame): Heard[] => {
    const devices = (frame.devices ?? []) as readonly string[];
    switch (frame.op) {
      case 'subscribed':
        return (frame.devices as readonly Omit<HeardEntry, 'kind' | 'via'>[]).map((entry) => ({
          kind: 'entry',
          via: frame.filter ?? ANSWER,
          ...entry,
        }));
      case 'event':
        return [eventFrom(frame)];
      case 'gap':
        return [
          { kind: 'gap', device: frame.device!, from: frame.from!, to: frame.to!, reason: frame.reason! },
        ];
      case 'removed':
        return devices.map((device) => ({ kind: 'removed', device, code: frame.code! }));
      case 'status':
        return devices.map((device) => ({ kind: 'status', device, status: frame.status! }));
      default:
        return [];
    }
  });
}

function eventFrom(frame: Frame): HeardEvent {
  const data = frame.data as { readonly state?: string; readonly data?: number } | number | null;
  const isObject = typeof data === 'object' && data !== null;
  return {
    kind: 'event',
    device: frame.device!,
    replay: frame.replay === true || ((frame.head?.flags ?? 0) & REPLAY_FLAG) !== 0,
    seq: frame.seq!,
    type: frame.type as Sent['type'],
    source: frame.source as Sent['source'],
    // In the binary encoding the text of a status stands beside its data.
    content: isObject ? (data.state ?? data.data ?? -1) : (data ?? -1),
  };
}

/**
 * Compares what was told of one device.
 * @param epochs number → text, entered when an epoch is met first
 * @returns what is wrong, undefined: nothing
 */
export function problemOf(
  expected: readonly Told[],
  heard: readonly Heard[],
  epochs: Map<number, string>,
): string | undefined {
  const gaps = heard.filter((one) => one.kind === 'gap');
  const problem = gapProblem(expected, heard, gaps) ?? orderProblem(heard);
  if (problem !== undefined) return problem;
  const told = inOrder(expected.filter(({ kind }) => kind !== 'missing'));
  let at = 0;
  for (const one of inOrder(heard.filter(({ kind }) => kind !== 'gap'))) {
    while (at < told.length && told[at]!.optional === true && !isSame(told[at]!, one, epochs)) at += 1;
    if (at === told.length) return `unexpected: ${JSON.stringify(one)}`;
    if (!isSame(told[at]!, one, epochs))
      return `expected: ${JSON.stringify(told[at])}\n  but came: ${JSON.stringify(one)}`;
    at += 1;
  }
  const rest = told.slice(at).find(({ optional }) => optional !== true);
  return rest === undefined ? undefined : `did not come: ${JSON.stringify(rest)}`;
}

/** In which order pages of several filters name one device is the hub's own affair. */
function inOrder<One extends { readonly kind: string; readonly via?: string }>(all: readonly One[]): One[] {
  const sorted: One[] = [];
  let run: One[] = [];
  const flush = (): void => {
    sorted.push(...run.sort((one, other) => (one.via! < other.via! ? -1 : 1)));
    run = [];
  };
  for (const one of all) {
    if (one.kind === 'entry') run.push(one);
    else {
      flush();
      sorted.push(one);
    }
  }
  flush();
  return sorted;
}

function isSame(told: Told, heard: Heard, epochs: Map<number, string>): boolean {
  if (told.kind === 'missing' || told.kind !== heard.kind) return false;
  const { optional: _, ...rest } = told;
  if (rest.kind !== 'entry') return isDeepStrictEqual(rest, heard);
  const { epoch, recovered, ...fields } = rest;
  const entry = heard as HeardEntry;
  const isRight = Object.entries(fields).every(([name, value]) => entry[name as keyof HeardEntry] === value);
  const isRecovered = recovered === undefined || recovered === 'either' || recovered === entry.recovered;
  return isRight && isRecovered && isEpoch(epoch, entry.epoch, epochs);
}

/** One text for each numbering, another for another. */
function isEpoch(epoch: number, text: string, epochs: Map<number, string>): boolean {
  const before = epochs.get(epoch);
  if (before !== undefined) return before === text;
  if ([...epochs.values()].includes(text)) return false;
  epochs.set(epoch, text);
  return true;
}

/** Every event that is missing is in a gap, and none that was delivered. */
function gapProblem(
  expected: readonly Told[],
  heard: readonly Heard[],
  gaps: readonly HeardGap[],
): string | undefined {
  const missing = expected.filter((one) => one.kind === 'missing');
  const isIn = (seq: number) => gaps.some(({ from, to }) => from <= seq && seq <= to);
  if (gaps.length > 0 && missing.length === 0) return `no gap is due: ${JSON.stringify(gaps)}`;
  if (gaps.some(({ reason }) => reason !== 'history'))
    return `a gap for another reason: ${JSON.stringify(gaps)}`;
  const untold = missing.flatMap(({ seqs }) => seqs).filter((seq) => !isIn(seq));
  if (untold.length > 0) return `missing and in no gap: ${untold}`;
  const both = heard.filter((one) => one.kind === 'event' && isIn(one.seq));
  return both.length === 0 ? undefined : `delivered, and in a gap: ${JSON.stringify(both)}`;
}

/** Numbers grow, but for a replay that begins again behind an entry. */
function orderProblem(heard: readonly Heard[]): string | undefined {
  let last = 0;
  for (const one of heard) {
    if (one.kind === 'entry') last = 0;
    const [from, to] =
      one.kind === 'event' ? [one.seq, one.seq] : one.kind === 'gap' ? [one.from, one.to] : [];
    if (from === undefined) continue;
    if (from <= last) return `out of order: ${JSON.stringify(one)} after ${last}`;
    last = to!;
  }
  return undefined;
}
