import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary.ts';
import { fakeHub, refusal } from './fake-hub.ts';

/** A built dashboard of three files, and one that is none of it. */
function builtDashboard(): string {
  const folder = temporaryDirectory();
  mkdirSync(join(folder, 'assets'));
  writeFileSync(join(folder, 'index.html'), '<!doctype html>');
  writeFileSync(join(folder, 'assets/index-abc.js'), 'export {};');
  writeFileSync(join(folder, 'assets/index-abc.css'), 'p{}');
  writeFileSync(join(folder, 'notes.txt'), 'not for readers');
  return folder;
}

describe('the files of the dashboard', () => {
  it('are served without a token, which the figures need', async () => {
    const hub = await fakeHub({ options: { dashboard: builtDashboard(), adminToken: 'secret' } });
    const { status, headers, body } = await hub.ask('GET', '/');
    expect([status, body]).toEqual([200, '<!doctype html>']);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect((await hub.ask('GET', '/assets/index-abc.js')).headers.get('content-type')).toContain(
      'javascript',
    );
    expect((await hub.ask('GET', '/assets/index-abc.css')).status).toBe(200);
    expect((await hub.ask('GET', '/v1/stats')).status).toBe(401);
    expect((await hub.ask('GET', '/v1/live')).status).toBe(401);
  });

  it('may run and load nothing but themselves, and nowhere in a frame', async () => {
    const hub = await fakeHub({ options: { dashboard: builtDashboard() } });
    const { headers } = await hub.ask('GET', '/');
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('are kept by browsers where their name tells their content, and asked for again where not', async () => {
    const hub = await fakeHub({ options: { dashboard: builtDashboard() } });
    expect((await hub.ask('GET', '/')).headers.get('cache-control')).toBe('no-cache');
    expect((await hub.ask('GET', '/assets/index-abc.js')).headers.get('cache-control')).toContain(
      'immutable',
    );
  });

  it('are those of the build and no others', async () => {
    const hub = await fakeHub({ options: { dashboard: builtDashboard() } });
    for (const path of [
      '/notes.txt',
      '/assets/',
      '/assets/../notes.txt',
      '/..%2fpackage.json',
      '/index.html',
    ]) {
      refusal(404, 'not_found', /no route/)(await hub.ask('GET', path));
    }
  });

  it('may be missing: then there is only the API', async () => {
    const hub = await fakeHub({ options: { dashboard: join(builtDashboard(), 'none') } });
    refusal(404, 'not_found', /no route GET \//)(await hub.ask('GET', '/'));
    expect((await hub.ask('GET', '/v1/stats')).status).toBe(200);
  });
});
