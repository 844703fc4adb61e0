/**
 * Checks who may use the API: the page that a browser came from, and the bearer token. Runs before a request is read.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { bearerOf } from '../access/bearer.ts';
import { hostCheck } from '../access/hosts.ts';
import { originAllowed } from '../wire/origin.ts';
import type { AdminDeps, AdminOptions } from './deps.ts';
import { AdminError, quote } from './errors.ts';
import { LIVE_STREAM_HEADER } from './live-names.ts';
import { isNodeCall } from './node-calls.ts';
import type {} from './request-types.ts';

/** Orchestrators and load balancers ask these without a token. */
const openPaths: ReadonlySet<string> = new Set(['/livez', '/readyz']);

const PREFLIGHT_SECONDS = 600;

type AccessHook = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply | undefined>;

/** @returns the hook that refuses a request which may not go on, and answers a browser's preflight */
export function accessHook(options: AdminOptions, deps: AdminDeps): AccessHook {
  const authorize = authorizer(options, deps);
  const isHostAllowed = hostCheck(options, options.adminToken !== '');
  return async (request, reply) => {
    if (isNodeCall(request)) {
      request.operator = 'another node';
      return undefined;
    }
    const { host } = request.headers;
    const isHealth = openPaths.has(request.routeOptions.url ?? '');
    // A client that names no host is no browser.
    if (!isHealth && host !== undefined && !isHostAllowed(host)) {
      throw new AdminError('forbidden', `host ${quote(host)} is not allowed, see DAT_ALLOWED_HOSTS`);
    }
    const origin = request.headers.origin ?? '';
    if (!originAllowed(origin, host ?? '', options.allowedOrigins)) {
      throw new AdminError('forbidden', `origin ${quote(origin)} may not connect, see DAT_ALLOWED_ORIGINS`);
    }
    if (options.allowedOrigins.includes(origin)) {
      reply.headers({
        'access-control-allow-origin': origin,
        'access-control-expose-headers': LIVE_STREAM_HEADER,
        vary: 'origin',
      });
      if (isPreflight(request)) return answerPreflight(reply);
    }
    const { url = '', config } = request.routeOptions;
    if (openPaths.has(url) || config.holdsNoSecret === true) return undefined;
    try {
      request.operator = await authorize(request.headers.authorization ?? '');
    } catch (error) {
      reply.header('www-authenticate', 'Bearer');
      throw error;
    }
    return undefined;
  };
}

function isPreflight({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
}

function answerPreflight(reply: FastifyReply): FastifyReply {
  return reply
    .code(204)
    .headers({
      'access-control-allow-methods': 'GET, POST, PUT, DELETE',
      'access-control-allow-headers': 'authorization, content-type',
      'access-control-max-age': PREFLIGHT_SECONDS,
    })
    .send();
}

/** @returns a check of the Authorization header: says who asks, and throws when it does not let its sender in */
function authorizer(options: AdminOptions, deps: AdminDeps): (header: string) => Promise<string> {
  return async (header) => {
    const { adminToken } = options; // a reload may have changed it
    if (adminToken === '' && deps.verifyToken === undefined) return 'anyone';
    const token = bearerOf(header);
    if (token === undefined) {
      throw new AdminError(
        'unauthorized',
        'no token; send the header authorization with "Bearer" and the token',
      );
    }
    // Equal lengths and a comparison that always takes as long: neither tells how much of a guess was right.
    if (adminToken !== '' && timingSafeEqual(sha256(token), sha256(adminToken))) return 'admin token';
    const verdict = (await deps.verifyToken?.(token)) ?? 'invalid';
    if (verdict === 'otherRole') throw new AdminError('forbidden', 'the token does not have the role admin');
    if (verdict === 'unknown')
      throw new AdminError('unavailable', 'the keys for tokens are not available right now');
    if (verdict === 'invalid') throw new AdminError('unauthorized', 'the token is wrong or has expired');
    return verdict.operator;
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
