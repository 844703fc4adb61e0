import { describe, expect, it } from 'vitest';
import { DEVICES_PER_PAGE } from '../../src/limits.ts';
import type { EdgeLink } from '../../src/owner/edge-link.ts';
import { GoneDevices } from '../../src/owner/gone-devices.ts';
import { Notice, readEntries } from '../../src/records/replies.ts';

const [ONE, OTHER] = [64, 128];

function setUp() {
  const told: (readonly [session: number, ids: readonly string[]])[] = [];
  const link = {
    notice(session: number, notice: Notice, entries: Uint8Array, more: boolean) {
      expect([notice, more]).toEqual([Notice.gone, false]);
      told.push([session, readEntries(entries.slice()).map(({ device }) => device)]);
    },
  } as unknown as EdgeLink;
  return { gone: new GoneDevices({ link: () => link }), told };
}

describe('devices that are gone', () => {
  it('are told of to each session once, together and in order', () => {
    const { gone, told } = setUp();
    gone.add(ONE, 'dev-1');
    gone.add(OTHER, 'dev-1');
    gone.add(ONE, 'dev-2');
    expect([gone.size, gone.tell()]).toEqual([2, 2]);
    expect(told).toEqual([
      [ONE, ['dev-1', 'dev-2']],
      [OTHER, ['dev-1']],
    ]);
    expect([gone.size, gone.tell()]).toEqual([0, 0]);
    expect(told).toHaveLength(2);
  });

  it('are not told to a session that is over', () => {
    const { gone, told } = setUp();
    gone.add(ONE, 'dev-1');
    gone.add(OTHER, 'dev-1');
    gone.forget(ONE);
    expect(gone.tell()).toBe(1);
    expect(told).toEqual([[OTHER, ['dev-1']]]);
  });

  it.each([
    [DEVICES_PER_PAGE, [DEVICES_PER_PAGE]],
    [DEVICES_PER_PAGE + 1, [DEVICES_PER_PAGE, 1]],
    [2 * DEVICES_PER_PAGE, [DEVICES_PER_PAGE, DEVICES_PER_PAGE]],
  ])('are told a page at a time: %i', (count, pages) => {
    const { gone, told } = setUp();
    const ids = Array.from({ length: count }, (_, n) => `dev-${n}`);
    for (const id of ids) gone.add(ONE, id);
    gone.tell();
    expect(told.map(([, page]) => page.length)).toEqual(pages);
    expect(told.flatMap(([, page]) => page)).toEqual(ids);
  });
});
