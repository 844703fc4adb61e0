/** Whether what subscribers got agrees with itself and with what the hub says it did. Pure. */
import type { EventFrame, Frame } from '../support/frames.ts';

/** What one subscriber got: the frames of each of its connections. */
export interface Account {
  readonly id: string;
  readonly connections: readonly (readonly Frame[])[];
}

interface GapFrame extends Frame {
  readonly device: string;
  readonly from: number;
  readonly to: number;
}

const isEvent = (frame: Frame): frame is EventFrame => frame.op === 'event';
const isGap = (frame: Frame): frame is GapFrame => frame.op === 'gap';

/** @returns what is wrong with it, one line each */
export function problemsOf({ id, connections }: Account): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  const lastSeq = new Map<string, number>();
  for (const frame of connections.flat().filter(isEvent)) {
    const { device, seq, priority } = frame;
    const event = `${device} ${seq}`;
    if (seen.has(event)) problems.push(`${id} got event ${event} twice`);
    seen.add(event);
    const line = `${device} ${priority}`;
    const before = lastSeq.get(line) ?? 0;
    if (seq <= before) problems.push(`${id} got event ${event} (${priority}) after ${before}`);
    lastSeq.set(line, Math.max(before, seq));
  }
  for (const frames of connections) problems.push(...holesOf(id, frames));
  return problems;
}

/**
 * Between the first event of a device in a connection and the last of low priority, each seq is an event's or a gap's,
 * and not both. What is low goes last of what is sent together: after it nothing of before may be missing, while a
 * connection that is cut may end between what is high and the rest.
 */
function holesOf(id: string, frames: readonly Frame[]): string[] {
  const problems: string[] = [];
  const told = new Map<string, Map<number, string>>();
  const lastLow = new Map<string, number>();
  const tell = (device: string, seq: number, how: string): void => {
    const seqs = told.get(device) ?? new Map<number, string>();
    told.set(device, seqs);
    if (seqs.has(seq)) problems.push(`${id} was told of ${device} ${seq} by ${seqs.get(seq)} and by ${how}`);
    seqs.set(seq, how);
  };
  for (const frame of frames) {
    if (isEvent(frame)) tell(frame.device, frame.seq, 'an event');
    if (isEvent(frame) && frame.priority === 'low') lastLow.set(frame.device, frame.seq);
    else if (isGap(frame))
      for (let seq = frame.from; seq <= frame.to; seq++) tell(frame.device, seq, 'a gap');
  }
  for (const [device, seqs] of told) {
    const events = [...seqs].filter(([, how]) => how === 'an event').map(([seq]) => seq);
    if (events.length === 0) continue;
    const [first, last] = [Math.min(...events), lastLow.get(device) ?? 0];
    for (let seq = first; seq <= last; seq++)
      if (!seqs.has(seq))
        problems.push(`${id} was not told of ${device} ${seq}, between ${first} and ${last}`);
  }
  return problems;
}

/** What the hub counted in all, and the growth of its devices' seqs. */
export interface HubBooks {
  readonly received: number;
  readonly skipped: number;
  readonly refused: number;
  readonly ownerRestart: number;
  /** Came over a connection that was replaced by then. */
  readonly replaced: number;
  readonly numbered: number;
}

/**
 * Each event that was received is skipped, refused by a full ring, dropped with a connection that was replaced, numbered and sent on, or was in the hands of an
 * owner that died, which may have numbered it or not.
 * @returns what is wrong, undefined when they balance
 */
export function imbalance({
  received,
  skipped,
  refused,
  ownerRestart,
  replaced,
  numbered,
}: HubBooks): string | undefined {
  const missing = received - skipped - refused - replaced - numbered;
  if (missing >= 0 && missing <= ownerRestart) return undefined;
  return (
    `${received} received, ${skipped} skipped, ${refused} refused, ${replaced} replaced, ${numbered} numbered: ${missing} are missing, ` +
    `${ownerRestart} were in the hands of an owner that died`
  );
}
