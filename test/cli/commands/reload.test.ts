import { describe, expect, it } from 'vitest';
import { fakeAdmin } from '../fake-hub.ts';
import { dat, jsonLines } from '../run.ts';

describe('dat reload', () => {
  it('says what changed, and what needs a restart', async () => {
    const answer = { changed: ['deviceRate', 'logLevel'], needRestart: ['maxDevices'] };
    const { flag } = await fakeAdmin({ 'POST /v1/reload': () => answer });
    expect(await dat(['reload', ...flag])).toMatchObject({
      code: 0,
      stdout: 'changed: deviceRate, logLevel\nchanged, but needs a restart: maxDevices\n',
    });
    expect(jsonLines((await dat(['reload', '--json', ...flag])).stdout)).toEqual([answer]);
    const none = await fakeAdmin({ 'POST /v1/reload': () => ({ changed: [], needRestart: [] }) });
    expect((await dat(['reload', ...none.flag])).stdout).toBe('no setting has changed\n');
  });

  it('says what is wrong, and fails', async () => {
    const error = { code: 'bad_request', message: 'file dat.json, key deviceRate is "x"' };
    const { flag } = await fakeAdmin({ 'POST /v1/reload': () => ({ error }) });
    expect(await dat(['reload', ...flag])).toMatchObject({ code: 1, stderr: `dat: ${error.message}\n` });
  });
});
