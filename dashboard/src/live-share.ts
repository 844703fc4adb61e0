/**
 * One live stream for all that look at the same hub with the same token: it shows what any of them wants to see, and
 * each gets its part. Without anybody who looks there is no stream. Runs in a page or in the worker that pages share.
 */

import type { DeviceEntry } from '../../src/admin/rows.ts';
import { LIVE_TAPPED_MAX, LIVE_WATCHED_MAX } from '../../src/limits.ts';
import { LiveConnection, type LiveNews, type LiveState, type LiveSubject } from './live.ts';

/** Who looks: told what it wants to see. */
export type Viewer = (news: LiveNews) => void;

/** A page that is left and seen again within this needs no new stream. */
const LINGER_MS = 2000;

export class LiveShare {
  readonly #connection: LiveConnection;
  readonly #lingerMs: number;
  /** The one that came last is the last. */
  readonly #viewers = new Map<Viewer, LiveSubject>();
  /** Of the watched devices, as last heard; null: the hub does not know it. */
  readonly #entries = new Map<string, DeviceEntry | null>();
  #state: LiveState | undefined;
  #figures: (LiveNews & { kind: 'figures' }) | undefined;
  #ending: ReturnType<typeof setTimeout> | undefined;

  constructor(token: string, lingerMs = LINGER_MS) {
    this.#lingerMs = lingerMs;
    this.#connection = new LiveConnection(token, (news) => this.#hear(news));
  }

  get isUnused(): boolean {
    return this.#viewers.size === 0 && this.#state === undefined;
  }

  /** Adds a viewer, or gives one something else to look at. */
  look(viewer: Viewer, subject: LiveSubject): void {
    const before = this.#viewers.get(viewer);
    this.#viewers.set(viewer, subject);
    clearTimeout(this.#ending);
    this.#lookAtAll();
    if (this.#state === undefined || (before === undefined && this.#state.phase === 'unauthorized')) {
      this.#connection.open();
      return;
    }
    if (before === undefined) {
      viewer({ kind: 'state', state: this.#state });
      if (this.#figures !== undefined) viewer(this.#figures);
    }
    const known = subject.watch.filter((id) => !(before?.watch.includes(id) ?? false));
    // The hub tells again only what it was asked for again.
    const entries = known.map(
      (id) => [id, this.#connection.watches(id) ? this.#entries.get(id) : undefined] as const,
    );
    const devices = entries
      .map(([, entry]) => entry)
      .filter((entry) => entry !== undefined && entry !== null);
    const gone = entries.filter(([, entry]) => entry === null).map(([id]) => id);
    if (devices.length + gone.length > 0) viewer({ kind: 'devices', devices: { devices, gone } });
  }

  leave(viewer: Viewer): void {
    if (!this.#viewers.delete(viewer)) return;
    if (this.#viewers.size > 0) {
      this.#lookAtAll();
      return;
    }
    this.#ending = setTimeout(() => {
      this.#connection.close();
      this.#state = undefined;
      this.#figures = undefined;
      this.#entries.clear();
    }, this.#lingerMs);
  }

  /** Who came last is served first, where there is more than a stream may show. */
  #lookAtAll(): void {
    const subjects = [...this.#viewers.values()].reverse();
    const allOf = (which: keyof LiveSubject, max: number): string[] =>
      [...new Set(subjects.flatMap((subject) => subject[which]))].slice(0, max).sort();
    const watch = allOf('watch', LIVE_WATCHED_MAX);
    for (const id of this.#entries.keys())
      if (!watch.includes(id) && !this.#connection.watches(id)) this.#entries.delete(id);
    this.#connection.look({ devices: allOf('devices', LIVE_TAPPED_MAX), watch });
  }

  #hear(news: LiveNews): void {
    switch (news.kind) {
      case 'state':
        this.#state = news.state;
        this.#tellAll(news);
        break;
      case 'figures':
        this.#figures = news;
        this.#tellAll(news);
        break;
      case 'devices':
        this.#hearDevices(news.devices);
        break;
      case 'events':
        for (const [viewer, { devices }] of this.#viewers)
          if (devices.includes(news.events.device)) viewer(news);
        break;
    }
  }

  #hearDevices({ devices, gone }: (LiveNews & { kind: 'devices' })['devices']): void {
    for (const entry of devices) this.#entries.set(entry.device, entry);
    for (const id of gone) this.#entries.set(id, null);
    for (const [viewer, { watch }] of this.#viewers) {
      const part = {
        devices: devices.filter(({ device }) => watch.includes(device)),
        gone: gone.filter((id) => watch.includes(id)),
      };
      if (part.devices.length + part.gone.length > 0) viewer({ kind: 'devices', devices: part });
    }
  }

  #tellAll(news: LiveNews): void {
    for (const viewer of this.#viewers.keys()) viewer(news);
  }
}
