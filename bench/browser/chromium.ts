/** Debian's Chromium with a page that counts what a subscriber gets, and what all of its processes take. */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { chromium, type Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import { chromiumOptions } from '../../fixtures/chromium.ts';
import { bindServer } from '../../src/transport/node-listen.ts';
import { cpuUse } from '../load/server-usage.ts';

const CLIENT = fileURLToPath(new URL('../../src/client/index.js', import.meta.url));
const HTML = `<!doctype html><title>bench</title><script type="module">
  import { connectSubscriber } from './client.js';
  window.count = 0;
  window.follow = async (options, devices) => {
    const subscriber = connectSubscriber(options);
    subscriber.on('event', () => { window.count += 1; });
    await subscriber.subscribe(devices);
  };
</script>`;

export interface BrowserBench {
  readonly origin: string;
  /** A page of its own. @param options of `connectSubscriber` */
  follow(options: object, devices: readonly string[]): Promise<Page>;
  /** Events that the page's subscriber has had. */
  countOf(page: Page): Promise<number>;
  /** CPU time of all its processes, µs. */
  cpuUs(): number;
  close(): Promise<void>;
}

export async function openBrowser(): Promise<BrowserBench> {
  const bundle = await rolldown({ input: CLIENT, platform: 'browser' });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  await bundle.close();
  const bodies: Readonly<Record<string, readonly [type: string, body: string]>> = {
    '/': ['text/html', HTML],
    '/client.js': ['text/javascript', output[0].code],
  };
  const server = createServer(({ url = '/' }, response) => {
    const found = bodies[url];
    if (found === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': found[0] }).end(found[1]);
  });
  const origin = `http://127.0.0.1:${await bindServer(server, '127.0.0.1', 0)}`;
  const launched = await chromium.launchServer(chromiumOptions);
  const browser = await chromium.connect(launched.wsEndpoint());
  return {
    origin,
    async follow(options, devices) {
      const page = await browser.newPage();
      await page.goto(origin);
      await page.waitForFunction('window.follow !== undefined');
      await page.evaluate(`window.follow(${JSON.stringify(options)}, ${JSON.stringify(devices)})`);
      return page;
    },
    countOf: (page) => page.evaluate<number>('window.count'),
    cpuUs: () => cpuUse(processTree(launched.process().pid!)).totalUs,
    async close() {
      await launched.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The process and all that it has started. */
function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/status`, 'latin1'))?.[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It has ended since.
    }
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}
