/** The hooks in Chromium, with React as a page has it: bundled by Vite from the package's name. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasChromium, useChromium } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { usePageServer } from '../support/page-server.ts';
import { bundle } from './bundle.ts';
import { FakeHub } from './fake-hub/hub.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What the page has on its window; types only, these run in the page. */
declare const window: {
  renders: Record<string, number>;
  connections: readonly string[];
  start?: (url: string, options?: object) => void;
  show?: (shown: { readonly ones: readonly string[]; readonly filters: readonly string[] }) => void;
  orphan(): Promise<string>;
  subscriber: { readonly state: ReadonlyMap<string, unknown> };
};

/** What a page said, but for the advice that React gives in development, where it also mounts everything twice. */
const complaintsOf = (said: readonly string[]): readonly string[] =>
  said.filter((line) => !line.includes('React DevTools'));

const html =
  '<!doctype html><title>react</title><div id="root"></div><script type="module" src="page.js"></script>';

it('the hooks are under 1 KiB minified and compressed, and need React only', () => {
  const code = readFileSync(join(ROOT, 'clients/js/dist/react.min.js'), 'utf8');
  expect(gzipSync(code, { level: 9 }).length).toBeLessThan(1024);
  expect([...code.matchAll(/from\s*[`'"]([^`'"]+)/g)].map(([, name]) => name)).toEqual(['react']);
});

describe.skipIf(!hasChromium)('the hooks in Chromium', () => {
  const pages: Record<string, string> = { '/hooks/index.html': html, '/example/index.html': html };
  const server = usePageServer(pages);
  const chromium = useChromium();
  beforeAll(async () => {
    pages['/hooks/page.js'] = await bundle('test/client/pages/hooks.jsx');
    pages['/example/page.js'] = await bundle('examples/react-page/main.jsx');
  });

  async function hooksPage(hub: FakeHub, options?: object) {
    const { page, said } = await chromium.page();
    await page.goto(`${server.origin()}/hooks/index.html`);
    await page.waitForFunction(() => window.start !== undefined);
    const url = `ws://127.0.0.1:${hub.port}`;
    await page.evaluate(({ url, options }) => window.start?.(url, options), { url, options });
    await shows(page, 'connection', 'connected');
    return { page, said };
  }

  const show = (page: Page, ones: readonly string[], filters: readonly string[] = []): Promise<void> =>
    page.evaluate((shown) => window.show?.(shown), { ones, filters });

  const shows = (page: Page, id: string, text: string): Promise<unknown> =>
    page.waitForFunction(
      ({ id, text }) =>
        (
          globalThis as unknown as {
            document: { getElementById(id: string): { textContent: string } | null };
          }
        ).document.getElementById(id)?.textContent === text,
      { id, text },
    );

  const asked = (hub: FakeHub) => hub.frames.all.map(({ op, devices }) => [op, devices]);

  it('useDevice shows a device from its last message on', async () => {
    const hub = await FakeHub.start();
    hub.publish('dev-1', { data: { t: 1 } });
    const { page, said } = await hooksPage(hub);
    await show(page, ['dev-1', 'dev-2', 'dev-1']);
    await shows(page, 'one-dev-1', 'online {"t":1}');
    await shows(page, 'one-dev-2', 'offline undefined');
    hub.publish('dev-1', { data: { t: 2 } });
    await shows(page, 'one-dev-1', 'online {"t":2}');
    expect(asked(hub), 'once for all that came together, strict mode or not').toEqual([
      ['subscribe', ['dev-1', 'dev-2']],
    ]);
    expect(complaintsOf(said)).toEqual([]);
  });

  it('a device is given up with its last component, but for what the application follows', async () => {
    const hub = await FakeHub.start();
    const { page } = await hooksPage(hub, { devices: ['of-the-app'] });
    await show(page, ['dev-1', 'dev-1', 'of-the-app']);
    await shows(page, 'one-dev-1', 'offline undefined');
    await show(page, ['dev-1']);
    await show(page, []);
    await hub.frames.next(({ op }) => op === 'unsubscribe');
    expect(asked(hub).slice(1)).toEqual([
      ['subscribe', ['dev-1']],
      ['unsubscribe', ['dev-1']],
    ]);
    await show(page, ['dev-1']);
    await hub.frames.next(({ op, devices }) => op === 'subscribe' && devices?.[0] === 'dev-1');
  });

  it('useDevices shows what a filter matches, and renders for nothing else', async () => {
    const hub = await FakeHub.start();
    for (const id of ['a.1', 'a.2', 'b.1']) hub.publish(id, { data: 1 });
    const { page, said } = await hooksPage(hub);
    await show(page, ['b.1'], ['a.*']);
    await shows(page, 'many', 'a.1=1 a.2=1');
    await shows(page, 'one-b.1', 'online 1');
    const before = await page.evaluate(() => window.renders['a.*']);
    hub.publish('b.1', { data: 2 });
    await shows(page, 'one-b.1', 'online 2');
    expect(await page.evaluate(() => window.renders['a.*'])).toBe(before);
    hub.publish('a.3', { data: 3 });
    await shows(page, 'many', 'a.1=1 a.2=1 a.3=3');
    hub.remove('a.1');
    await shows(page, 'many', 'a.2=1 a.3=3');
    expect(complaintsOf(said)).toEqual([]);
  });

  it('useConnection shows that the connection is lost and back, and devices stay', async () => {
    const hub = await FakeHub.start();
    hub.publish('a.1', { data: 1 });
    const { page } = await hooksPage(hub);
    await show(page, [], ['*']);
    await shows(page, 'many', 'a.1=1');
    hub.follower('page').outbox.cut();
    await page.waitForFunction(() => window.connections.includes('waiting'));
    hub.publish('a.1', { data: 2 });
    await shows(page, 'connection', 'connected');
    await shows(page, 'many', 'a.1=2');
  });

  it('a hook outside of a context says what is missing', async () => {
    const hub = await FakeHub.start();
    const { page } = await hooksPage(hub);
    expect(await page.evaluate(() => window.orphan())).toContain('SubscriberContext');
  });

  it('the example shows a fleet, and the device that is chosen', async () => {
    const hub = await FakeHub.start();
    for (const n of [1, 2]) hub.publish(`site-a.${n}`, { data: { t: n } });
    const { page, said } = await chromium.page();
    const query = `hub=ws://127.0.0.1:${hub.port}&filter=site-a.*`;
    await page.goto(`${server.origin()}/example/index.html?${query}`);
    const text = async (selector: string): Promise<string> => (await page.textContent(selector)) ?? '';
    await eventually('both devices', async () => (await text('tbody')).includes('site-a.2online{"t":2}'));
    await page.click('button');
    await eventually('the chosen one', async () => /site-a\.1.*online.*event 2/.test(await text('#details')));
    hub.publish('site-a.1', { data: { t: 9 } });
    await eventually('its next event', async () => (await text('#details')).endsWith('event 3'));
    expect(await text('#connection')).toBe('connected');
    expect(complaintsOf(said)).toEqual([]);
  });
});
