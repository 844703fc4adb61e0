/** What a node tells all others about itself, at regular intervals. Pure. */
import type { RecordViews } from '../memory/ring.ts';
import { HEAD_BYTES, MessageType, readHead, recordType, viewsOf, writeHead } from './wire.ts';

/** A node's phase in the cluster, which decides what it may do. */
export const Phase = { joining: 0, claiming: 1, in: 2, fenced: 3 } as const;
export type Phase = (typeof Phase)[keyof typeof Phase];
/** The names that operators see, by number. */
export const phaseNames = ['joining', 'claiming', 'in', 'fenced'] as const;

const beatRecord = recordType(1, {
  number: 'count',
  startedAt: 'time',
  revision: 'count',
  eventsPerSecond: 'time',
  eventsSent: 'count',
  eventsReceived: 'count',
  gaps: 'count',
  devices: 'u32',
  subscribers: 'u32',
  phase: 'u8',
  draining: 'flag',
  bye: 'flag',
  node: 'id',
  version: 'text',
  bucket: 'text',
});

export interface Beat {
  readonly boot: number;
  /** Counts the boot's beats from 1. */
  readonly number: number;
  readonly node: string;
  /** Of the hub's code. */
  readonly version: string;
  /** Wall-clock ms. */
  readonly startedAt: number;
  /** The revision of the bucket up to which it obeys; 0 if it has not read one. */
  readonly revision: number;
  /** The marker of the bucket that the revision is of, '' none. */
  readonly bucket: string;
  /** Connected to it. */
  readonly devices: number;
  readonly subscribers: number;
  readonly eventsPerSecond: number;
  /** To and from other nodes, since the boot. */
  readonly eventsSent: number;
  readonly eventsReceived: number;
  /** Gaps that its subscribers got for events from other nodes, since the boot. */
  readonly gaps: number;
  readonly phase: Phase;
  readonly draining: boolean;
  /** Its last one. */
  readonly bye: boolean;
}

const VERSION_CHARACTERS_MAX = 64;

/** A beat as a message of its own. */
export function encodeBeat(beat: Beat): Uint8Array {
  let views: RecordViews = viewsOf(0);
  let length = 0;
  const sink = {
    get views() {
      return views;
    },
    claim(_kind: number, bytes: number): number {
      length = HEAD_BYTES + bytes;
      views = viewsOf(length);
      return HEAD_BYTES;
    },
  };
  beatRecord.write(sink, beat);
  writeHead(views, {
    type: MessageType.beat,
    flags: 0,
    boot: beat.boot,
    own: 0,
    other: 0,
    number: 0,
    ack: 0,
  });
  return views.u8.subarray(0, length);
}

/** @returns undefined if it is not a beat */
export function decodeBeat(message: Uint8Array): Beat | undefined {
  const views = viewsOf(message.length);
  views.u8.set(message);
  const head = readHead(views, message.length);
  if (head === undefined || head.type !== MessageType.beat) return undefined;
  const values = beatRecord.read(views, HEAD_BYTES, message.length - HEAD_BYTES);
  if (values === undefined || values.phase > Phase.fenced || values.number === 0) return undefined;
  if (values.version.length > VERSION_CHARACTERS_MAX || values.bucket.length > VERSION_CHARACTERS_MAX)
    return undefined;
  return { ...values, phase: values.phase as Phase, boot: head.boot };
}
