/** Asks other nodes: a route with a request as it came, or one of the few calls that nodes have for each other. On main. */
import { randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { CallAnswer } from '../cluster/host.ts';
import { CLAIM_NUMBER_MAX } from '../cluster/limits.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import type {} from './request-types.ts';
import { id } from './schemas.ts';

/** Marks a request that comes from another node; nobody outside of this process knows its value. */
const HEADER = 'dat-node-call';
const SECRET = randomUUID();

/** Go with a request that this process makes for another node. */
export const NODE_CALL_HEADERS: Readonly<Record<string, string>> = { [HEADER]: SECRET };

/** What a node can be asked for. */
export const NodeCall = {
  /** A route: a `Sent`. */
  http: 'http',
  /** `Who` a subscriber is: its id. */
  who: 'who',
  /** Whether it is `Known`: a device's id. */
  known: 'known',
  /** To end what it has of a device: its id. */
  end: 'end',
  /** To end what it has of a subscriber: a `Kick`. */
  kick: 'kick',
} as const;
export type NodeCall = (typeof NodeCall)[keyof typeof NodeCall];

/** A request on its way to another node; `body` as it was written. */
export const sentCall = z.object({ method: z.string(), url: z.string(), body: z.string() });
export type Sent = Readonly<z.infer<typeof sentCall>>;

/** What a node has of a subscriber. */
export interface Who {
  readonly connected: boolean;
  /** It has filters, or subscriptions that are more than an operator's word. */
  readonly kept: boolean;
}

/** Whether a node has a row for a device's id, or had one that has ended now. */
export interface Known {
  readonly known: boolean;
}

/** The end of a subscriber on every node. */
export const kickCall = z.object({ subscriber: id, number: z.number().int().min(0).max(CLAIM_NUMBER_MAX) });
export type Kick = Readonly<z.infer<typeof kickCall>>;

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

/** @throws AdminError unavailable when the node does not answer */
export async function callNode({ cluster }: AdminDeps, node: string, sent: Sent): Promise<CallAnswer> {
  try {
    const body = Buffer.from(JSON.stringify(sent));
    return await cluster!.ask<'call'>({ ask: 'call', node, name: NodeCall.http, body });
  } catch (error) {
    throw new AdminError('unavailable', `node "${node}" does not answer: ${(error as Error).message}`);
  }
}

/** A GET on another node; undefined when it does not answer with 200 and JSON. */
export async function getFrom(deps: AdminDeps, node: string, url: string): Promise<unknown> {
  return jsonOf(await callNode(deps, node, { method: 'GET', url, body: '' }));
}

/** What the route answers on each of the other nodes, those that answer with 200. */
export async function onOtherNodes(deps: AdminDeps, sent: Sent): Promise<unknown[]> {
  const said = await askOthers(deps, NodeCall.http, JSON.stringify(sent));
  return said.map(({ answer }) => answer).filter((answer) => answer !== undefined);
}

/** What each of the other nodes says to a call. */
export async function askOthers<Answer>(
  deps: AdminDeps,
  name: NodeCall,
  text: string,
): Promise<Said<Answer>[]> {
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

/** Nodes that are alive, this one first. */
export async function nodeNames(deps: AdminDeps): Promise<readonly string[]> {
  return (await allNodes(deps)).alive;
}

/** `alive` as `nodeNames`; `lost` as in `NodesAnswer`. */
export async function allNodes({ cluster }: AdminDeps): Promise<Record<'alive' | 'lost', readonly string[]>> {
  if (cluster === undefined) return { alive: [], lost: [] };
  try {
    const { alive, lost } = await cluster.ask<'nodes'>({ ask: 'nodes' });
    return { alive: alive.map(({ node }) => node), lost };
  } catch {
    return { alive: [cluster.node], lost: [] }; // the others can not be asked now
  }
}

/** What a call was answered with; undefined: not with 200 and JSON. */
export function jsonOf({ status, body }: CallAnswer): unknown {
  return status === 200 ? parseJson(Buffer.from(body).toString('utf8')) : undefined;
}

/** undefined: the text is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The request as it goes to another node. */
export function sentOf(request: FastifyRequest): Sent {
  const { method, url, body } = request;
  return { method, url, body: request.bodyText || (body === undefined ? '' : JSON.stringify(body)) };
}
