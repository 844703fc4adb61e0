/** The admin listener: HTTP on main, beside the hot path. Reads come from the shared table, changes go to the owner. */
import dns from 'node:dns/promises';
import type { AddressInfo } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import swagger from '@fastify/swagger';
import { jsonSchemaTransform, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { CallAnswer } from '../cluster/host.ts';
import type { Watch } from '../edge/edge-timers.ts';
import { keepListening, listenError } from '../transport/node-listen.ts';
import type { Tls } from '../transport/tls.ts';
import { accessHook } from './access.ts';
import { createApp } from './app.ts';
import { auditHook } from './audit.ts';
import { dashboardRoutes, readDashboard } from './dashboard.ts';
import type { AdminDeps, AdminOptions } from './deps.ts';
import { AdminError, cut, errorBody, errorStatuses, toAdminError } from './errors.ts';
import { KeptFigures } from './kept-figures.ts';
import { LiveStreams } from './live.ts';
import { LiveLists } from './live-lists.ts';
import { LookWatch } from './looks.ts';
import { answerNode, nodesHook } from './nodes.ts';
import { RecentRates } from './rates.ts';
import { RouteMethods } from './route-methods.ts';
import { accessRoutes } from './routes-access.ts';
import { activityRoutes } from './routes-activity.ts';
import { clusterRoutes } from './routes-cluster.ts';
import { deviceRoutes } from './routes-devices.ts';
import { faultRoutes } from './routes-faults.ts';
import { healthRoutes } from './routes-health.ts';
import { liveRoutes } from './routes-live.ts';
import { reloadRoutes } from './routes-reload.ts';
import { statsRoutes } from './routes-stats.ts';
import { subscriberRoutes } from './routes-subscribers.ts';
import { answers, noQuery } from './schemas.ts';

export interface AdminServer {
  readonly port: number;
  /** What looks at the hub's figures all the time. Main's timers run them. */
  readonly watches: readonly Watch[];
  /** New connections get this certificate. Only where it had one before. */
  useTls(tls: Pick<Tls, 'cert' | 'key'>): void;
  /** Runs a route for another node. */
  call(name: string, body: Uint8Array): Promise<CallAnswer>;
  close(): Promise<void>;
}

/** @throws ListenError when the address cannot be bound */
export async function startAdmin(options: AdminOptions, deps: AdminDeps): Promise<AdminServer> {
  const app = createApp(options.tls);
  auditHook(app, deps);
  app.addHook('onRequest', accessHook(options, deps));
  nodesHook(app, deps);
  app.setErrorHandler((error, request, reply) => {
    const refusal = toAdminError(error, request);
    request.refusal = refusal.message;
    if (refusal.code === 'internal') deps.failed(error);
    return reply.code(errorStatuses[refusal.code]).send(errorBody(refusal.code, refusal.message));
  });
  const methods = new RouteMethods();
  app.addHook('onRoute', ({ method, url }) => methods.add(url, method));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const accepted = methods.of(path);
    if (accepted === '')
      throw new AdminError('not_found', `no route ${request.method} ${cut(path)}, see /openapi.json`);
    reply.header('allow', accepted);
    throw new AdminError('method_not_allowed', `method is ${request.method}, expected ${accepted}`);
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Device Aggregator Tunnel', description: 'Admin API', version: deps.version },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }],
    },
    transform: jsonSchemaTransform,
  });
  const rates = new RecentRates();
  const kept = new KeptFigures(deps);
  const looks = new LookWatch(deps, [rates, kept]);
  const live = new LiveStreams(deps);
  const lists = new LiveLists(deps);
  const dashboard = options.dashboard === undefined ? [] : await readDashboard(options.dashboard);
  // In a plugin of its own: the document lists the routes that come after it.
  await app.register(async (routes) => {
    const typed = routes.withTypeProvider<ZodTypeProvider>();
    healthRoutes(typed, deps);
    statsRoutes(typed, deps, rates, kept);
    deviceRoutes(typed, deps, options);
    subscriberRoutes(typed, deps);
    accessRoutes(typed, deps);
    clusterRoutes(typed, deps);
    faultRoutes(typed, deps);
    reloadRoutes(typed, deps);
    activityRoutes(typed, deps);
    liveRoutes(typed, live, lists);
    dashboardRoutes(typed, dashboard);
    const openapi = answers(z.looseObject({ openapi: z.string() }));
    typed.get(
      '/openapi.json',
      { schema: { querystring: noQuery, summary: 'This description', response: openapi } },
      async () => app.swagger() as unknown as { openapi: string },
    );
  });
  app.addHook('preClose', async () => live.close());
  app.addHook('onClose', async () => lists.close());
  try {
    // Not by `bindServer`: fastify closes its connections only where it has listened itself. Not by name: for `localhost`
    // it would bind each address, with servers that nobody limits, guards or gives new certificates.
    const { address } = await dns.lookup(options.host);
    await app.listen({ host: address, port: options.port });
  } catch (error) {
    await app.close();
    throw listenError(options.host, options.port, error);
  }
  keepListening(app.server);
  return {
    port: (app.server.address() as AddressInfo).port,
    watches: [looks],
    useTls: ({ cert, key }) => (app.server as unknown as TlsServer).setSecureContext({ cert, key }),
    call: (name, body) => answerNode(app, deps, name, body),
    close: () => app.close(),
  };
}
