/** The HTTP application that the routes register on: JSON only, bodies and paths of bounded length, schemas by zod. */
import Fastify from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { AdminOptions } from './deps.ts';
import { AdminError, errorBody, errorStatuses, refuseClient } from './errors.ts';

const BODY_BYTES_MAX = 1024 * 1024;
/** A client that has not sent its whole request by then loses its connection. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Longer than any id with every character percent-encoded: ids that are too long get their own answer. */
const PATH_ID_CHARACTERS_MAX = 2048;

export function createApp(tls: AdminOptions['tls']) {
  // Typed loosely, so that the app has one type with and without: no route looks at its server's class.
  const secure: object = tls === undefined ? {} : { https: { cert: tls.cert, key: tls.key } };
  const app = Fastify({
    ...secure,
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: PATH_ID_CHARACTERS_MAX },
    forceCloseConnections: true,
    return503OnClosing: false,
    clientErrorHandler: refuseClient,
    // A path that cannot be decoded does not reach the error handler.
    frameworkErrors: (error, _request, reply) => {
      const { raw } = reply;
      raw.writeHead(errorStatuses.bad_request, { 'content-type': 'application/json; charset=utf-8' });
      raw.end(JSON.stringify(errorBody('bad_request', error.message.toLowerCase())));
    },
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.removeAllContentTypeParsers(); // JSON only: any other kind is 415
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    async (_request: unknown, text: string) => parseJson(text),
  );
  return app;
}

/**
 * An empty body counts as none, for clients that always name a content type. A `__proto__` in it needs no care: what
 * is parsed is only checked by a schema and written out again.
 */
function parseJson(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AdminError('bad_request', `body is not JSON: ${(error as SyntaxError).message}`);
  }
}

/** What the route files register on. */
export type AdminApp = ReturnType<typeof createApp>;
