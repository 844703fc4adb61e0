/** Subscribers as the admin API lists them, and what an operator may do to one. */
import { ApiError, ask, changeRow, type Page, pathOf, type SubscriberDevice } from './api.ts';

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

export function listSubscribers(search: string, { limit, cursor, signal }: Page): Promise<SubscribersPage> {
  return ask('GET', pathOf(['subscribers'], { limit, cursor, search }), { signal });
}

/** `GET /v1/subscribers/SID`: what it follows, in pages; the rest as far as the hub tells it. */
export interface SubscriberPage extends Partial<Omit<SubscriberEntry, 'subscriber'>> {
  readonly subscriber: string;
  readonly connected: boolean;
  readonly vip: boolean;
  readonly lastSeen: number;
  readonly devices: readonly SubscriberDevice[];
  readonly filters?: readonly { readonly filter: string; readonly status: string }[];
  readonly cursor: string | null;
}

export function readSubscriber(subscriber: string, { limit, cursor, signal }: Page): Promise<SubscriberPage> {
  return ask('GET', pathOf(['subscribers', subscriber], { limit, cursor }), { signal });
}

export function kick(subscriber: string): Promise<unknown> {
  return ask('DELETE', pathOf(['subscribers', subscriber]));
}

/** A vip is set on one of its subscriptions and holds for all. @throws ApiError if it has none */
export async function setVip(subscriber: string, vip: boolean): Promise<unknown> {
  const { devices } = await ask<SubscriberPage>('GET', pathOf(['subscribers', subscriber], { limit: 1 }));
  const [first] = devices;
  if (first === undefined)
    throw new ApiError(0, `${subscriber} follows no device: there is nothing to set it on`);
  return changeRow(first.device, subscriber, { vip });
}
