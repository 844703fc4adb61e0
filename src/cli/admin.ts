/** Asks the admin API. */
import { adminToken, type UrlOptions, urlOf } from './connection.ts';
import { CliFailure, Exit } from './failure.ts';
import { createToken } from './peer-failure.ts';
import { notTheHub, unreachable } from './unreachable.ts';

interface ErrorAnswer {
  readonly error?: { readonly code: string; readonly message: string };
}

export class Admin {
  readonly #url: URL;

  /** @throws CliFailure when the URL is not one */
  constructor(options: UrlOptions) {
    this.#url = urlOf('admin', options);
  }

  /** @returns the answer's JSON @throws CliFailure when there is no answer, or it is a refusal */
  async ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return (await (await this.send(method, path, text)).json()) as Answer;
  }

  /** @param body JSON text @throws CliFailure as `ask` */
  send(method: string, path: string, body?: string): Promise<Response> {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    return this.fetch(path, { method, headers, ...(body !== undefined && { body }) });
  }

  /** @throws CliFailure as `ask` */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const token = adminToken();
    const headers = new Headers(init.headers);
    if (token !== '') headers.set('authorization', `Bearer ${token}`);
    const answer = await fetch(new URL(path, this.#url), { ...init, headers }).catch(
      async (failure: Error) => {
        throw await this.#unreachable(failure);
      },
    );
    if (!answer.ok) throw await this.#refusal(answer, token);
    return answer;
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

  async #unreachable(failure: Error): Promise<Error> {
    if (failure.name === 'AbortError') return failure;
    const { code = '', message = '' } = (failure.cause ?? {}) as { code?: string; message?: string };
    const why = [message, code].filter((text) => text !== '').join(', ');
    return (
      (await unreachable(this.#url, why)) ??
      new CliFailure(Exit.unavailable, `cannot connect: ${why === '' ? failure.message : why}`)
    );
  }

  async #refusal(answer: Response, token: string): Promise<CliFailure> {
    const { error } = (await answer.json().catch(() => ({}))) as ErrorAnswer;
    if (error === undefined) return notTheHub(this.#url, 'admin');
    const { code, message } = error;
    if (answer.status === 401) {
      const what = token === '' ? 'the hub wants an admin token' : 'the hub did not accept the admin token';
      const fix = `set DAT_ADMIN_TOKEN to the hub's own, or to one from: ${createToken('admin')}`;
      return new CliFailure(Exit.denied, `${what}; ${fix}`);
    }
    if (answer.status === 403) return new CliFailure(Exit.denied, message);
    return new CliFailure(code === 'unavailable' ? Exit.unavailable : Exit.failed, message);
  }
}
