/**
 * Listings over all nodes: one node after the other, in the order of their names, until a page is full; the cursor names
 * the node.
 */
import { isId } from '../wire/id.ts';
import type { AdminDeps } from './deps.ts';
import { AdminError } from './errors.ts';
import { callNode, jsonOf, nodeNames } from './node-calls.ts';
import { decodeCursor } from './pages.ts';

const NOT_FOUND = 404;
const MARK = 'n';
const SEPARATOR = '.';

/** Where a listing goes on. */
interface NodeCursor {
  readonly node: string;
  /** Of the node's own listing; undefined: at its first page. */
  readonly inner: string | undefined;
}

/** Whether the cursor was given out with a list over all nodes. */
export function isNodeCursor(text: string): boolean {
  return decode(text) !== undefined;
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly cursor: string | null;
}

export interface NodePages<Item> {
  /** A page of this node. */
  own(cursor: string | undefined, limit: number): Promise<Page<Item>>;
  /** The same of another, as its route answers it. */
  url(cursor: string | undefined, limit: number): string;
  items(answer: unknown): readonly Item[];
}

/** What is found of the nodes that were asked. */
interface NodesPage<Item> extends Page<Item> {
  /** Nodes whose items are not among these: they did not answer. */
  readonly missingNodes: readonly string[];
}

/** What an answer says of nodes that it lacks. */
export function missing(nodes: readonly string[]): { readonly missingNodes?: string[] } {
  return nodes.length === 0 ? {} : { missingNodes: [...nodes] };
}

/** Nodes that one request asks at most: each may take as long as a call may. */
const NODES_PER_PAGE = 16;

/**
 * A page of as many nodes as fill it, which may be short and not be the last.
 * @param cursor of the page before @param limit items
 */
export async function pageOverNodes<Item>(
  deps: AdminDeps,
  { cursor, limit }: { readonly cursor?: string | undefined; readonly limit: number },
  pages: NodePages<Item>,
): Promise<NodesPage<Item>> {
  const at = cursor === undefined ? undefined : decode(cursor);
  if (cursor !== undefined && at === undefined)
    throw new AdminError('bad_request', 'the cursor belongs to a list of one node');
  const nodes = [...(await nodeNames(deps))].sort();
  const from = at?.node ?? '';
  // One that has left since is passed over.
  const left = nodes.filter((node) => node >= from);
  const items: Item[] = [];
  const missingNodes: string[] = [];
  const upTo = (next: NodeCursor | undefined): NodesPage<Item> => ({
    items,
    missingNodes,
    cursor: next === undefined ? null : encode(next),
  });
  for (const node of left.slice(0, NODES_PER_PAGE)) {
    if (items.length >= limit) return upTo({ node, inner: undefined });
    const inner = node === at?.node ? at.inner : undefined;
    const page = await pageOf(deps, node, pages, { inner, limit: limit - items.length });
    if (page === undefined) missingNodes.push(node);
    items.push(...(page?.items ?? []));
    if (page !== undefined && page.cursor !== null) return upTo({ node, inner: page.cursor });
  }
  const next = left[NODES_PER_PAGE];
  return upTo(next === undefined ? undefined : { node: next, inner: undefined });
}

/** @returns undefined when the node does not answer */
async function pageOf<Item>(
  deps: AdminDeps,
  node: string,
  pages: NodePages<Item>,
  { inner, limit }: { readonly inner: string | undefined; readonly limit: number },
): Promise<Page<Item> | undefined> {
  if (node === deps.cluster!.node) return pages.own(inner, limit);
  const url = pages.url(inner, limit);
  const said = await callNode(deps, node, { method: 'GET', url, body: '' });
  if (said.status === NOT_FOUND) return { items: [], cursor: null }; // it has nothing of what the list is of
  const answer = jsonOf(said) as { readonly cursor: string | null } | null | undefined;
  return answer ? { items: pages.items(answer), cursor: answer.cursor } : undefined;
}

function encode({ node, inner = '' }: NodeCursor): string {
  return [MARK, Buffer.from(node).toString('base64url'), inner].join(SEPARATOR);
}

/** @returns undefined when no page over all nodes ended with this cursor */
function decode(text: string): NodeCursor | undefined {
  const [, name = '', inner = ''] = text.split(SEPARATOR);
  if (inner !== '' && decodeCursor(inner) < 0) return undefined;
  const at = {
    node: Buffer.from(name, 'base64url').toString('utf8'),
    inner: inner === '' ? undefined : inner,
  };
  return isId(at.node) && encode(at) === text ? at : undefined; // one spelling per place
}
