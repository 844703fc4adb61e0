/** Every refusal of the admin API: its code, its HTTP status, and how a failure becomes one. Runs on main. */
import type { Socket } from 'node:net';
import type { FastifyError, FastifyRequest } from 'fastify';

/** HTTP status by error code. */
export const errorStatuses = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  payload_too_large: 413,
  unsupported_media_type: 415,
  headers_too_large: 431,
  internal: 500,
  over_capacity: 503,
  unavailable: 503,
} as const satisfies Record<string, number>;

export type ErrorCode = keyof typeof errorStatuses;

export interface ErrorBody {
  readonly error: { readonly code: ErrorCode; readonly message: string };
}

/** Thrown by a route: the request is refused for this reason. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The body of every answer that is an error. */
export function errorBody(code: ErrorCode, message: string): ErrorBody {
  return { error: { code, message } };
}

/** What to answer when a request failed; anything unknown is `internal` and says nothing of its cause. */
export function toAdminError(error: unknown, request: FastifyRequest): AdminError {
  if (error instanceof AdminError) return error;
  const { statusCode, message, validation, validationContext } = error as Partial<FastifyError>;
  if (validation !== undefined) {
    const where = validationContext ?? 'body';
    const problems = (validation as readonly Problem[]).map((problem) => describe(problem, where, request));
    return new AdminError('bad_request', problems.join('; '));
  }
  if (statusCode === 413)
    return new AdminError('payload_too_large', 'the body is too large, expected at most 1 MiB');
  if (statusCode === 415) {
    const given = quote(request.headers['content-type']);
    return new AdminError('unsupported_media_type', `content-type is ${given}, expected application/json`);
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new AdminError('bad_request', lowerFirst(message ?? 'bad request'));
  }
  return new AdminError('internal', 'internal error');
}

/** Answers bytes that are no HTTP request; there is no reply object for these. */
export function refuseClient(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const [code, phrase] = clientErrors[error.code ?? ''] ?? (['bad_request', 'Bad Request'] as const);
  const body = JSON.stringify(errorBody(code, phrase.toLowerCase()));
  const head = `HTTP/1.1 ${errorStatuses[code]} ${phrase}`;
  const length = Buffer.byteLength(body);
  socket.end(
    `${head}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`,
  );
}

const clientErrors: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'Request Timeout'],
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'Request Header Fields Too Large'],
};

/** One schema violation; `message` is what the schema accepts there. */
interface Problem {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message?: string;
  readonly params: { readonly keys?: readonly string[] };
}

const places: Readonly<Record<string, { readonly name: string; readonly of: 'body' | 'query' | 'params' }>> =
  {
    body: { name: 'body', of: 'body' },
    querystring: { name: 'query', of: 'query' },
    params: { name: 'path', of: 'params' },
  };

function describe(problem: Problem, where: string, request: FastifyRequest): string {
  const place = places[where] ?? { name: where, of: 'body' };
  const path = problem.instancePath.split('/').filter((part) => part !== '');
  const accepted = problem.message ?? 'another value';
  if (problem.keyword === 'unrecognized_keys') {
    const keys = (problem.params.keys ?? []).map(quote).join(', ');
    return `${place.name} has the unknown ${keys}, expected ${accepted}`;
  }
  let given: unknown = request[place.of];
  for (const part of path) given = (given as Readonly<Record<string, unknown>> | null | undefined)?.[part];
  return `${[place.name, ...path].join(' ')} is ${quote(given)}, expected ${accepted}`;
}

const SHOWN_CHARACTERS_MAX = 80;

/** A value as a message shows it, cut; nothing given is `missing`. */
export function quote(value: unknown): string {
  return value === undefined ? 'missing' : cut(JSON.stringify(value));
}

/** A text as a message shows it. */
export function cut(text: string): string {
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
