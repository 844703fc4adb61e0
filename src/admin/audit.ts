/**
 * Records who did what: every request that may change something, and every refused request. Runs after the answer, so
 * that the result is known; never records a secret or a payload.
 */

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { OperatorAction, RefusedRequest } from '../supervise/activity.ts';
import type { AdminApp } from './app.ts';
import type { AdminDeps } from './deps.ts';
import type {} from './request-types.ts';

/** Only look at things. */
const looks: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Not let in: without a token, with a wrong one, or from a page or host that may not. */
const notLetIn: ReadonlySet<number> = new Set([401, 403]);

/** Notes each request that changes something, with who made it and what came of it, among the activity. */
export function auditHook(app: AdminApp, { activity, clock }: AdminDeps): void {
  app.decorateRequest('operator', '');
  app.decorateRequest('refusal', '');
  app.addHook('onResponse', async (request, reply) => {
    const at = clock.wallNow();
    const { statusCode: status } = reply;
    const from = request.ip;
    if (request.operator === '' && notLetIn.has(status)) {
      activity.refusedRequest({ at, from, action: actionOf(request), status, message: request.refusal });
    } else if (!isLook(request) && request.routeOptions.url !== undefined) {
      activity.action(actionOfOperator(request, reply, at));
    }
  });
}

function isLook({ method, routeOptions }: FastifyRequest): boolean {
  return looks.has(method) || routeOptions.config.changesOwnView === true;
}

function actionOfOperator(request: FastifyRequest, reply: FastifyReply, at: number): OperatorAction {
  return {
    at,
    who: request.operator,
    from: request.ip,
    action: actionOf(request),
    what: whatOf(request),
    status: reply.statusCode,
    tookMs: Math.round(reply.elapsedTime),
  };
}

/** The route's pattern rather than the path: the path of a request without a route is anything at all. */
function actionOf({ method, routeOptions }: FastifyRequest): RefusedRequest['action'] {
  return `${method} ${routeOptions.url ?? '(no route)'}`;
}

/** Of the body what is short: words, numbers, and how long lists are. Of an event no more than its kind and length. */
function whatOf(request: FastifyRequest): Readonly<Record<string, unknown>> {
  const { params, query, body, dataText, routeOptions } = request;
  const isEvent = routeOptions.config.keepsData === true;
  const changes = Object.entries(body ?? {}).flatMap(([name, value]): (readonly [string, unknown])[] => {
    if (isEvent && name !== 'type' && name !== 'priority') return [];
    if (Array.isArray(value)) return [[name, value.length]];
    return typeof value === 'object' ? [] : [[name, shortened(value)]];
  });
  return {
    ...(params as object),
    ...(query as object),
    ...Object.fromEntries(changes),
    ...(isEvent && { bytes: Buffer.byteLength(dataText) }),
  };
}

const VALUE_CHARACTERS_MAX = 128;

function shortened(value: unknown): unknown {
  return typeof value === 'string' ? value.slice(0, VALUE_CHARACTERS_MAX) : value;
}
