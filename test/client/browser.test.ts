/** The built client in Chromium, in a page that is served on loopback. */
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { calm, numbersFrom, TestHub, uniqueId } from '../conformance/harness.ts';
import { hasChromium, useChromium } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { type HubProcess, startHub } from '../support/hub-process.ts';
import { usePageServer } from '../support/page-server.ts';
import { Device } from '../support/peers.ts';
import { bundle } from './bundle.ts';

/** Ways for a page to have the client: as it is, as one file, through a bundler. */
const modules = {
  'module by module': '/dist/src/client/index.js',
  'in one file': '/clients/js/dist/index.min.js',
  'bundled by Vite': '/vite.js',
};

/** Shows the client to `evaluate`; whatever a test needs of it stands on `window`. */
const htmlOf = (module: string): string => `<!doctype html><title>client</title><script type="module">
  import * as client from '${module}';
  window.client = client;
</script>`;

/** What the page has on its window; types only, these run in the page. */
interface PageWindow {
  client: typeof import('../../clients/js/src/index.ts');
  subscriber: import('../../clients/js/src/index.ts').Subscriber;
  device: import('../../clients/js/src/index.ts').Device;
  events: { readonly type: string; readonly data?: unknown }[];
  states: string[];
  urls: string[];
}
declare const window: PageWindow;

