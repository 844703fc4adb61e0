/**
 * A page's end of the live stream: through the worker that all pages of the browser share, or with a stream of its own
 * where there is no such worker. A page that nobody sees lets go of it.
 */
import { type LiveNews, type LiveSubject, NO_SUBJECT } from './live.ts';
import { ASK_MS, type FromPage, QUESTIONS_MISSED_MAX, type ToPage } from './live-messages.ts';
import { LiveShare } from './live-share.ts';
import workerUrl from './live-worker.ts?sharedworker&url';
import { storedToken } from './token.ts';

/** How a page looks, whichever way it does. */
interface Channel {
  look(token: string, subject: LiveSubject): void;
  leave(): void;
}

export class LiveClient {
  readonly #tell: (news: LiveNews) => void;
  #channel: Channel;
  #subject: LiveSubject = NO_SUBJECT;

  constructor(tell: (news: LiveNews) => void) {
    this.#tell = tell;
    this.#channel = workerChannel(tell, () => this.#goAlone()) ?? new OwnChannel(tell);
    document.addEventListener('visibilitychange', () => this.#lookIfSeen());
    addEventListener('pageshow', () => this.#lookIfSeen());
    addEventListener('pagehide', () => this.#channel.leave());
  }

  /** Starts, or starts over with another token. */
  start(): void {
    this.#channel.leave();
    this.#lookIfSeen();
  }

  look(subject: LiveSubject): void {
    this.#subject = subject;
    this.#lookIfSeen();
  }

  #lookIfSeen(): void {
    if (document.visibilityState === 'hidden') this.#channel.leave();
    else this.#channel.look(storedToken(), this.#subject);
  }

  /** The worker could not be started. */
  #goAlone(): void {
    this.#channel = new OwnChannel(this.#tell);
    this.#lookIfSeen();
  }
}

class OwnChannel implements Channel {
  readonly #tell: (news: LiveNews) => void;
  #share: LiveShare | undefined;
  #token = '';

  constructor(tell: (news: LiveNews) => void) {
    this.#tell = tell;
  }

  look(token: string, subject: LiveSubject): void {
    if (this.#token !== token) this.leave();
    if (this.#share === undefined || this.#token !== token) this.#share = new LiveShare(token);
    this.#token = token;
    this.#share.look(this.#tell, subject);
  }

  leave(): void {
    this.#share?.leave(this.#tell);
  }
}

/** @param failed called if it does not start, or ends @returns undefined where the browser has no such workers */
function workerChannel(tell: (news: LiveNews) => void, failed: () => void): Channel | undefined {
  if (typeof SharedWorker === 'undefined') return undefined;
  const worker = new SharedWorker(trusted(workerUrl), { type: 'module', name: 'dat-live' });
  const { port } = worker;
  const say = (message: FromPage): void => port.postMessage(message);
  let questionsMissed = 0;
  let isLooking = false;
  const watch = setInterval(() => {
    questionsMissed = isLooking ? questionsMissed + 1 : 0;
    if (questionsMissed > QUESTIONS_MISSED_MAX) fail();
  }, ASK_MS);
  const fail = (): void => {
    clearInterval(watch);
    port.onmessage = null;
    failed();
  };
  worker.onerror = fail;
  port.onmessage = ({ data }: MessageEvent<ToPage>) => {
    questionsMissed = 0;
    if (data.kind === 'ask') say({ kind: 'here' });
    else tell(data);
  };
  return {
    look(token, subject) {
      isLooking = true;
      say({ kind: 'look', token, subject });
    },
    leave() {
      isLooking = false;
      say({ kind: 'leave' });
    },
  };
}

/** The content security policy lets this policy, and no other text, name a script. */
function trusted(url: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  if (trustedTypes === undefined) return url;
  const policy = trustedTypes.createPolicy('dat-live-worker', {
    createScriptURL: (given) => {
      if (given !== workerUrl) throw new TypeError('no script but the live worker');
      return given;
    },
  });
  return policy.createScriptURL(url) as unknown as string;
}

/** As much of it as is used here. */
interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL: (url: string) => object };
}
