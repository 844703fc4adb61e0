/** Subscribers as the admin API lists them, and what an operator may do to one. */
import { ApiError, ask, changeRow, pathOf, type SubscriberDevice } from './api.ts';
import { fullPage, type Page } from './full-page.ts';

/** An entry of `GET /v1/subscribers`. */
export interface SubscriberEntry {
  readonly subscriber: string;
  readonly connected: boolean;
  readonly address: string | null;
  readonly transport: string | null;
  readonly encoding: string | null;
  readonly connectedAt: number | null;
  readonly lastSeen: number;
  readonly queueBytes: number | null;
  readonly vip: boolean;
  readonly subscriptions: Readonly<Record<'active' | 'inactive' | 'allow' | 'deny', number>>;
}

export interface SubscribersPage {
  readonly subscribers: readonly SubscriberEntry[];
  readonly cursor: string | null;
}

export async function listSubscribers(search: string, page: Page): Promise<SubscribersPage> {
  const { entries, cursor } = await fullPage<SubscriberEntry>(page, async (limit, from) => {
    const path = pathOf(['subscribers'], { limit, cursor: from, search });
    const answer = await ask<SubscribersPage>('GET', path, { signal: page.signal });
    return { entries: answer.subscribers, cursor: answer.cursor };
  });
  return { subscribers: entries, cursor };
}

/** `GET /v1/subscribers/SID`: what it follows, in pages; the rest as far as the hub tells it. */
export interface SubscriberPage extends Partial<Omit<SubscriberEntry, 'subscriber'>> {
  readonly subscriber: string;
  readonly connected: boolean;
  readonly vip: boolean;
  readonly lastSeen: number;
  readonly devices: readonly SubscriberDevice[];
  readonly filters?: readonly {
    readonly filter: string;
    readonly status: string;
    readonly reason: string | null;
  }[];
  readonly cursor: string | null;
}

export function readSubscriber(subscriber: string, { limit, cursor, signal }: Page): Promise<SubscriberPage> {
  return ask('GET', pathOf(['subscribers', subscriber], { limit, cursor }), { signal });
}

/** @param forget what operators set for it goes too */
export function kick(subscriber: string, forget = false): Promise<unknown> {
  return ask('DELETE', pathOf(['subscribers', subscriber], { forget: forget ? 'true' : '' }));
}

/** A vip is set on one of its subscriptions and holds for all. @throws ApiError if it has none */
export async function setVip(subscriber: string, vip: boolean): Promise<unknown> {
  const { devices } = await ask<SubscriberPage>('GET', pathOf(['subscribers', subscriber], { limit: 1 }));
  const [first] = devices;
  if (first === undefined)
    throw new ApiError(0, `${subscriber} follows no device: there is nothing to set it on`);
  return changeRow(first.device, subscriber, { vip });
}
