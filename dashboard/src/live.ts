/**
 * The live stream: one request that goes on as long as the page is open, read piece by piece. When it breaks it is
 * asked for again, soon at first, then less often; when the page looks at something else it is asked for anew.
 */
import type { LiveDevices, LiveEnd, LiveEvents, LiveFigures } from '../../src/admin/live-schemas.ts';
import { refusalOf } from './api.ts';
import { ServerSentParser } from './server-sent.ts';
import { authorization } from './token.ts';

export type { LiveDevices, LiveEvent, LiveEvents, LiveFigures } from '../../src/admin/live-schemas.ts';

/** `unauthorized`: nothing more is asked until there is another token. */
export type LiveState =
  | { readonly phase: 'connecting' }
  | { readonly phase: 'live' }
  | { readonly phase: 'lost'; readonly reason: string }
  | { readonly phase: 'unauthorized'; readonly reason: string };

export interface LiveListener {
  state(state: LiveState): void;
  figures(figures: LiveFigures): void;
  devices(devices: LiveDevices): void;
  events(events: LiveEvents): void;
}

/** What the page looks at. */
export interface LiveSubject {
  readonly device: string;
  readonly watch: readonly string[];
}

const BACKOFF_MS_MIN = 500;
const BACKOFF_MS_MAX = 5000;
/** Figures come every second: without any for so long the connection is no good, even if nobody says so. */
const SILENCE_MS_MAX = 6000;
/** Paging quickly asks once. */
const SUBJECT_MS = 150;

export class LiveConnection {
  readonly #listener: LiveListener;
  #subject: LiveSubject = { device: '', watch: [] };
  #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #backoffMs = BACKOFF_MS_MIN;

  constructor(listener: LiveListener) {
    this.#listener = listener;
  }

  /** Starts, or starts over with another token. */
  start(): void {
    this.#listener.state({ phase: 'connecting' });
    this.#backoffMs = BACKOFF_MS_MIN;
    this.#askIn(0);
  }

  /** Goes on with another subject, where it is another. */
  look(subject: LiveSubject): void {
    if (queryOf(subject) === queryOf(this.#subject)) return;
    this.#subject = subject;
    this.#askIn(SUBJECT_MS);
  }

  #askIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), ms);
  }

  async #ask(): Promise<void> {
    this.#abort.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#expectMore(abort);
    let reason = 'the hub does not answer';
    try {
      const response = await fetch(`/v1/live${queryOf(this.#subject)}`, {
        headers: authorization(),
        cache: 'no-store',
        signal: abort.signal,
      });
      if (response.status === 401 || response.status === 403) {
        const refusal = await refusalOf(response);
        if (abort !== this.#abort) return;
        clearTimeout(this.#silence);
        this.#listener.state({ phase: 'unauthorized', reason: refusal });
        return;
      }
      if (!response.ok || response.body === null) reason = await refusalOf(response);
      else reason = await this.#read(response.body, abort);
    } catch {
      // Told below, unless it was this page that ended it.
    }
    if (abort !== this.#abort) return;
    clearTimeout(this.#silence);
    if (reason === RENEW) {
      this.#askIn(0);
      return;
    }
    this.#listener.state({ phase: 'lost', reason });
    this.#askIn(this.#backoffMs * (0.75 + Math.random() / 2));
    this.#backoffMs = Math.min(BACKOFF_MS_MAX, this.#backoffMs * 2);
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
        else this.#tell(name, data);
      }
    }
  }

  #tell(name: string, data: string): void {
    switch (name) {
      case 'figures':
        this.#backoffMs = BACKOFF_MS_MIN;
        this.#listener.state({ phase: 'live' });
        this.#listener.figures(JSON.parse(data) as LiveFigures);
        break;
      case 'devices':
        this.#listener.devices(JSON.parse(data) as LiveDevices);
        break;
      case 'events':
        this.#listener.events(JSON.parse(data) as LiveEvents);
        break;
      default: // of a newer hub
    }
  }

  #expectMore(abort: AbortController): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      abort.abort();
    }, SILENCE_MS_MAX);
  }
}

const RENEW = 'renew';

function reasonOf({ reason }: LiveEnd): string {
  return reason === 'renew' ? RENEW : 'the hub has ended';
}

/** Ids have no character that an address would have to escape. */
function queryOf({ device, watch }: LiveSubject): string {
  const parts = [
    ...(device === '' ? [] : [`device=${device}`]),
    ...(watch.length === 0 ? [] : [`watch=${watch.join(',')}`]),
  ];
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
