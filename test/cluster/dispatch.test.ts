import { describe, expect, it } from 'vitest';
import { createDispatch, type DispatchDeps } from '../../src/cluster/dispatch.ts';
import { createLinkCounts } from '../../src/cluster/figures.ts';
import { LIST_IDS_MAX } from '../../src/cluster/limits.ts';
import type { Peer } from '../../src/cluster/peer.ts';
import { listed } from '../../src/cluster/records.ts';
import { viewsOf } from '../../src/cluster/wire.ts';

/** Takes a page of so many ids. @returns how many the part for it was given; undefined: none, and it was counted */
function takePage(count: number): number | undefined {
  let views = viewsOf(0);
  let length = 0;
  const sink = {
    get views() {
      return views;
    },
    claim(_kind: number, bytes: number): number {
      views = viewsOf(bytes);
      length = bytes;
      return 0;
    },
  };
  listed.write(sink, { request: 1, cursor: '', ids: Array.from({ length: count }, (_, n) => `dev-${n}`) });
  let taken: number | undefined;
  const figures = createLinkCounts();
  const deps = {
    figures,
    homes: { claims: {} },
    follows: {},
    followers: {},
    asks: {},
    filters: {
      onListed: (_peer: Peer, _request: number, _cursor: string, ids: readonly string[]) => {
        taken = ids.length;
      },
    },
    histories: {},
    calls: {},
    confirms: {},
  } as unknown as DispatchDeps;
  createDispatch(deps)({} as Peer, listed.kind, views, 0, length);
  expect(figures.undecodable).toBe(taken === undefined ? 1 : 0);
  return taken;
}

describe('A page of ids that another node lists', () => {
  it('is taken up to the size that a node makes it, so that it fits the way to the owner', () => {
    expect(takePage(LIST_IDS_MAX)).toBe(LIST_IDS_MAX);
    expect(takePage(LIST_IDS_MAX + 1)).toBeUndefined();
  });
});
