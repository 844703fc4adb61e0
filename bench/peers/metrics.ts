/** What a hub says of itself at `/metrics`. */
import type { SenderReport } from '../../src/cli/bench/messages.ts';
import type { Server } from './peer.ts';

/** Values by name, with labels. */
export type Samples = ReadonlyMap<string, number>;

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
