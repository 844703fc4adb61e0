/** The events of a device that the hub kept, in the form in which events come over the live stream. */
import { ask, pathOf } from './api.ts';
import type { LiveEvent } from './live.ts';
import type { KeptEvent } from './shown-events.ts';

/** An event as `GET /v1/devices/ID/events` answers it. */
interface Answered {
  readonly type: LiveEvent['type'];
  readonly source: 'device' | 'hub';
  readonly seq: number;
  readonly at: number;
  readonly priority: LiveEvent['priority'];
  readonly status?: string;
  readonly data?: unknown;
  readonly data64?: string;
}

/** @returns the newest first @throws ApiError */
export async function keptEvents(device: string, limit: number, signal: AbortSignal): Promise<KeptEvent[]> {
  const path = pathOf(['devices', device, 'events'], { limit });
  const { events } = await ask<{ readonly events: readonly Answered[] }>('GET', path, { signal });
  return events.map(keptEvent);
}

function keptEvent({ type, source, seq, at, priority, status, data, data64 }: Answered): KeptEvent {
  const json = data === undefined || data === null ? undefined : JSON.stringify(data);
  const padding = data64?.endsWith('==') === true ? 2 : data64?.endsWith('=') === true ? 1 : 0;
  return {
    at,
    type,
    priority,
    seq,
    isFromHub: source === 'hub',
    bytes:
      data64 === undefined ? new TextEncoder().encode(json ?? '').length : (data64.length * 3) / 4 - padding,
    ...(status === undefined ? {} : { status }),
    ...(json === undefined ? {} : { json }),
    ...(data64 === undefined ? {} : { base64: data64 }),
  };
}
