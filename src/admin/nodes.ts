/**
 * Routes that concern a device or subscriber of another node run there: the request is sent on as it is, and answered
 * with what the other node answers. On main.
 */

import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CallAnswer } from '../cluster/host.ts';
import { Numbering } from '../presence/columns.ts';
import { ToOwner } from '../records/commands.ts';
import type { AdminApp } from './app.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import { operate } from './operate.ts';
import type {} from './request-types.ts';

/** Marks a request that comes from another node; nobody outside of this process knows its value. */
const HEADER = 'dat-node-call';
const SECRET = randomUUID();
const HTTP = 'http';
const WHO = 'who';
const KNOWN = 'known';
const END = 'end';

/** A request on its way to another node. */
interface Sent {
  readonly method: string;
  readonly url: string;
  /** As it was written. */
  readonly body: string;
  readonly operator: string;
}

interface Who {
  readonly connected: boolean;
  /** Subscriptions that are more than an operator's word. */
  readonly subscriptions: number;
}

/** Whether a node has a row for a device's id, or had one that has ended now. */
interface Known {
  readonly known: boolean;
}

/** What another node answers to a call. */
interface Said<Answer> {
  readonly node: string;
  /** undefined: it did not answer, or not with 200. */
  readonly answer: Answer | undefined;
}

/** Whether the request comes from another node: this one then answers for itself alone. */
export function isNodeCall({ headers }: FastifyRequest): boolean {
  return headers[HEADER] === SECRET;
}

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

/** Runs what another node asks for. */
export async function answerNode(
  app: AdminApp,
  deps: AdminDeps,
  name: string,
  body: Uint8Array,
): Promise<CallAnswer> {
  const text = Buffer.from(body).toString('utf8');
  if (name === WHO) return { status: 200, body: Buffer.from(JSON.stringify(whoIs(deps, text))) };
  if (name === KNOWN) {
    const known: Known = { known: deps.presence.findDevice(text) >= 0 };
    return { status: 200, body: Buffer.from(JSON.stringify(known)) };
  }
  if (name === END) return endHere(deps, text);
  if (name !== HTTP) return { status: 404, body: Buffer.from('{}') };
  const { method, url, body: payload } = JSON.parse(text) as Sent;
  const isBody = payload !== '';
  const answer = await app.inject({
    method: method as 'GET',
    url,
    headers: { [HEADER]: SECRET, ...(isBody && { 'content-type': 'application/json' }) },
    ...(isBody && { payload }),
  });
  return { status: answer.statusCode, body: answer.rawPayload };
}

/** @throws AdminError unavailable when the node does not answer */
export async function callNode({ cluster }: AdminDeps, node: string, sent: Sent): Promise<CallAnswer> {
  try {
    const body = Buffer.from(JSON.stringify(sent));
    return await cluster!.ask<'call'>({ ask: 'call', node, name: HTTP, body });
  } catch (error) {
    throw new AdminError('unavailable', `node "${node}" does not answer: ${(error as Error).message}`);
  }
}

/** A GET on another node; undefined when it does not answer with 200. */
export async function getFrom(deps: AdminDeps, node: string, url: string): Promise<unknown> {
  const { status, body } = await callNode(deps, node, { method: 'GET', url, body: '', operator: '' });
  return status === 200 ? JSON.parse(Buffer.from(body).toString('utf8')) : undefined;
}

/** What the route answers on each of the other nodes, those that answer with 200. */
export async function onOtherNodes(deps: AdminDeps, sent: Omit<Sent, 'operator'>): Promise<unknown[]> {
  const said = await askOthers(deps, HTTP, JSON.stringify({ ...sent, operator: '' }));
  return said.map(({ answer }) => answer).filter((answer) => answer !== undefined);
}

/** Nodes that are alive, this one first. */
export async function nodeNames({ cluster }: AdminDeps): Promise<string[]> {
  if (cluster === undefined) return [];
  try {
    return (await cluster.ask<'nodes'>({ ask: 'nodes' })).alive.map(({ node }) => node);
  } catch {
    return [cluster.node]; // the others can not be asked now
  }
}

/**
 * @param orWhoKnows whether it may be another node that knows the id, if the device has no home and this one does not
 * @returns its home, or such a node; undefined: to be answered here
 */
