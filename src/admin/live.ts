/**
 * Live streams: the figures once a second, made once for all streams and only while there is one; for those that ask,
 * the entries of some devices, and the events of some as they come in. What a stream shows can be changed while it is
 * open. Runs on main, beside the hot path: what a stream may cost is bounded, and whoever does not read is dropped.
 */
import { randomUUID } from 'node:crypto';
import { LIVE_QUEUE_BYTES_MAX, LIVE_STREAM_MS_MAX, LIVE_STREAMS_MAX } from '../limits.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import { LiveSampler } from './live-figures.ts';
import type { LiveDevices, LiveEnd, LiveSubject } from './live-schemas.ts';
import { LiveTaps } from './live-taps.ts';
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

interface Stream {
  readonly sink: LiveSink;
  readonly taps: LiveTaps;
  /** Watched devices, with their entries as they were last sent. */
  readonly watched: Map<string, string>;
  readonly openedAtMs: number;
}

export class LiveStreams {
  readonly #deps: AdminDeps;
  readonly #sampler: LiveSampler;
  /** By id, which nobody can guess. */
  readonly #streams = new Map<string, Stream>();
  /** Streams with events that were not sent yet. */
  readonly #waiting = new Set<string>();
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
  open(sink: LiveSink, subject: Partial<LiveSubject>, id: string = randomUUID()): () => void {
    const stream: Stream = {
      sink,
      taps: new LiveTaps(this.#deps, () => this.#wait(id)),
      watched: new Map(),
      openedAtMs: this.#deps.clock.now(),
    };
    this.#streams.set(id, stream);
    if (this.#tickTimer === undefined) {
      this.#tickTimer = setInterval(() => this.tick(), TICK_MS);
      this.#figures = frame('figures', this.#sampler.look());
    }
    this.#send(id, this.#figures);
    this.#show(id, stream, subject);
    return () => this.#forget(id);
  }

  /** Shows something else from now on. @returns false when there is no such stream */
  change(id: string, subject: LiveSubject): boolean {
    const stream = this.#streams.get(id);
    if (stream === undefined) return false;
    this.#show(id, stream, subject);
    return true;
  }

  /** Called by its own timer once a second while there is a stream. */
  tick(): void {
    this.#figures = frame('figures', this.#sampler.look());
    const now = this.#deps.clock.now();
    for (const [id, stream] of this.#streams) {
      stream.taps.startSecond();
      this.#send(id, this.#figures);
      this.#sendDevices(id, stream);
      this.#sendEvents(id, stream);
      if (now - stream.openedAtMs >= LIVE_STREAM_MS_MAX) this.#end(id, stream, { reason: 'renew' });
    }
  }

  /** Ends all streams; there are none any more. */
  close(): void {
    this.#isClosed = true;
    for (const [id, stream] of this.#streams) this.#end(id, stream, { reason: 'draining' });
  }

  #show(id: string, stream: Stream, { devices = [], watch = [] }: Partial<LiveSubject>): void {
    if (!this.#streams.has(id)) return; // dropped by what was just sent
    stream.taps.set(devices);
    const { watched } = stream;
    const wanted = new Set(watch);
    for (const device of watched.keys()) if (!wanted.has(device)) watched.delete(device);
    for (const device of wanted) if (!watched.has(device)) watched.set(device, '');
    this.#sendDevices(id, stream);
  }

  #end(id: string, { sink }: Stream, why: LiveEnd): void {
    sink.write(frame('end', why));
    sink.end();
    this.#forget(id);
  }

  #forget(id: string): void {
    this.#streams.get(id)?.taps.set([]);
    this.#waiting.delete(id);
    if (!this.#streams.delete(id) || this.#streams.size > 0) return;
    clearInterval(this.#tickTimer);
    this.#tickTimer = undefined;
    this.#sampler.reset();
  }

  #send(id: string, text: string): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (stream.sink.writableLength <= LIVE_QUEUE_BYTES_MAX) {
      stream.sink.write(text);
      return;
    }
    this.#forget(id);
    stream.sink.destroy();
  }

  #sendDevices(id: string, { watched }: Stream): void {
    if (watched.size === 0) return;
    const news: LiveDevices = { devices: [], gone: [] };
    for (const [device, before] of watched) {
      const slot = this.#deps.presence.findDevice(device);
      const entry = slot < 0 ? undefined : readDevice(this.#deps, slot);
      const now = entry?.device === device ? JSON.stringify(entry) : GONE;
      if (now === before) continue;
      watched.set(device, now);
      if (entry === undefined || now === GONE) news.gone.push(device);
      else news.devices.push(entry);
    }
    if (news.devices.length + news.gone.length > 0) this.#send(id, frame('devices', news));
  }

  /** On the way of an event of a device that is looked at: it is sent later. */
  #wait(id: string): void {
    this.#waiting.add(id);
    this.#eventsTimer ??= setTimeout(() => {
      this.#eventsTimer = undefined;
      for (const waiting of this.#waiting) {
        const stream = this.#streams.get(waiting);
        if (stream !== undefined) this.#sendEvents(waiting, stream);
      }
    }, EVENTS_MS);
  }

  #sendEvents(id: string, { taps }: Stream): void {
    if (!this.#waiting.delete(id)) return;
    for (const events of taps.fetch()) this.#send(id, frame('events', events));
  }
}

/** In place of an entry, of a device that is not known. */
const GONE = 'gone';

/** A server-sent event; JSON has no line breaks. */
function frame(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
