/** An event as a line for people, and as JSON. */
import { printable, styled } from './output.ts';
import { timeOfDay } from './time.ts';

/** An event as it came, or as the hub has kept it. */
export interface EventView {
  readonly device: string;
  readonly type: string;
  readonly source: string;
  readonly seq: number;
  readonly at: number;
  readonly priority: string;
  readonly status?: string | undefined;
  readonly data?: unknown;
  readonly bytes?: Uint8Array | undefined;
  /** It comes from the hub's history. */
  readonly replay?: boolean | undefined;
  /** How many events it replaced. */
  readonly conflated?: number | undefined;
}

/** One line for people; what came from a device cannot move the cursor. */
export function eventLine(event: EventView): string {
  const { device, type, seq, at, status, data, bytes } = event;
  const body = bytes === undefined ? JSON.stringify(data) : `${bytes.length} bytes`;
  const said = status === undefined ? '' : ` ${styled('green', printable(status))}`;
  const marks = marksOf(event).join(' ');
  const mark = marks === '' ? '' : ` ${styled('yellow', marks)}`;
  return `${styled('dim', timeOfDay(at))} ${styled('cyan', device)} ${seq} ${type}${mark}${said} ${printable(body ?? '')}`;
}

function marksOf({ type, source, priority, replay, conflated = 0 }: EventView): string[] {
  return [
    source === 'hub' ? 'hub' : '',
    priority === 'high' && type !== 'status' ? 'high' : '',
    replay ? 'replay' : '',
    conflated > 0 ? `+${conflated}` : '',
  ].filter(Boolean);
}

/** Bytes as base64, since JSON has none. */
export function eventJson({ bytes, ...event }: EventView): object {
  return bytes === undefined ? event : { ...event, data64: Buffer.from(bytes).toString('base64') };
}
