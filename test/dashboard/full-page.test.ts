import { describe, expect, it } from 'vitest';
import { fullPage } from '../../dashboard/src/full-page.ts';

const { signal } = new AbortController();

/** Asks for a page of the hub's: each answers at most `most` of the numbers from the cursor on. */
async function read(cursor: string, most: (from: number) => number) {
  const asked: string[] = [];
  const page = await fullPage({ limit: 5, cursor, signal }, async (limit, from) => {
    asked.push(`${limit} from ${from}`);
    const start = Number(from);
    const count = Math.min(limit, most(start));
    const entries = Array.from({ length: count }, (_, n) => start + n);
    const next = start + Math.max(1, count);
    return { entries, cursor: next < 12 ? String(next) : null };
  });
  return { ...page, asked };
}

describe('a page of a list', () => {
  it('is filled from short pages of the hub, up to its end', async () => {
    expect(await read('0', () => 3)).toEqual({
      entries: [0, 1, 2, 3, 4],
      cursor: '5',
      asked: ['5 from 0', '2 from 3'],
    });
    expect(await read('10', () => 1)).toEqual({
      entries: [10, 11],
      cursor: null,
      asked: ['5 from 10', '4 from 11'],
    });
  });

  it('is asked for once where the hub fills it', async () => {
    expect(await read('', () => 5)).toMatchObject({ entries: [0, 1, 2, 3, 4], asked: ['5 from '] });
  });

  it('is what was found after 20 requests', async () => {
    const { entries, cursor, asked } = await read('-30', (from) => (from === -20 ? 1 : 0));
    expect({ entries, cursor, asked: asked.length }).toEqual({ entries: [-20], cursor: '-10', asked: 20 });
  });
});
