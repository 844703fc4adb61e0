/**
 * Routes that concern a device or subscriber of another node run there: the request is sent on as it is, and answered
 * with what the other node answers. On main.
 */

import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { CallAnswer } from '../cluster/host.ts';
import { CLAIM_NUMBER_MAX } from '../cluster/limits.ts';
import { Numbering } from '../presence/columns.ts';
import type { SlotPage } from '../presence/table.ts';
import { type OperatorCommand, ToOwner } from '../records/commands.ts';
import { isId } from '../wire/id.ts';
import type { AdminApp } from './app.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import { operate } from './operate.ts';
import { turn } from './pages.ts';
import type {} from './request-types.ts';
import { id } from './schemas.ts';

/** Marks a request that comes from another node; nobody outside of this process knows its value. */
const HEADER = 'dat-node-call';
const SECRET = randomUUID();
/** Rows of a subscriber that are looked at in one go. */
const SCANNED_MAX = 1000;
const HTTP = 'http';
const WHO = 'who';
const KNOWN = 'known';
const END = 'end';
const KICK = 'kick';
const BAD_CALL: CallAnswer = { status: 400, body: Buffer.from('{}') };

/** A request on its way to another node; `body` as it was written. */
const sentCall = z.object({ method: z.string(), url: z.string(), body: z.string() });
type Sent = Readonly<z.infer<typeof sentCall>>;

interface Who {
  readonly connected: boolean;
  /** It has filters, or subscriptions that are more than an operator's word. */
  readonly kept: boolean;
}

/** Whether a node has a row for a device's id, or had one that has ended now. */
interface Known {
  readonly known: boolean;
}

/** The end of a subscriber on every node. */
const kickCall = z.object({ subscriber: id, number: z.number().int().min(0).max(CLAIM_NUMBER_MAX) });
type Kick = Readonly<z.infer<typeof kickCall>>;

