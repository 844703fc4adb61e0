/**
 * The live stream: one request that goes on for as long as somebody looks, read piece by piece. If it breaks it is
 * asked for again, soon at first, then less often. What it shows is changed while it is open. Runs in a page or in the
 * worker that pages share.
 */
import { LIVE_STREAM_HEADER } from '../../src/admin/live-names.ts';
import type {
  LiveDevices,
  LiveEnd,
  LiveEvents,
  LiveFigures,
  LiveSubject,
} from '../../src/admin/live-schemas.ts';
import { bearer, refusalOf } from './http.ts';
import { ServerSentParser } from './server-sent.ts';

export type {
  LiveDevices,
  LiveEvent,
  LiveEvents,
  LiveFigures,
  LiveSubject,
} from '../../src/admin/live-schemas.ts';

/** `unauthorized`: nothing more is asked until there is another token. */
export type LiveState =
  | { readonly phase: 'connecting' }
  | { readonly phase: 'live' }
  | { readonly phase: 'lost'; readonly reason: string }
  | { readonly phase: 'unauthorized'; readonly reason: string };

/** What a stream says; it also crosses from the worker to the pages. */
export type LiveNews =
  | { readonly kind: 'state'; readonly state: LiveState }
  | { readonly kind: 'figures'; readonly figures: LiveFigures }
  | { readonly kind: 'devices'; readonly devices: LiveDevices }
  | { readonly kind: 'events'; readonly events: LiveEvents };

export const NO_SUBJECT: LiveSubject = { devices: [], watch: [] };

const BACKOFF_MS_MIN = 500;
const BACKOFF_MS_MAX = 5000;
/** Figures come every second: without any for so long the connection is no good, even if nobody says so. */
const SILENCE_MS_MAX = 6000;
/** Paging quickly asks once. */
const SUBJECT_MS = 100;

export class LiveConnection {
  readonly #token: string;
  readonly #tell: (news: LiveNews) => void;
  #subject: LiveSubject = NO_SUBJECT;
  /** The subject that the open stream has. */
  #shown = '';
  /** Devices that it tells of. */
  #watched: ReadonlySet<string> = new Set();
  /** Id of the open stream, '' while there is none. */
  #stream = '';
  #isChanging = false;
  #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #backoffMs = BACKOFF_MS_MIN;

  constructor(token: string, tell: (news: LiveNews) => void) {
    this.#token = token;
    this.#tell = tell;
  }

  /** Starts, or starts over. */
  open(): void {
    this.#tellState({ phase: 'connecting' });
    this.#backoffMs = BACKOFF_MS_MIN;
    this.#askIn(0);
  }

