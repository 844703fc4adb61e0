/** The live stream: server-sent events, read by the dashboard. */
import type { OutgoingHttpHeaders } from 'node:http';
import type { AdminApp } from './app.ts';
import type { LiveStreams } from './live.ts';
import { liveQuery, liveStream } from './live-schemas.ts';
import { answers } from './schemas.ts';

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no', // else nginx gathers what it passes on
};

export function liveRoutes(app: AdminApp, live: LiveStreams): void {
  app.get(
    '/v1/live',
    {
      exposeHeadRoute: false,
      schema: {
        querystring: liveQuery,
        summary: 'Server-sent events: figures every second, devices and events as they change',
        produces: ['text/event-stream'],
        response: answers(liveStream, 'over_capacity'),
      },
    },
    (request, reply) => {
      live.checkRoom();
      reply.hijack();
      const { raw } = reply;
      // What hooks have set is of the reply and not of what it stands for.
      raw.writeHead(200, { ...(reply.getHeaders() as OutgoingHttpHeaders), ...headers });
      const gone = live.open(raw, request.query);
      raw.on('close', gone);
      raw.on('error', gone); // a write after its reader has gone
    },
  );
}
