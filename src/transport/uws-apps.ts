/**
 * The apps of one endpoint on uWebSockets.js. An app shows the certificate that it was made with for as long as it
 * lives. So another certificate takes another app: new connections go to it, and the one before stays until its last
 * connection has gone. Plain TCP has one app.
 */
import { UPGRADE_MS_MAX } from '../limits.ts';

/** Of uWS' app, what is needed here. */
interface App {
  publish(topic: string, frame: Uint8Array<ArrayBuffer>, binary: boolean): unknown;
  close(): unknown;
}

/** Open connections of an app. */
export interface AppLoad {
  connections: number;
}

interface Kept<A extends App> {
  readonly app: A;
  readonly load: AppLoad;
}

/** An app without connections may have peers in it whose upgrade is under way, for this long at most. */
const LEAVE_MS = 2 * UPGRADE_MS_MAX;

export class UwsApps<A extends App, Certificate> {
  readonly #make: (certificate: Certificate, load: AppLoad) => A;
  /** The newest last. */
  readonly #apps: Kept<A>[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();

  /** @param make an app that counts its open connections */
  constructor(make: (certificate: Certificate, load: AppLoad) => A, certificate: Certificate) {
    this.#make = make;
    this.#apps.push(this.#newApp(certificate));
  }

  /** Where new connections go. */
  get current(): A {
    return this.#apps.at(-1)!.app;
  }

  get count(): number {
    return this.#apps.length;
  }

  /** @returns the app that was current before; hand it no more connections @throws what uWS throws at a certificate */
  replace(certificate: Certificate): A {
    const before = this.#apps.at(-1)!;
    this.#apps.push(this.#newApp(certificate));
    this.#closeOnceEmpty(before);
    return before.app;
  }

  publish(topic: string, frame: Uint8Array, binary: boolean): void {
    // The typings ask for an ArrayBuffer's view; shared memory is taken just as well, and done with on return.
    const bytes = frame as Uint8Array<ArrayBuffer>;
    for (let i = 0; i < this.#apps.length; i++) {
      const { app, load } = this.#apps[i]!;
      if (load.connections > 0) app.publish(topic, bytes, binary);
    }
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const { app } of this.#apps) app.close();
  }

  #newApp(certificate: Certificate): Kept<A> {
    const load = { connections: 0 };
    return { app: this.#make(certificate, load), load };
  }

  #closeOnceEmpty(kept: Kept<A>): void {
    const timer = setInterval(() => {
      if (kept.load.connections > 0) return;
      clearInterval(timer);
      this.#timers.delete(timer);
      this.#apps.splice(this.#apps.indexOf(kept), 1);
      kept.app.close();
    }, LEAVE_MS).unref();
    this.#timers.add(timer);
  }
}
