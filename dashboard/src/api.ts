/** The routes of the admin API that the dashboard asks. What it shows all the time comes over the live stream instead. */
import type { LiveList, LiveListEntry } from '../../src/admin/live-schemas.ts';
import type { DeviceEntry, RowEntry, SubscriberDevice } from '../../src/admin/rows.ts';
import { fullPage, type Page } from './full-page.ts';
import { bearer, refusalOf } from './http.ts';
import { storedToken } from './token.ts';

export type { DeviceEntry, LiveList, LiveListEntry, RowEntry, SubscriberDevice };

/** The hub said no, or nothing. `status` is 0 where there was no answer. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }

  /** The hub does not have this route at all: it is of another version, or what it is about is turned off. */
  get isNoRoute(): boolean {
    return this.status === 405 || (this.status === 404 && this.message.startsWith('no route'));
  }
}

/** What to tell of a failure. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Far longer than the hub takes for any answer: a connection that died silently would keep a page waiting for minutes. */
const ANSWER_MS_MAX = 30_000;

/** @throws ApiError */
export async function ask<Answer>(
  method: string,
  path: string,
  more: { body?: object; signal?: AbortSignal } = {},
): Promise<Answer> {
  const { body, signal } = more;
  signal?.throwIfAborted();
  const abort = new AbortController();
  const giveUp = (): void => abort.abort();
  signal?.addEventListener('abort', giveUp);
  const timer = setTimeout(giveUp, ANSWER_MS_MAX);
  try {
    const response = await fetch(path, {
      method,
      headers: {
        ...bearer(storedToken()),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: abort.signal,
    });
    if (!response.ok) throw new ApiError(response.status, await refusalOf(response));
    return (await response.json()) as Answer;
  } catch (error) {
    const isTold = error instanceof ApiError || error instanceof SyntaxError;
    if (isTold || signal?.aborted === true) throw error;
    throw new ApiError(0, 'the hub does not answer');
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  }
}

/** A path of encoded parts, with the parameters that are not ''. */
export function pathOf(
  parts: readonly string[],
  query: Readonly<Record<string, string | number>> = {},
): string {
  const parameters = Object.entries(query).filter(([, value]) => value !== '');
  const text = new URLSearchParams(parameters.map(([name, value]) => [name, String(value)])).toString();
  return `/v1/${parts.map(encodeURIComponent).join('/')}${text === '' ? '' : `?${text}`}`;
}

/** Devices sorted and counted; '' leaves a parameter out. */
export interface ListQuestion {
  readonly filter: string;
  readonly search: string;
  readonly state: string;
  readonly sort: string;
  readonly offset: number;
  readonly limit: number;
  readonly values: boolean;
}

export function listDevices({ values, ...question }: ListQuestion, signal: AbortSignal): Promise<LiveList> {
  const query = { ...question, values: values ? 'true' : '' };
  return ask('GET', pathOf(['live', 'devices'], query), { signal });
}

export interface RowsPage {
  readonly subscribers: readonly RowEntry[];
  readonly cursor: string | null;
}

export async function listRows(device: string, page: Page): Promise<RowsPage> {
  const { entries, cursor } = await fullPage<RowEntry>(page, async (limit, from) => {
    const path = pathOf(['devices', device, 'subscribers'], { limit, cursor: from });
    const answer = await ask<RowsPage>('GET', path, { signal: page.signal });
    return { entries: answer.subscribers, cursor: answer.cursor };
  });
  return { subscribers: entries, cursor };
}

export interface RowChange {
  readonly status?: 'allow' | 'active' | 'inactive' | 'deny';
  readonly vip?: boolean;
}

export function changeRow(device: string, subscriber: string, change: RowChange): Promise<RowEntry> {
  return ask('PUT', pathOf(['devices', device, 'subscribers', subscriber]), { body: change });
}

export function removeRow(device: string, subscriber: string): Promise<unknown> {
  return ask('DELETE', pathOf(['devices', device, 'subscribers', subscriber]));
}

export function terminate(device: string): Promise<unknown> {
  return ask('DELETE', pathOf(['devices', device]));
}
