/** Asks the admin API. */
import { endpointOf, type HubEndpoint, type HubOptions } from './connection.ts';
import { CliFailure, Exit } from './failure.ts';
import { note } from './output.ts';
import { createToken } from './peer-failure.ts';
import { notTheHub, unreachable } from './unreachable.ts';

const CLOCKS_AGREE_MS = 3000;

interface ErrorAnswer {
  readonly error?: { readonly code: string; readonly message: string };
}

interface PageEnd {
  readonly cursor: string | null;
  readonly missingNodes: readonly string[];
}

export class Admin {
  readonly #url: URL;
  readonly #token: string;
  /** The hub's clock is ahead by this much, ms. */
  #aheadMs = 0;

  /** @throws CliFailure when the address or the token of the hub cannot be used */
  constructor(options: HubOptions) {
    const { url, token }: HubEndpoint = endpointOf('admin', options);
    this.#url = url;
    this.#token = token;
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
    const token = this.#token;
    const headers = new Headers(init.headers);
    if (token !== '') headers.set('authorization', `Bearer ${token}`);
    // A path in the address is that of a proxy that has more than the hub behind it.
    const url = new URL(path, this.#url);
    url.pathname = this.#url.pathname.replace(/\/+$/, '') + url.pathname;
    const answer = await fetch(url, { ...init, headers }).catch(async (failure: Error) => {
      throw await this.#unreachable(failure);
    });
    this.#compareClocks(answer);
    if (!answer.ok) throw await this.#refusal(answer, token);
    return answer;
  }

  /** Wall-clock ms of the hub, as far as its last answer told it. */
  now(): number {
    return Date.now() + this.#aheadMs;
  }

  /** The `date` of an answer is of whole seconds: only clocks that differ by more than that count as different. */
  #compareClocks({ headers }: Response): void {
    const aheadMs = Date.parse(headers.get('date') ?? '') - Date.now();
    this.#aheadMs = Math.abs(aheadMs) > CLOCKS_AGREE_MS ? aheadMs : 0;
  }

  /**
   * The entries of a listing, page by page; nodes of the cluster that did not answer are noted.
   * @param key the member of the answer that has the entries
   */
  async *pages<Entry>(
    path: string,
    key: string,
    query: Readonly<Record<string, string>> = {},
  ): AsyncGenerator<Entry> {
    const search = new URLSearchParams({ ...query, limit: '1000' });
    for (;;) {
      const page = await this.ask<Record<string, unknown>>('GET', `${path}?${search}`);
      yield* page[key] as Entry[];
      const { cursor, missingNodes = [] } = page as Partial<PageEnd>;
      for (const node of missingNodes) note(`node ${node} did not answer: what it has is not listed`);
      if (cursor === null || cursor === undefined) return;
      search.set('cursor', cursor);
    }
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
