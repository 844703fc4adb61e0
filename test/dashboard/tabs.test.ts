import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { ASK_MS, QUESTIONS_MISSED_MAX } from '../../dashboard/src/live-messages.ts';
import { firstOf } from '../support/attempts.ts';
import { hasChromium } from '../support/chromium.ts';
import { type CountingProxy, countingProxy } from '../support/counting-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { faultsIn, figure, useDashboard } from './harness.ts';

/** As if the tab were left, or seen again: headless tabs are always seen. */
function setVisibility(page: Page, state: 'hidden' | 'visible'): Promise<void> {
  return page.evaluate(`
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => '${state}' });
    document.dispatchEvent(new Event('visibilitychange'));
  `);
}

/**
 * Runs in a page: `repeatDeviceNews()` brings the last news of devices once more, as if it had been on its way. No
 * figures come from then on: after a pause between figures, a page asks for all that it may have missed.
 */
const keepDeviceNews = `
  const Real = SharedWorker;
  globalThis.SharedWorker = class extends Real {
    constructor(...given) {
      super(...given);
      let last;
      let isRepeated = false;
      this.port.addEventListener('message', (event) => {
        if (event.data.kind === 'devices') last = event.data;
        if (event.data.kind === 'figures' && isRepeated) event.stopImmediatePropagation();
      });
      globalThis.repeatDeviceNews = () => {
        if (last === undefined) throw new Error('there was none');
        isRepeated = true;
        this.port.dispatchEvent(new MessageEvent('message', { data: last }));
      };
    }
  };
`;

const changesOf = ({ asked }: CountingProxy): string[] =>
  asked.filter((request) => request.startsWith('PUT /v1/live/streams/'));

/** @param before how often the stream had been changed when the tab was still seen */
function isLetGo(proxy: CountingProxy, before: number): Promise<unknown> {
  return eventually('the stream of both has let go of the device', () => {
    const [change] = changesOf(proxy).slice(before);
    return change !== undefined && proxy.open(change.replace('PUT ', '')) === 0;
  });
}

const isLive = (page: Page): Promise<void> => page.getByText('live', { exact: true }).waitFor();

