/** A WebSocket whose error says why an upgrade was refused. `ws` tells the HTTP status and drops the hub's words. */
import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import { printable } from './output.ts';

const WORDS_CHARACTERS_MAX = 300;
const WORDS_MS_MAX = 2000;

/** A WebSocket whose error says what the hub answered instead of an upgrade. */
export function explaining(Base: typeof WebSocket): typeof WebSocket {
  class Explaining extends Base {
    constructor(address: string | URL, protocols?: string | string[]) {
      super(address, protocols);
      this.once('unexpected-response', (_request, response) => void this.#fail(response));
    }

    async #fail(response: IncomingMessage): Promise<void> {
      const words = await wordsOf(response);
      this.emit('error', new Error(refusedWith(`${response.statusCode}${words && `: ${words}`}`)));
      this.terminate();
    }
  }
  // Its constructor takes less than that of `ws`, and as much as a client calls it with.
  return Explaining as unknown as typeof WebSocket;
}

/** As `ws` begins the message, which names the status. */
const REFUSED = 'Unexpected server response: ';

/** @param status HTTP status of an upgrade that was refused, and what was said with it @returns the error's message */
export function refusedWith(status: string): string {
  return REFUSED + status;
}

/** @returns what an error says of a refused upgrade; undefined when it is about something else */
export function refusalIn(message: string): { readonly status: string; readonly words: string } | undefined {
  const [, status, words = ''] = /Unexpected server response: (\d{3})(?:: (.+))?/.exec(message) ?? [];
  return status === undefined ? undefined : { status, words };
}

/** The first line of a plain text; '' where there is none, as from a server that is no hub. */
async function wordsOf(response: IncomingMessage): Promise<string> {
  if (!response.headers['content-type']?.startsWith('text/plain')) return '';
  const timer = setTimeout(() => response.destroy(), WORDS_MS_MAX);
  let text = '';
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      text += chunk;
      if (text.length >= WORDS_CHARACTERS_MAX) break;
    }
  } catch {
    // What has come by then is all there is.
  } finally {
    clearTimeout(timer);
  }
  return printable(text.trim().split('\n', 1)[0]!.slice(0, WORDS_CHARACTERS_MAX));
}
