/**
 * Live streams: the figures once a second, made once for all streams and only while there is one; for those that ask,
 * the entries of some devices, and the events of one as they come in. Runs on main, beside the hot path: what a
 * stream may cost is bounded, and whoever does not read is dropped.
 */
import {
  LIVE_EVENTS_PER_SECOND,
  LIVE_PAYLOAD_BYTES_MAX,
  LIVE_QUEUE_BYTES_MAX,
  LIVE_STREAM_MS_MAX,
  LIVE_STREAMS_MAX,
} from '../limits.ts';
import type { DeviceFrame } from '../wire/device-frames.ts';
import { eventTypeNames, priorityNames } from '../wire/events.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import { LiveSampler } from './live-figures.ts';
import type { LiveDevices, LiveEnd, LiveEvent, LiveEvents } from './live-schemas.ts';
import { readDevice } from './rows.ts';

const TICK_MS = 1000;
/** Events are gathered for so long: soon enough to seem at once. */
const EVENTS_MS = 100;

/** Where a stream is written to: the response of a request. */
export interface LiveSink {
  readonly writableLength: number;
  write(text: string): unknown;
  end(): unknown;
  destroy(): unknown;
}

export interface LiveRequest {
  readonly device?: string | undefined;
  readonly watch?: readonly string[] | undefined;
}

interface Stream {
  readonly sink: LiveSink;
  readonly device: string;
  /** Watched devices, with their entries as they were last sent. */
  readonly watched: Map<string, string>;
  readonly openedAtMs: number;
  endTap(): void;
  events: LiveEvent[];
  skipped: number;
  /** Events taken in this second. */
  taken: number;
}

export class LiveStreams {
  readonly #deps: AdminDeps;
  readonly #sampler: LiveSampler;
  readonly #streams = new Set<Stream>();
  /** Streams with events that were not sent yet. */
  readonly #waiting = new Set<Stream>();
  #figures = '';
  #tickTimer: NodeJS.Timeout | undefined;
  #eventsTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(deps: AdminDeps) {
    this.#deps = deps;
    this.#sampler = new LiveSampler(deps);
  }

  get size(): number {
    return this.#streams.size;
  }

  /** @throws AdminError if the limit is reached */
  checkRoom(): void {
    if (this.#isClosed) throw new AdminError('unavailable', 'the hub is draining');
    if (this.#streams.size < LIVE_STREAMS_MAX) return;
    const message = `${LIVE_STREAMS_MAX} live streams are open, which is the limit`;
    throw new AdminError('over_capacity', message);
  }

  /** Call `checkRoom` before. @returns to be called when the reader has gone */
  open(sink: LiveSink, { device = '', watch = [] }: LiveRequest): () => void {
    const stream: Stream = {
      sink,
      device,
      watched: new Map(watch.map((id) => [id, ''])),
      openedAtMs: this.#deps.clock.now(),
      endTap: () => {},
      events: [],
      skipped: 0,
      taken: 0,
    };
    this.#streams.add(stream);
    if (device !== '') stream.endTap = this.#deps.tap(device, (...event) => this.#take(stream, ...event));
    if (this.#tickTimer === undefined) {
      this.#tickTimer = setInterval(() => this.tick(), TICK_MS);
      this.#figures = frame('figures', this.#sampler.look());
    }
    this.#send(stream, this.#figures);
    this.#sendDevices(stream);
    return () => this.#forget(stream);
  }

  /** Called by its own timer once a second while there is a stream. */
  tick(): void {
    this.#figures = frame('figures', this.#sampler.look());
    const now = this.#deps.clock.now();
    for (const stream of this.#streams) {
      stream.taken = 0;
      this.#send(stream, this.#figures);
      this.#sendDevices(stream);
      this.#sendEvents(stream);
      if (now - stream.openedAtMs >= LIVE_STREAM_MS_MAX) this.#end(stream, { reason: 'renew' });
    }
  }

  /** Ends all streams; there are none any more. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#streams) this.#end(stream, { reason: 'draining' });
  }

  #end(stream: Stream, why: LiveEnd): void {
    stream.sink.write(frame('end', why));
    stream.sink.end();
    this.#forget(stream);
  }

  #forget(stream: Stream): void {
    stream.endTap();
    this.#waiting.delete(stream);
    if (!this.#streams.delete(stream) || this.#streams.size > 0) return;
    clearInterval(this.#tickTimer);
    this.#tickTimer = undefined;
    this.#sampler.reset();
  }

  #send(stream: Stream, text: string): void {
    if (!this.#streams.has(stream)) return;
    if (stream.sink.writableLength <= LIVE_QUEUE_BYTES_MAX) {
      stream.sink.write(text);
      return;
    }
    this.#forget(stream);
    stream.sink.destroy();
  }

  #sendDevices(stream: Stream): void {
    const { watched } = stream;
    if (watched.size === 0) return;
    const news: LiveDevices = { devices: [], gone: [] };
    for (const [id, before] of watched) {
      const slot = this.#deps.presence.findDevice(id);
      const entry = slot < 0 ? undefined : readDevice(this.#deps, slot);
      const now = entry?.device === id ? JSON.stringify(entry) : GONE;
      if (now === before) continue;
      watched.set(id, now);
      if (entry === undefined || now === GONE) news.gone.push(id);
      else news.devices.push(entry);
    }
    if (news.devices.length + news.gone.length > 0) this.#send(stream, frame('devices', news));
  }

  /** On the way of an event of a device that is looked at: copies it, and sends it later. */
  #take(stream: Stream, bytes: Uint8Array, found: DeviceFrame): void {
    if (stream.taken >= LIVE_EVENTS_PER_SECOND) stream.skipped += 1;
    else {
      stream.taken += 1;
      stream.events.push(copyOf(bytes, found, this.#deps.clock.wallNow()));
    }
    this.#waiting.add(stream);
    this.#eventsTimer ??= setTimeout(() => {
      this.#eventsTimer = undefined;
      for (const waiting of this.#waiting) this.#sendEvents(waiting);
    }, EVENTS_MS);
  }

  #sendEvents(stream: Stream): void {
    if (!this.#waiting.delete(stream)) return;
    const { device, events, skipped } = stream;
    stream.events = [];
    stream.skipped = 0;
    this.#send(stream, frame('events', { device, events, skipped } satisfies LiveEvents));
  }
}

/** In place of an entry, of a device that is not known. */
const GONE = 'gone';

/** A server-sent event; JSON has no line breaks. */
function frame(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

function copyOf(bytes: Uint8Array, found: DeviceFrame, at: number): LiveEvent {
  const { payloadStart, payloadEnd, payloadIsJson, status } = found;
  const shown = Math.min(payloadEnd, payloadStart + LIVE_PAYLOAD_BYTES_MAX);
  const payload = Buffer.from(bytes.buffer, bytes.byteOffset + payloadStart, shown - payloadStart);
  return {
    at,
    type: eventTypeNames[found.type] as LiveEvent['type'],
    priority: priorityNames[found.priority] as LiveEvent['priority'],
    ...(status === '' ? {} : { status }),
    bytes: payloadEnd - payloadStart,
    ...(payloadEnd === payloadStart
      ? {}
      : payloadIsJson
        ? { json: payload.toString('utf8') }
        : { base64: payload.toString('base64') }),
  };
}