describe.skipIf(!hasChromium)('tabs of one browser', () => {
  const dashboard = useDashboard({ DAT_HISTORY_BYTES: '1048576' });
  const { hub } = dashboard;

  it('share one stream, so that the seventh tab and its requests are answered', () =>
    firstOf('a stream that said nothing for seconds was asked for anew', async () => {
      const proxy = await countingProxy(hub.process.adminPort);
      const isOne = (): boolean =>
        proxy.asked.filter((request) => /^GET \/v1\/live(\?|$)/.test(request)).length === 1;
      const { dev, device } = await hub.pair();
      const open = await dashboard.chromium.tabs();
      const tabs: Page[] = [];
      for (let n = 0; n < 8; n++) {
        const { page, said } = await open();
        await page.goto(`http://127.0.0.1:${proxy.port}/${n === 7 ? `#/devices/${dev}` : '#/devices'}`);
        await isLive(page);
        expect(faultsIn(said)).toEqual([]);
        tabs.push(page);
      }
      await tabs[6]!.getByRole('link', { name: dev }).waitFor();
      if (!isOne()) return undefined;
      expect(proxy.open('/v1/live')).toBe(1);

      // Each gets what it looks at
      await tabs[7]!.locator('.panel-head').getByText('online').waitFor();
      device.send({ type: 'message', data: 'for the eighth' });
      await tabs[7]!.getByText('"for the eighth"', { exact: true }).waitFor();

      // The stream outlives the tab that came first
      await tabs[0]!.close();
      device.send({ type: 'message', data: 'still here' });
      await tabs[7]!.getByText('"still here"', { exact: true }).waitFor();
      if (!isOne()) return undefined;
      expect(proxy.open('/v1/live')).toBe(1);
      return true;
    }));

  it('let go of the stream when none of them is seen, and take it up again', async () => {
    const proxy = await countingProxy(hub.process.adminPort);
    const open = await dashboard.chromium.tabs();
    const [one, other] = [(await open()).page, (await open()).page];
    for (const page of [one, other]) {
      await page.goto(`http://127.0.0.1:${proxy.port}/#/devices`);
      await isLive(page);
    }
    await setVisibility(one, 'hidden');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(proxy.open('/v1/live')).toBe(1); // the other is seen
    await setVisibility(other, 'hidden');
    await eventually('no stream', () => proxy.open('/v1/live') === 0);
    const { length: before } = proxy.asked;
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(proxy.asked.slice(before)).toEqual([]); // and nothing is polled
    await hub.device();
    await setVisibility(other, 'visible');
    await eventually('a stream', () => proxy.open('/v1/live') === 1);
    await eventually('figures of now', async () =>
      /^[1-9]/.test((await figure(other, 'Online').textContent()) ?? ''),
    );
  });

  it('show the events of a device that came while they were not seen', async () => {
    const proxy = await countingProxy(hub.process.adminPort);
    const { dev, device } = await hub.pair();
    const open = await dashboard.chromium.tabs();
    const [one, other] = [(await open()).page, (await open()).page];
    for (const page of [one, other]) {
      await page.goto(`http://127.0.0.1:${proxy.port}/${page === one ? `#/devices/${dev}` : ''}`);
      await isLive(page);
    }
    const said = (data: string) => one.getByText(JSON.stringify(data), { exact: true });
    await one.locator('.panel-head').getByText('online').waitFor();
    device.send({ type: 'message', data: 'seen' });
    await said('seen').waitFor();
    const { length: before } = changesOf(proxy);
    await setVisibility(one, 'hidden');
    await isLetGo(proxy, before);
    device.send({ type: 'message', data: 'unseen' });
    await setVisibility(one, 'visible');
    await said('unseen').waitFor();
    device.send({ type: 'message', data: 'seen again' });
    await said('seen again').waitFor();
    for (const data of ['seen', 'unseen', 'seen again']) expect(await said(data).count()).toBe(1);
  });

  it('show the events of a device whose last news came when they were no longer seen', async () => {
    const proxy = await countingProxy(hub.process.adminPort);
    const { dev, device } = await hub.pair();
    const open = await dashboard.chromium.tabs();
    const [one, other] = [(await open()).page, (await open()).page];
    await one.addInitScript(keepDeviceNews);
    for (const page of [one, other]) {
      await page.goto(`http://127.0.0.1:${proxy.port}/${page === one ? `#/devices/${dev}` : ''}`);
      await isLive(page);
    }
    await one.locator('.panel-head').getByText('online').waitFor();
    const { length: before } = changesOf(proxy);
    await setVisibility(one, 'hidden');
    await isLetGo(proxy, before);
    await one.evaluate('repeatDeviceNews()');
    await one.evaluate('new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn, 100)))');
    const events = `/v1/devices/${dev}/events`;
    await eventually('all it asked for is answered', () => proxy.open(events) === 0);
    await device.message('unseen');
    await setVisibility(one, 'visible');
    await one.getByText('"unseen"', { exact: true }).waitFor();
  });

  it('with different tokens have a stream each', async () => {
    const proxy = await countingProxy(hub.process.adminPort);
    const open = await dashboard.chromium.tabs();
    for (const token of ['', 'other']) {
      const { page } = await open();
      await page.addInitScript(`sessionStorage.setItem('dat-admin-token', '${token}')`);
      await page.goto(`http://127.0.0.1:${proxy.port}/`);
      await isLive(page); // this hub needs none, and takes any
    }
    expect(proxy.open('/v1/live')).toBe(2);
  });

  it('have a stream each where the browser has no shared workers', async () => {
    const proxy = await countingProxy(hub.process.adminPort);
    const open = await dashboard.chromium.tabs();
    for (let n = 0; n < 2; n++) {
      const { page } = await open();
      await page.addInitScript(() => Reflect.deleteProperty(globalThis, 'SharedWorker'));
      await page.goto(`http://127.0.0.1:${proxy.port}/`);
      await isLive(page);
      if (n === 1) await setVisibility(page, 'hidden');
    }
    await eventually('only the seen tab has one', () => proxy.open('/v1/live') === 1);
  });

  it('have a stream each if the shared worker says nothing', async () => {
    const { page } = await dashboard.open('#/', {
      before: async (opened) => {
        await opened.clock.install();
        await opened.addInitScript(
          'globalThis.SharedWorker = class { port = { postMessage() {}, onmessage: null }; onerror = null; };',
        );
      },
    });
    await page.clock.runFor(ASK_MS * (QUESTIONS_MISSED_MAX + 1));
    await isLive(page);
  });

  it('have a stream each if the shared worker does not load', async () => {
    const { page } = await dashboard.open('#/', {
      before: (opened) =>
        opened.context().route(/live-worker/, (route) => route.fulfill({ status: 500, body: '' })),
    });
    await isLive(page);
  });
});
