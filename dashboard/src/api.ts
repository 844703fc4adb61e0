/** The routes of the admin API that the dashboard asks. What it shows all the time comes over the live stream instead. */
import type { DeviceEntry, RowEntry } from '../../src/admin/rows.ts';
import { authorization } from './token.ts';

export type { DeviceEntry, RowEntry };

/** The hub said no, or nothing. `status` is 0 where there was no answer. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface DevicesPage {
  readonly devices: readonly DeviceEntry[];
  readonly cursor: string | null;
}
export interface RowsPage {
  readonly subscribers: readonly RowEntry[];
  readonly cursor: string | null;
}
export interface RowChange {
  readonly status?: 'allow' | 'active' | 'inactive' | 'deny';
  readonly vip?: boolean;
}

/** @throws ApiError */
async function ask<Answer>(method: string, path: string, more: { body?: object; signal?: AbortSignal } = {}) {
  const { body, signal } = more;
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: {
        ...authorization(),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new ApiError(0, 'the hub does not answer');
  }
  if (!response.ok) throw new ApiError(response.status, await refusalOf(response));
  return (await response.json()) as Answer;
}

/** What the hub says of why it refused. */
export async function refusalOf(response: Response): Promise<string> {
  try {
    const { error } = (await response.json()) as { readonly error: { readonly message: string } };
    return error.message;
  } catch {
    return `the hub answered ${response.status}`;
  }
}

export interface DevicesFilter {
  readonly search: string;
  readonly state: string;
}

export function listDevices(
  { search, state }: DevicesFilter,
  page: { readonly limit: number; readonly cursor: string; readonly signal: AbortSignal },
): Promise<DevicesPage> {
  const query = new URLSearchParams({ limit: String(page.limit) });
  if (search !== '') query.set('search', search);
  if (state !== '') query.set('state', state);
  if (page.cursor !== '') query.set('cursor', page.cursor);
  return ask('GET', `/v1/devices?${query}`, { signal: page.signal });
}

export function listRows(
  device: string,
  page: { readonly limit: number; readonly cursor: string; readonly signal: AbortSignal },
): Promise<RowsPage> {
  const query = new URLSearchParams({ limit: String(page.limit) });
  if (page.cursor !== '') query.set('cursor', page.cursor);
  return ask('GET', `/v1/devices/${encodeURIComponent(device)}/subscribers?${query}`, {
    signal: page.signal,
  });
}

export function changeRow(device: string, subscriber: string, change: RowChange): Promise<RowEntry> {
  const path = `/v1/devices/${encodeURIComponent(device)}/subscribers/${encodeURIComponent(subscriber)}`;
  return ask('PUT', path, { body: change });
}

export function kick(subscriber: string): Promise<unknown> {
  return ask('DELETE', `/v1/subscribers/${encodeURIComponent(subscriber)}`);
}

export function terminate(device: string): Promise<unknown> {
  return ask('DELETE', `/v1/devices/${encodeURIComponent(device)}`);
}
