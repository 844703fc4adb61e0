/** What one follower was told of each device: finds events that came twice, and numbers that are missing without a word. */
import type { Frame } from '../../support/frames.ts';
import type { Inbox } from '../../support/inbox.ts';

interface Stream {
  readonly epoch: string;
  /** The follower was told that it follows the device no longer; what comes next is another stream. */
  isOver: boolean;
  /** Everything up to here was before the follower's time. */
  readonly start: number;
  readonly seqs: number[];
  readonly gaps: { readonly from: number; readonly to: number }[];
}

interface Entry {
  readonly device: string;
  readonly epoch?: string;
  readonly seq?: number;
}

export class StreamBooks {
  readonly name: string;
  readonly #frames: Pick<Inbox<Frame>, 'all' | 'isOver'>;

  constructor(name: string, frames: Pick<Inbox<Frame>, 'all' | 'isOver'>) {
    this.name = name;
    this.#frames = frames;
  }

  /** Whether its connection is still there. */
  get isOpen(): boolean {
    return !this.#frames.isOver;
  }

  /** The highest number that the follower knows of the device, in its present epoch. */
  reached(device: string): number {
    const stream = this.#streams().get(device)?.at(-1);
    if (stream === undefined) return 0;
    return Math.max(stream.start, ...stream.seqs, ...stream.gaps.map(({ to }) => to));
  }

  /** The device's present epoch, as the follower was told. */
  epochOf(device: string): string | undefined {
    return this.#streams().get(device)?.at(-1)?.epoch;
  }

  /** Everything that should not be, in words. */
  problems(): string[] {
    return [...this.#streams()].flatMap(([device, streams]) =>
      streams.flatMap((stream) =>
        problemsOf(stream).map((what) => `${this.name}: ${device} ${stream.epoch}: ${what}`),
      ),
    );
  }

  /** By device, its epochs in order. One that comes back goes on where it was. */
  #streams(): Map<string, Stream[]> {
    const all = new Map<string, Stream[]>();
    for (const frame of this.#frames.all) {
      if (frame.op === 'subscribed')
        for (const entry of (frame.devices ?? []) as readonly Entry[]) enter(all, entry);
      if (frame.op === 'removed')
        for (const device of (frame.devices ?? []) as readonly string[])
          for (const stream of all.get(device) ?? []) stream.isOver = true;
      const stream = frame.device === undefined ? undefined : all.get(frame.device)?.at(-1);
      if (frame.op === 'event' && (frame.seq ?? 0) > 0) stream?.seqs.push(frame.seq!);
      if (frame.op === 'gap') stream?.gaps.push({ from: frame.from!, to: frame.to! });
    }
    return all;
  }
}

function enter(all: Map<string, Stream[]>, { device, epoch, seq }: Entry): void {
  if (epoch === undefined || seq === undefined) return;
  const streams = all.get(device) ?? [];
  all.set(device, streams);
  const at = streams.findIndex((stream) => stream.epoch === epoch && !stream.isOver);
  const known = streams[at];
  if (known === undefined) streams.push({ epoch, isOver: false, start: seq, seqs: [], gaps: [] });
  else if (at < streams.length - 1) streams.push(...streams.splice(at, 1));
}

function problemsOf({ start, seqs, gaps }: Stream): string[] {
  const problems: string[] = [];
  const seen = new Set<number>();
  for (const seq of seqs) {
    if (seen.has(seq)) problems.push(`${seq} came twice`);
    if (seq <= start) problems.push(`${seq} came after the entry of ${start}`);
    seen.add(seq);
  }
  const last = Math.max(start, ...seqs);
  for (let seq = start + 1; seq <= last; seq++) {
    const isTold = gaps.some(({ from, to }) => seq >= from && seq <= to);
    if (!seen.has(seq) && !isTold) problems.push(`${seq} is missing`);
  }
  return problems.slice(0, 5);
}
