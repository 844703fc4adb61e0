/**
 * Forwards requests about a device or subscriber of another node to that node, unchanged, and returns its answer. On
 * main.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CallAnswer } from '../cluster/host.ts';
import { type OperatorCommand, ToOwner } from '../records/commands.ts';
import { isId } from '../wire/id.ts';
import type { AdminApp } from './app.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import {
  callNode,
  isNodeCall,
  type Known,
  kickCall,
  NODE_CALL_HEADERS,
  NodeCall,
  parseJson,
  type Sent,
  sentCall,
  sentOf,
} from './node-calls.ts';
import { nodeOfDevice, nodeOfSubscriber, whoIs } from './node-homes.ts';

const BAD_CALL: CallAnswer = { status: 400, body: Buffer.from('{}') };
const UNKNOWN_CALL: CallAnswer = { status: 404, body: Buffer.from('{}') };

/** Sends requests on to the node that they concern. */
export function nodesHook(app: AdminApp, deps: AdminDeps): void {
  const { cluster } = deps;
  if (cluster === undefined) return;
  app.addHook('preHandler', async (request: FastifyRequest, reply: FastifyReply) => {
    const { runsAt } = request.routeOptions.config;
    if (runsAt === undefined || isNodeCall(request)) return undefined;
    const { device = '', subscriber = '' } = request.params as { device?: string; subscriber?: string };
    const node = await (runsAt === 'subscriber'
      ? nodeOfSubscriber(deps, subscriber)
      : nodeOfDevice(deps, device, runsAt === 'device'));
    if (node === undefined && request.method === 'POST') refuseToPublish(deps, device);
    if (node === undefined || node === cluster.node) return undefined;
    const { status, body } = await callNode(deps, node, sentOf(request));
    // The link's own: the node is away, or takes too long.
    if (body.length === 0) throw new AdminError('unavailable', `node "${node}" does not answer (${status})`);
    return reply
      .code(status)
      .type('application/json; charset=utf-8')
      .send(Buffer.from(body).toString('utf8'));
  });
}

/** @throws AdminError unavailable when the device may be at a node that cannot be asked: its events have one numbering */
function refuseToPublish({ cluster, presence }: AdminDeps, device: string): void {
  if (cluster!.state === 'connected' || presence.findDevice(device) < 0) return;
  throw new AdminError('unavailable', `the cluster is disconnected: "${device}" may be at another node`);
}

/** Runs what another node asks for. A call that makes no sense is answered with 400: nothing of it reaches the owner. */
export async function answerNode(
  app: AdminApp,
  deps: AdminDeps,
  name: string,
  body: Uint8Array,
): Promise<CallAnswer> {
  const text = Buffer.from(body).toString('utf8');
  switch (name) {
    case NodeCall.http:
      return inject(app, sentCall.safeParse(parseJson(text)).data);
    case NodeCall.kick: {
      const { data: kick } = kickCall.safeParse(parseJson(text));
      if (kick === undefined) return BAD_CALL;
      // The call may come late: who connected here since then is not meant.
      const isNewer = await deps.cluster!.ask<'isNewer'>({ ask: 'isNewer', ...kick }).catch(() => false);
      if (isNewer) return answerOf({ known: false } satisfies Known);
      return endHere(deps, { ...kick, kind: ToOwner.Kick, forget: false, isPart: true });
    }
    case NodeCall.who:
      return isId(text) ? answerOf(await whoIs(deps, text)) : BAD_CALL;
    case NodeCall.known:
      if (!isId(text)) return BAD_CALL;
      return answerOf({ known: deps.presence.findDevice(text) >= 0 } satisfies Known);
    case NodeCall.end:
      return isId(text) ? endHere(deps, { kind: ToOwner.Terminate, device: text, isPart: true }) : BAD_CALL;
    default:
      return UNKNOWN_CALL;
  }
}

/** Runs a route for another node. */
async function inject(app: AdminApp, sent: Sent | undefined): Promise<CallAnswer> {
  if (sent === undefined) return BAD_CALL;
  const { method, url, body: payload } = sent;
  const isBody = payload !== '';
  const answer = await app.inject({
    method: method as 'GET',
    url,
    headers: { ...NODE_CALL_HEADERS, ...(isBody && { 'content-type': 'application/json' }) },
    ...(isBody && { payload }),
  });
  return { status: answer.statusCode, body: answer.rawPayload };
}

/** Does this node's part of an end. */
async function endHere(deps: AdminDeps, part: OperatorCommand): Promise<CallAnswer> {
  return answerOf({ known: (await deps.operate(part)).ok } satisfies Known);
}

function answerOf(value: object): CallAnswer {
  return { status: 200, body: Buffer.from(JSON.stringify(value)) };
}
