/** The live stream and the live lists, read by the dashboard. */

import { randomUUID } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import type { AdminApp } from './app.ts';
import { AdminError } from './errors.ts';
import type { LiveStreams } from './live.ts';
import type { LiveLists } from './live-lists.ts';
import { LIVE_STREAM_HEADER } from './live-names.ts';
import { liveList, liveListQuery, liveQuery, liveStream, liveSubject, streamPath } from './live-schemas.ts';
import type {} from './request-types.ts';
import { answers, noQuery } from './schemas.ts';

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no', // else nginx gathers what it passes on
};

/** `/v1/live` and below: what the dashboard and `dat top` follow. */
export function liveRoutes(app: AdminApp, live: LiveStreams, lists: LiveLists): void {
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
      const id = randomUUID();
      // What hooks have set is of the reply and not of what it stands for.
      raw.writeHead(200, {
        ...(reply.getHeaders() as OutgoingHttpHeaders),
        ...headers,
        [LIVE_STREAM_HEADER]: id,
      });
      const { device = [], watch = [] } = request.query;
      const gone = live.open(raw, { devices: device, watch }, id);
      raw.on('close', gone);
      raw.on('error', gone); // a write after its reader has gone
    },
  );

  app.put(
    '/v1/live/streams/:stream',
    {
      config: { changesOwnView: true },
      schema: {
        params: streamPath,
        querystring: noQuery,
        body: liveSubject,
        summary: 'Change what an open live stream shows beside the figures',
        response: answers(liveSubject, 'not_found', 'unsupported_media_type'),
      },
    },
    async ({ params: { stream }, body }) => {
      if (!live.change(stream, body)) throw new AdminError('not_found', 'no such live stream is open');
      return body;
    },
  );

  app.get(
    '/v1/live/devices',
    {
      schema: {
        querystring: liveListQuery,
        summary: 'One page of devices: filtered, sorted, counted by state, with their newest values',
        response: answers(liveList, 'over_capacity'),
      },
    },
    async ({ query }) => {
      const { filter = '', search = '', state, sort, offset, limit, values } = query;
      return lists.list({ filter, search, state, ...sort, offset, limit, values });
    },
  );
}
