/** An event as a line for people. */
import type { DeviceEvent } from '../client/index.ts';
import { printable, styled } from './output.ts';
import { timeOfDay } from './time.ts';

export function eventLine(event: DeviceEvent): string {
  const { device, type, source, seq, at, priority, status, data, bytes } = event;
  const body = bytes === undefined ? JSON.stringify(data) : `${bytes.length} bytes`;
  const said = status === undefined ? '' : ` ${styled('green', printable(status))}`;
  const marks = [
    source === 'hub' ? 'hub' : '',
    priority === 'high' && type !== 'status' ? 'high' : '',
  ].filter(Boolean);
  const mark = marks.length === 0 ? '' : ` ${styled('yellow', marks.join(' '))}`;
  return `${styled('dim', timeOfDay(at))} ${styled('cyan', device)} ${seq} ${type}${mark}${said} ${printable(body ?? '')}`;
}

/** Bytes as base64, since JSON has none. */
export function eventJson({ bytes, ...event }: DeviceEvent): object {
  return bytes === undefined ? event : { ...event, data64: Buffer.from(bytes).toString('base64') };
}
