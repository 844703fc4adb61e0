/** Asks the admin API. */
import type { UrlOptions } from './connection.ts';
import { environment, noHub, notTheHub, untrusted, urlOf } from './connection.ts';
import { CliFailure, Exit } from './failure.ts';

interface ErrorAnswer {
  readonly error?: { readonly code: string; readonly message: string };
}

export class Admin {
  readonly url: URL;

  /** @throws CliFailure when the URL is none */
  constructor(options: UrlOptions) {
    this.url = urlOf('admin', options);
  }

  /** @returns the answer's JSON @throws CliFailure when there is none, or it is a refusal */
  async ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await this.fetch(path, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(body !== undefined && { headers: { 'content-type': 'application/json' } }),
    });
    return (await answer.json()) as Answer;
  }

  /** @throws CliFailure as `ask` */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const token = environment('DAT_ADMIN_TOKEN');
    const headers = new Headers(init.headers);
    if (token !== '') headers.set('authorization', `Bearer ${token}`);
    const answer = await fetch(new URL(path, this.url), { ...init, headers }).catch((failure: Error) => {
      // A certificate that is not trusted is not a hub that is not there.
      const { code = '' } = (failure.cause ?? {}) as { code?: string };
      if (/CERT|SSL|TLS/.test(code)) throw untrusted(this.url, code);
      throw noHub(this.url);
    });
    if (answer.ok) return answer;
    const { error } = (await answer.json().catch(() => ({}))) as ErrorAnswer;
    if (error === undefined) throw notTheHub(this.url, 'admin');
    const { code, message } = error;
    if (answer.status === 401) {
      const what = token === '' ? 'the hub wants an admin token' : 'the admin token is not accepted';
      throw new CliFailure(Exit.denied, `${what}: set DAT_ADMIN_TOKEN to the one that the hub has`);
    }
    if (answer.status === 403) throw new CliFailure(Exit.denied, message);
    throw new CliFailure(code === 'unavailable' ? Exit.unavailable : Exit.failed, message);
  }

  /** Every page of a listing. @param key the member of the answer that has the entries */
  async *pages<Entry>(path: string, key: string): AsyncGenerator<Entry> {
    let cursor: string | undefined;
    do {
      const query = new URLSearchParams({ limit: '1000', ...(cursor !== undefined && { cursor }) });
      const page = await this.ask<Record<string, unknown>>('GET', `${path}?${query}`);
      yield* page[key] as Entry[];
      const { cursor: next } = page as { readonly cursor?: string | null };
      cursor = next ?? undefined;
    } while (cursor !== undefined);
  }
}