describe.skipIf(!hasChromium)('the client in Chromium', () => {
  const pages: Record<string, string> = { '/client.html': htmlOf(modules['in one file']) };
  const server = usePageServer(pages);
  const chromium = useChromium();
  let hub: TestHub;
  beforeAll(async () => {
    hub = new TestHub({ ...calm, DAT_ALLOWED_ORIGINS: server.origin() });
    await hub.start();
    return () => hub.end();
  });

  /** A page with a subscriber to `device`, which notes what it gets. */
  async function subscriberPage(device: string, options: object = {}) {
    const { page, said } = await chromium.page();
    await page.goto(`${server.origin()}/client.html`);
    await page.waitForFunction(() => window.client !== undefined);
    const url = `ws://127.0.0.1:${hub.process.subscriberPort}`;
    await page.evaluate(
      async ({ url, device, options }) => {
        window.events = [];
        window.states = [];
        window.urls = [];
        const recording = class extends WebSocket {
          constructor(url: string, protocols?: string[]) {
            super(url, protocols);
            window.urls.push(url);
          }
        };
        window.subscriber = window.client.connectSubscriber({ url, WebSocket: recording, ...options });
        window.subscriber.on('event', (event) => window.events.push(event));
        window.subscriber.on('state', ({ state }) => window.states.push(state));
        await window.subscriber.subscribe([device]);
      },
      { url, device, options },
    );
    return { page, said };
  }

  it.each(Object.entries(modules))('is there %s', async (_how, module) => {
    pages['/vite.js'] ??= await bundle('test/client/pages/vite.js');
    pages['/way.html'] = htmlOf(module);
    const { page, said } = await chromium.page();
    await page.goto(`${server.origin()}/way.html`);
    await page.waitForFunction(() => window.client !== undefined);
    const url = `ws://127.0.0.1:${hub.process.subscriberPort}`;
    const answer = await page.evaluate(
      ({ url }) => window.client.connectSubscriber({ url }).subscribe(['dev-1', 'two words']),
      { url },
    );
    expect(answer).toMatchObject({ devices: [{ device: 'dev-1' }], errors: [{ code: 107 }] });
    expect(said).toEqual([]);
  });

  it.each([false, true])('gets the events of a device (binary: %s)', async (binary) => {
    const dev = uniqueId('dev');
    const device = await hub.device(dev);
    const { page, said } = await subscriberPage(dev, { binary });
    expect(await page.evaluate(() => window.urls.at(-1))).toContain('batch=true');
    for (const n of numbersFrom(1, 20)) device.send({ type: 'message', data: { n, text: 'größer ✓' } });
    device.sendBinary(Buffer.from([2, 0, 255]));
    await page.waitForFunction(() => window.events.length === 21);
    const got = await page.evaluate(() =>
      window.events.map(
        ({ data, ...event }) => data ?? [...(event as unknown as { bytes: Uint8Array }).bytes],
      ),
    );
    expect(got).toEqual([...numbersFrom(1, 20).map((n) => ({ n, text: 'größer ✓' })), [0, 255]]);
    expect(said).toEqual([]);
  });

  it('is a device too, whose events are acknowledged', async () => {
    const dev = uniqueId('dev');
    const witness = await hub.witness(dev);
    const { page } = await subscriberPage(uniqueId('other'));
    const url = `ws://127.0.0.1:${hub.process.devicePort}`;
    const ack = await page.evaluate(
      async ({ url, dev }) => {
        window.device = window.client.connectDevice({ url, id: dev });
        await window.device.message(new Uint8Array([1, 2, 3]));
        return window.device.message('from a page', { ack: true });
      },
      { url, dev },
    );
    expect(ack.skipped).toBe(false);
    const isMessage = ({ type }: { readonly type?: string }): boolean => type === 'message';
    expect(await witness.frames.next(isMessage)).toMatchObject({ data64: 'AQID' });
    expect(await witness.frames.next(isMessage)).toMatchObject({ data: 'from a page', seq: ack.seq });
  });

  it('stays away when an operator kicked it', async () => {
    const dev = uniqueId('dev');
    const { page } = await subscriberPage(dev);
    const [row] = await hub.rows(dev);
    await hub.admin('DELETE', `/v1/subscribers/${row?.subscriber}`);
    await page.waitForFunction(() => window.states.at(-1) === 'closed');
    expect(await page.evaluate(() => window.states)).not.toContain('waiting');
  });

  it('comes back when the hub was killed and started again, and gets events as before', async () => {
    const env = { ...calm, ...(await freePorts()), DAT_ALLOWED_ORIGINS: server.origin() };
    const first = await startHub(env);
    let second: HubProcess | undefined;
    onTestFinished(() => first.kill());
    onTestFinished(() => second?.kill());
    const reconnect = { baseMs: 20, capMs: 100 };
    const { page } = await subscriberPage('dev-1', {
      url: `ws://127.0.0.1:${first.subscriberPort}`,
      reconnect,
    });
    await first.kill();
    await page.waitForFunction(() => window.states.includes('waiting'));
    second = await startHub(env);
    await page.waitForFunction(() => window.states.at(-1) === 'connected');
    await page.evaluate(() => window.subscriber.list()); // answered after the subscribe of the reconnect
    const device = await Device.connect(second.devicePort, '?id=dev-1');
    onTestFinished(() => void device.drop());
    await device.message('again');
    await page.waitForFunction(() => window.events.some(({ data }) => data === 'again'));
  });

  it('pauses while its page is hidden', async () => {
    const dev = uniqueId('dev');
    const device = await hub.device(dev);
    await hub.witness(dev);
    const { page } = await subscriberPage(dev, { pauseWhenHidden: true });
    // A page of a headless browser is never hidden, so it is made to say that it is.
    const setHidden = (hidden: boolean): Promise<void> =>
      page.evaluate(
        (state) => {
          const { document, Event } = globalThis as unknown as {
            document: { dispatchEvent(event: unknown): void };
            Event: new (type: string) => unknown;
          };
          Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
          document.dispatchEvent(new Event('visibilitychange'));
        },
        hidden ? 'hidden' : 'visible',
      );
    const statusBecomes = (status: string): Promise<boolean> =>
      eventually(`the subscription is ${status}`, async () =>
        (await hub.rows(dev)).some((row) => !row.subscriber.startsWith('witness') && row.status === status),
      );
    await setHidden(true);
    await statusBecomes('inactive');
    await device.message('unseen');
    await setHidden(false);
    await statusBecomes('active');
    await device.message('seen');
    await page.waitForFunction(() => window.events.length > 0);
    expect(await page.evaluate(() => window.events.map(({ data }) => data))).toEqual(['seen']);
  });
});
