/** What a hub says of itself at `/metrics`. */
import type { SenderReport } from '../../src/cli/bench/messages.ts';
import type { Server } from './peer.ts';

/** Values by name, with labels. */
export type Samples = ReadonlyMap<string, number>;

const LOOK_MS = 100;
/** A hub that has taken nothing for so long takes no more. */
const QUIET_MS = 5000;
const MESSAGES = 'dat_events_received_total{type="message"}';

/** @throws for a server that has no such page */
export async function scrape({ adminUrl }: Pick<Server, 'adminUrl'>): Promise<Samples> {
  const answer = await fetch(`${adminUrl}/metrics`);
  const page = await answer.text();
  if (!answer.ok) throw new Error(`${adminUrl}/metrics: ${answer.status} ${page}`);
  return samplesOf(page);
}

/** @param page in the text format of Prometheus */
export function samplesOf(page: string): Samples {
  const lines = page.split('\n').filter((text) => text !== '' && !text.startsWith('#'));
  return new Map(lines.map((text) => [text.slice(0, text.lastIndexOf(' ')), Number(text.split(' ').at(-1))]));
}

/** Messages that devices sent to a hub, and that it took. */
export function messagesOf(samples: Samples): number {
  const count = samples.get(MESSAGES);
  if (count === undefined) throw new Error(`the hub does not say ${MESSAGES}`);
  return count;
}

/**
 * What a sender wrote and its hub has neither taken nor refused: of events that nobody follows, nothing else shows it.
 * @param sent all that was sent to it since it started
 */
export function unreadOf(
  samples: Samples,
  { sentInAll, refused }: Pick<SenderReport, 'sentInAll' | 'refused'>,
): number {
  return Math.max(0, sentInAll - refused - messagesOf(samples));
}

/**
 * What a hub has not read when it reads no more: one that is late, as on a busy host, still takes what was sent to it.
 * @param timing of the looks, for tests
 */
export async function unreadByEnd(
  server: Pick<Server, 'adminUrl'>,
  sent: Pick<SenderReport, 'sentInAll' | 'refused'>,
  { lookMs, quietMs } = { lookMs: LOOK_MS, quietMs: QUIET_MS },
): Promise<number> {
  let unread = unreadOf(await scrape(server), sent);
  for (let quietFromMs = performance.now(); unread > 0; ) {
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    const left = unreadOf(await scrape(server), sent);
    if (left < unread) quietFromMs = performance.now();
    else if (performance.now() - quietFromMs >= quietMs) return left;
    unread = left;
  }
  return unread;
}
