import { describe, expect, it } from 'vitest';
import { fakeAdmin } from '../fake-hub.ts';
import { dat } from '../run.ts';

describe('dat kick', () => {
  it('leaves what operators set, unless it is told to forget that too', async () => {
    const { flag, requests } = await fakeAdmin({
      'DELETE /v1/subscribers/app-1': () => ({ subscriber: 'app-1', removed: 2 }),
    });
    expect(await dat(['kick', 'app-1', ...flag])).toMatchObject({ code: 0, stdout: 'app-1: kicked\n' });
    expect(await dat(['kick', 'app-1', '--forget', ...flag])).toMatchObject({ code: 0 });
    expect(requests.map(({ query }) => query.get('forget'))).toEqual([null, 'true']);
  });
});
