/** The HTTP application that the routes register on: JSON only, bodies and paths of bounded length, schemas by zod. */

import { isUtf8 } from 'node:buffer';
import Fastify, { type FastifyRequest } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { depthOf, lookAtJson } from '../json-text.ts';
import { JSON_DEPTH_MAX } from '../wire/json-scan.ts';
import type { AdminOptions } from './deps.ts';
import { AdminError, errorBody, errorStatuses, quote, refuseClient } from './errors.ts';
import type {} from './request-types.ts';

const BODY_BYTES_MAX = 1024 * 1024;
/** A client that has not sent its whole request, or the head of one, by then loses its connection. */
const REQUEST_MS_MAX = 15_000;
const HEAD_MS_MAX = 10_000;
/** How often Node looks for those: half a minute unless it is told. */
const TIMEOUTS_EVERY_MS = 1000;
/** Enough for scrapers, dashboards and scripts; what is left of the descriptors is for devices and subscribers. */
const CONNECTIONS_MAX = 512;
/** Longer than any id with every character percent-encoded: ids that are too long get their own answer. */
const PATH_ID_CHARACTERS_MAX = 2048;

/** The admin's HTTP server, without routes. @param tls undefined: plain HTTP */
export function createApp(tls: AdminOptions['tls']) {
  const times = {
    headersTimeout: HEAD_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    connectionsCheckingInterval: TIMEOUTS_EVERY_MS,
    requireHostHeader: false, // whoever names no host is answered (wire contract)
  };
  // Typed loosely, so that the app has one type with and without: no route looks at its server's class.
  const server: object =
    tls === undefined
      ? { http: times }
      : { https: { ...times, handshakeTimeout: HEAD_MS_MAX, cert: tls.cert, key: tls.key } };
  const app = Fastify({
    ...server,
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    routerOptions: { maxParamLength: PATH_ID_CHARACTERS_MAX },
    forceCloseConnections: true,
    return503OnClosing: false,
    clientErrorHandler: refuseClient,
    // A path that cannot be decoded does not reach the error handler.
    frameworkErrors: (_error, { url }, { raw }) => {
      const accepted = `UTF-8, percent-encoded, and at most ${PATH_ID_CHARACTERS_MAX} characters of each id`;
      raw.writeHead(errorStatuses.bad_request, { 'content-type': 'application/json; charset=utf-8' });
      raw.end(JSON.stringify(errorBody('bad_request', `path is ${quote(url)}, expected ${accepted}`)));
    },
  }).withTypeProvider<ZodTypeProvider>();
  app.server.maxConnections = CONNECTIONS_MAX;
  // What a client expects beside 100-continue need not be met; Node would refuse it, and not in JSON.
  app.server.on(
    'checkExpectation',
    (request, response) => void app.server.emit('request', request, response),
  );
  app.decorateRequest('dataText', '');
  app.decorateRequest('bodyText', '');
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.removeAllContentTypeParsers(); // JSON only: any other kind is 415
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, bytes: Buffer) => {
      // Decoded all the same, what is no UTF-8 would go to subscribers as something else.
      if (!isUtf8(bytes)) throw new AdminError('bad_request', 'body is not UTF-8');
      return parseJson(request, bytes.toString('utf8'));
    },
  );
  return app;
}

/** Lists and objects within each other in a body: its `data` may have as many as a device's. */
const BODY_DEPTH_MAX = JSON_DEPTH_MAX + 1;

/**
 * An empty body counts as none, for clients that always name a content type. A `__proto__` in it needs no care: what
 * is parsed is only checked by a schema and written out again.
 */
function parseJson(request: FastifyRequest, text: string): unknown {
  request.bodyText = text;
  if (text === '') return undefined;
  if (depthOf(text) > BODY_DEPTH_MAX) {
    const accepted = `at most ${JSON_DEPTH_MAX} lists and objects within each other`;
    throw new AdminError('bad_request', `body is too deep, expected ${accepted}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AdminError('bad_request', `body is not JSON: ${(error as SyntaxError).message}`);
  }
  const keepsData = request.routeOptions.config.keepsData === true;
  const keysDownTo = keepsData ? 1 : BODY_DEPTH_MAX;
  const { duplicate, member } = lookAtJson(text, { keysDownTo, member: 'data' });
  if (duplicate !== undefined)
    throw new AdminError('bad_request', `body has the member ${quote(duplicate)} twice in one object`);
  if (keepsData && member !== undefined) request.dataText = text.slice(member.start, member.end);
  return value;
}

/** What the route files register on. */
export type AdminApp = ReturnType<typeof createApp>;