  /** Ends the stream; `open` starts another. */
  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#stream = '';
    this.#abort.abort();
    this.#abort = new AbortController();
  }

  /** Whether the stream tells of the device: the hub has been asked for it, and not to stop. */
  watches(id: string): boolean {
    return this.#stream !== '' && this.#watched.has(id);
  }

  /** Shows something else from now on, where it is something else. */
  look(subject: LiveSubject): void {
    this.#subject = subject;
    if (this.#stream !== '') void this.#change();
  }

  #askIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), ms);
  }

  async #ask(): Promise<void> {
    this.#abort.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#stream = '';
    this.#expectMore(abort);
    let reason = 'the hub does not answer';
    const subject = this.#subject;
    try {
      const response = await fetch(`/v1/live${queryOf(subject)}`, {
        headers: bearer(this.#token),
        signal: abort.signal,
      });
      if (response.status === 401 || response.status === 403) {
        const refusal = await refusalOf(response);
        if (abort !== this.#abort) return;
        clearTimeout(this.#silence);
        this.#tellState({ phase: 'unauthorized', reason: refusal });
        return;
      }
      if (!response.ok || response.body === null) reason = await refusalOf(response);
      else if (abort === this.#abort) {
        this.#stream = response.headers.get(LIVE_STREAM_HEADER) ?? '';
        this.#shown = JSON.stringify(subject);
        this.#watched = new Set(subject.watch);
        void this.#change(); // it may be another by now
        reason = await this.#read(response.body, abort);
      }
    } catch {
      // Told below, unless it was this page that ended it.
    }
    if (abort !== this.#abort) return;
    clearTimeout(this.#silence);
    this.#stream = '';
    if (reason === RENEW) {
      this.#askIn(0);
      return;
    }
    this.#tellState({ phase: 'lost', reason });
    this.#askIn(this.#backoffMs * (0.75 + Math.random() / 2));
    this.#backoffMs = Math.min(BACKOFF_MS_MAX, this.#backoffMs * 2);
  }

  /** One change at a time, the last one at the end; a stream that cannot be changed is asked for anew. */
  async #change(): Promise<void> {
    if (this.#isChanging) return;
    this.#isChanging = true;
    try {
      while (this.#stream !== '' && this.#shown !== JSON.stringify(this.#subject)) {
        await new Promise((resolve) => setTimeout(resolve, SUBJECT_MS));
        const stream = this.#stream;
        const { watch } = this.#subject;
        const body = JSON.stringify(this.#subject);
        if (stream === '') return;
        // From here on the hub may tell no more of what is not asked for again, whenever its answer comes.
        this.#watched = new Set(watch.filter((id) => this.#watched.has(id)));
        const response = await fetch(`/v1/live/streams/${stream}`, {
          method: 'PUT',
          headers: { ...bearer(this.#token), 'content-type': 'application/json' },
          body,
          signal: this.#abort.signal,
        });
        if (stream !== this.#stream) continue;
        if (!response.ok) throw new Error(await refusalOf(response));
        this.#shown = body;
        this.#watched = new Set(watch);
      }
    } catch {
      if (this.#stream !== '') this.#askIn(BACKOFF_MS_MIN);
    } finally {
      this.#isChanging = false;
    }
  }

  /** @returns why it ended */
  async #read(body: ReadableStream<Uint8Array>, abort: AbortController): Promise<string> {
    const parser = new ServerSentParser();
    const decoder = new TextDecoder();
    const reader = body.getReader();
    let reason = 'the connection was lost';
    for (;;) {
      const { done, value } = await reader.read();
      if (done || abort !== this.#abort) return reason;
      this.#expectMore(abort);
      for (const { name, data } of parser.push(decoder.decode(value, { stream: true }))) {
        if (name === 'end') reason = reasonOf(JSON.parse(data) as LiveEnd);
        else this.#tellOf(name, data);
      }
    }
  }

  #tellOf(name: string, data: string): void {
    switch (name) {
      case 'figures':
        this.#backoffMs = BACKOFF_MS_MIN;
        this.#tellState({ phase: 'live' });
        this.#tell({ kind: 'figures', figures: JSON.parse(data) as LiveFigures });
        break;
      case 'devices':
        this.#tell({ kind: 'devices', devices: JSON.parse(data) as LiveDevices });
        break;
      case 'events':
        this.#tell({ kind: 'events', events: JSON.parse(data) as LiveEvents });
        break;
      default: // of a newer hub
    }
  }

  #tellState(state: LiveState): void {
    this.#tell({ kind: 'state', state });
  }

  #expectMore(abort: AbortController): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => abort.abort(), SILENCE_MS_MAX);
  }
}

const RENEW = 'renew';

function reasonOf({ reason }: LiveEnd): string {
  return reason === 'renew' ? RENEW : 'the hub has ended';
}

/** Ids have no character that an address would have to escape. */
function queryOf({ devices, watch }: LiveSubject): string {
  const parts = [
    ...(devices.length === 0 ? [] : [`device=${devices.join(',')}`]),
    ...(watch.length === 0 ? [] : [`watch=${watch.join(',')}`]),
  ];
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
