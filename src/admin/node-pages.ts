/** Listings over all nodes: one node after the other, in the order of their names; the cursor names the node. */
import type { AdminDeps } from './deps.ts';
import { getFrom, nodeNames } from './nodes.ts';

const MARK = 'n';
const SEPARATOR = '.';

/** Where a listing goes on. */
interface NodeCursor {
  readonly node: string;
  /** Of the node's own listing; undefined: at its first page. */
  readonly inner: string | undefined;
}

export function isNodeCursor(text: string): boolean {
  return decode(text) !== undefined;
}

export interface NodePages<Item> {
  /** A page of this node. */
  own(cursor: string | undefined): Promise<{ items: readonly Item[]; cursor: string | null }>;
  /** The same of another, as its route answers it. */
  url(cursor: string | undefined): string;
  items(answer: unknown): readonly Item[];
}

/** A page of one node, which may be short or empty and not be the last. */
export async function pageOverNodes<Item>(
  deps: AdminDeps,
  cursor: string | undefined,
  pages: NodePages<Item>,
): Promise<{ items: readonly Item[]; cursor: string | null }> {
  const nodes = (await nodeNames(deps)).sort();
  const at = cursor === undefined ? undefined : decode(cursor);
  const from = at?.node ?? '';
  // One that has left since is passed over.
  const index = nodes.findIndex((node) => node >= from);
  const node = nodes[index];
  if (node === undefined) return { items: [], cursor: null };
  const inner = node === at?.node ? at.inner : undefined;
  const page = node === deps.cluster!.node ? await pages.own(inner) : await pageOf(deps, node, pages, inner);
  const following = nodes[index + 1];
  if (page.cursor !== null) return { items: page.items, cursor: encode({ node, inner: page.cursor }) };
  return {
    items: page.items,
    cursor: following === undefined ? null : encode({ node: following, inner: undefined }),
  };
}

async function pageOf<Item>(
  deps: AdminDeps,
  node: string,
  pages: NodePages<Item>,
  inner: string | undefined,
): Promise<{ items: readonly Item[]; cursor: string | null }> {
  const answer = await getFrom(deps, node, pages.url(inner));
  if (answer === undefined) return { items: [], cursor: null };
  return { items: pages.items(answer), cursor: (answer as { readonly cursor: string | null }).cursor };
}

function encode({ node, inner = '' }: NodeCursor): string {
  return [MARK, Buffer.from(node).toString('base64url'), inner].join(SEPARATOR);
}

function decode(text: string): NodeCursor | undefined {
  const [mark, name = '', inner = '', ...rest] = text.split(SEPARATOR);
  if (mark !== MARK || name === '' || rest.length > 0) return undefined;
  return { node: Buffer.from(name, 'base64url').toString('utf8'), inner: inner === '' ? undefined : inner };
}