/** What another node answers to a call. */
interface Said<Answer> {
  readonly node: string;
  /** undefined: it did not answer, or not with 200 and JSON. */
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

/** Runs what another node asks for. A call that makes no sense is answered with 400: nothing of it reaches the owner. */
export async function answerNode(
  app: AdminApp,
  deps: AdminDeps,
  name: string,
  body: Uint8Array,
): Promise<CallAnswer> {
  const text = Buffer.from(body).toString('utf8');
  if (name === HTTP) return inject(app, sentCall.safeParse(parsed(text)).data);
  if (name === KICK) {
    const { data: kick } = kickCall.safeParse(parsed(text));
    if (kick === undefined) return BAD_CALL;
    return endHere(deps, { ...kick, kind: ToOwner.Kick, forget: false, isPart: true });
  }
  if (name !== WHO && name !== KNOWN && name !== END) return { status: 404, body: Buffer.from('{}') };
  if (!isId(text)) return BAD_CALL;
  if (name === WHO) return answerOf(await whoIs(deps, text));
  if (name === KNOWN) return answerOf({ known: deps.presence.findDevice(text) >= 0 } satisfies Known);
  return endHere(deps, { kind: ToOwner.Terminate, device: text, isPart: true });
}

/** Runs a route for another node. */
async function inject(app: AdminApp, sent: Sent | undefined): Promise<CallAnswer> {
  if (sent === undefined) return BAD_CALL;
  const { method, url, body: payload } = sent;
  const isBody = payload !== '';
  const answer = await app.inject({
    method: method as 'GET',
    url,
    headers: { [HEADER]: SECRET, ...(isBody && { 'content-type': 'application/json' }) },
    ...(isBody && { payload }),
  });
  return { status: answer.statusCode, body: answer.rawPayload };
}

function answerOf(value: object): CallAnswer {
  return { status: 200, body: Buffer.from(JSON.stringify(value)) };
}

/** @returns undefined when the text is no JSON */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
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

/** A GET on another node; undefined when it does not answer with 200 and JSON. */
export async function getFrom(deps: AdminDeps, node: string, url: string): Promise<unknown> {
  return jsonOf(await callNode(deps, node, { method: 'GET', url, body: '' }));
}

/** What a call was answered with; undefined: not with 200 and JSON. */
export function jsonOf({ status, body }: CallAnswer): unknown {
  return status === 200 ? parsed(Buffer.from(body).toString('utf8')) : undefined;
}

/** What the route answers on each of the other nodes, those that answer with 200. */
export async function onOtherNodes(deps: AdminDeps, sent: Sent): Promise<unknown[]> {
  const said = await askOthers(deps, HTTP, JSON.stringify(sent));
  return said.map(({ answer }) => answer).filter((answer) => answer !== undefined);
}

/** Nodes that are alive, this one first. */
export async function nodeNames(deps: AdminDeps): Promise<readonly string[]> {
  return (await allNodes(deps)).alive;
}

/** `alive` as `nodeNames`; `lost` as in `NodesAnswer`. */
async function allNodes({ cluster }: AdminDeps): Promise<Record<'alive' | 'lost', readonly string[]>> {
  if (cluster === undefined) return { alive: [], lost: [] };
  try {
    const { alive, lost } = await cluster.ask<'nodes'>({ ask: 'nodes' });
    return { alive: alive.map(({ node }) => node), lost };
  } catch {
    return { alive: [cluster.node], lost: [] }; // the others can not be asked now
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
  return endEverywhere(deps, command, END, device);
}

/**
 * Kicks a subscriber. Where nobody says that it has it, every node ends what it has: one that stands still does so when it
 * wakes.
 * @returns nodes that may have something left
 */
export async function kick(deps: AdminDeps, subscriber: string, forget: boolean): Promise<readonly string[]> {
  const command = { kind: ToOwner.Kick, subscriber, forget } as const;
  const own = await whoIs(deps, subscriber);
  if (deps.cluster === undefined || own.connected || own.kept)
    return (await operate(deps, command)).pendingNodes ?? [];
  const number = await deps.cluster.ask<'ending'>({ ask: 'ending', subscriber }).catch((error: Error) => {
    throw new AdminError('unavailable', error.message);
  });
  return endEverywhere(
    deps,
    { ...command, number },
    KICK,
    JSON.stringify({ subscriber, number } satisfies Kick),
  );
}

/** @param name of the call that has the other nodes do their part, and what it is given @returns nodes that may have something left */
async function endEverywhere(
  deps: AdminDeps,
  command: OperatorCommand,
  name: string,
  text: string,
): Promise<readonly string[]> {
  const [own, others, { lost }] = await Promise.all([
    operate(deps, command).catch((error: AdminError) => error),
    askOthers<Known>(deps, name, text),
    allNodes(deps),
  ]);
  const unheard = others.filter(({ answer }) => answer === undefined).map(({ node }) => node);
  const silent = new Set([...unheard, ...lost]);
  if (!(own instanceof Error)) return [...new Set([...(own.pendingNodes ?? []), ...silent])];
  const isKnown = silent.size > 0 || others.some(({ answer }) => answer?.known);
  if (own.code !== 'not_found' || !isKnown) throw own;
  return [...silent];
}

async function endHere(deps: AdminDeps, part: OperatorCommand): Promise<CallAnswer> {
  return answerOf({ known: (await deps.operate(part)).ok } satisfies Known);
}

async function nodeOfSubscriber(deps: AdminDeps, subscriber: string): Promise<string | undefined> {
  const { cluster } = deps;
  const own = await whoIs(deps, subscriber);
  if (own.connected) return cluster!.node;
  const known = await askOthers<Who>(deps, WHO, subscriber);
  const connected = known.find(({ answer }) => answer?.connected);
  if (connected !== undefined) return connected.node;
  if (own.kept) return cluster!.node;
  return known.find(({ answer }) => answer?.kept)?.node;
}

/** @returns what each of the other nodes says to a call */
async function askOthers<Answer>(deps: AdminDeps, name: string, text: string): Promise<Said<Answer>[]> {
  const { cluster } = deps;
  const others = (await nodeNames(deps)).filter((node) => node !== cluster!.node);
  const body = Buffer.from(text);
  return Promise.all(
    others.map(async (node) => {
      const said = await cluster!.ask<'call'>({ ask: 'call', node, name, body }).catch(() => undefined);
      return { node, answer: said && (jsonOf(said) as Answer | undefined) };
    }),
  );
}

async function whoIs({ presence }: AdminDeps, subscriber: string): Promise<Who> {
  const slot = presence.findSubscriber(subscriber);
  const row = slot < 0 ? undefined : presence.subscriber(slot);
  if (row === undefined || row.connected) return { connected: row !== undefined, kept: false };
  const isSubscribed = (pair: number): boolean => {
    const status = presence.subscription(pair)?.status;
    return status === 'active' || status === 'inactive';
  };
  const isKept =
    (await some(
      (from) => presence.filterSlotsOfSubscriber(slot, from, 1),
      () => true,
    )) ||
    (await some((from) => presence.subscriptionSlotsOfSubscriber(slot, from, SCANNED_MAX), isSubscribed));
  return { connected: false, kept: isKept };
}

/** Whether a slot passes; looks in short parts, between which the thread turns to its connections. */
async function some(scan: (from: number) => SlotPage, passes: (slot: number) => boolean): Promise<boolean> {
  for (let from: number | undefined = 0; from !== undefined; ) {
    const page: SlotPage = scan(from);
    if (page.slots.some(passes)) return true;
    from = page.next;
    if (from !== undefined) await turn();
  }
  return false;
}

function sentOf(request: FastifyRequest): Sent {
  const { method, url, body } = request;
  return { method, url, body: request.bodyText || (body === undefined ? '' : JSON.stringify(body)) };
}