export async function nodeOfDevice(
  deps: AdminDeps,
  device: string,
  orWhoKnows = true,
): Promise<string | undefined> {
  const { cluster, presence } = deps;
  const slot = presence.findDevice(device);
  if (slot >= 0 && Atomics.load(presence.devices.rows.home, slot) !== Numbering.elsewhere)
    return cluster!.node;
  try {
    const home = await cluster!.ask<'locate'>({ ask: 'locate', device });
    if (home !== undefined || slot >= 0 || !orWhoKnows) return home;
  } catch {
    return undefined; // the others can not be asked now: what is known here is answered
  }
  const known = await askOthers<Known>(deps, KNOWN, device);
  return known.find(({ answer }) => answer?.known)?.node;
}

/**
 * Terminates a device. Its home tells those who follow it. Where it has none, nobody does, so every node ends what it has.
 * @returns nodes that may have something left
 */
export async function terminate(deps: AdminDeps, device: string): Promise<readonly string[]> {
  const command = { kind: ToOwner.Terminate, device } as const;
  const { cluster, presence } = deps;
  const slot = presence.findDevice(device);
  const isHome = slot >= 0 && Atomics.load(presence.devices.rows.home, slot) === Numbering.here;
  if (cluster === undefined || isHome) return (await operate(deps, command)).pendingNodes ?? [];
  const [own, others] = await Promise.all([
    operate(deps, command).catch((error: AdminError) => error),
    askOthers<Known>(deps, END, device),
  ]);
  const silent = others.filter(({ answer }) => answer === undefined).map(({ node }) => node);
  if (!(own instanceof Error)) return [...new Set([...(own.pendingNodes ?? []), ...silent])];
  const isKnown = silent.length > 0 || others.some(({ answer }) => answer?.known);
  if (own.code !== 'not_found' || !isKnown) throw own;
  return silent;
}

async function endHere(deps: AdminDeps, device: string): Promise<CallAnswer> {
  const result = await deps.operate({ kind: ToOwner.Terminate, device, isPart: true });
  const known: Known = { known: result.ok };
  return { status: 200, body: Buffer.from(JSON.stringify(known)) };
}

async function nodeOfSubscriber(deps: AdminDeps, subscriber: string): Promise<string | undefined> {
  const { cluster } = deps;
  const own = whoIs(deps, subscriber);
  if (own.connected) return cluster!.node;
  const known = await askOthers<Who>(deps, WHO, subscriber);
  const connected = known.find(({ answer }) => answer?.connected);
  if (connected !== undefined) return connected.node;
  if (own.subscriptions > 0) return cluster!.node;
  return known.find(({ answer }) => (answer?.subscriptions ?? 0) > 0)?.node;
}

/** @returns what each of the other nodes says to a call */
async function askOthers<Answer>(deps: AdminDeps, name: string, text: string): Promise<Said<Answer>[]> {
  const { cluster } = deps;
  const others = (await nodeNames(deps)).filter((node) => node !== cluster!.node);
  const body = Buffer.from(text);
  return Promise.all(
    others.map(async (node) => {
      const said = await cluster!.ask<'call'>({ ask: 'call', node, name, body }).catch(() => undefined);
      if (said?.status !== 200) return { node, answer: undefined };
      return { node, answer: JSON.parse(Buffer.from(said.body).toString('utf8')) as Answer };
    }),
  );
}

function whoIs({ presence }: AdminDeps, subscriber: string): Who {
  const slot = presence.findSubscriber(subscriber);
  const row = slot < 0 ? undefined : presence.subscriber(slot);
  if (row === undefined) return { connected: false, subscriptions: 0 };
  const { slots } = presence.subscriptionSlotsOfSubscriber(slot, 0, 1000);
  const subscriptions = slots.filter((pair) => {
    const status = presence.subscription(pair)?.status;
    return status === 'active' || status === 'inactive';
  }).length;
  return { connected: row.connected, subscriptions };
}

function sentOf(request: FastifyRequest): Sent {
  const { method, url, body, operator } = request;
  return {
    method,
    url,
    operator,
    body: request.bodyText || (body === undefined ? '' : JSON.stringify(body)),
  };
}
