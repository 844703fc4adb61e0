import { describe, expect, it, onTestFinished } from 'vitest';
import { numbersFrom, uniqueId } from '../conformance/harness.ts';
import { hasChromium } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { Subscriber } from '../support/peers.ts';
import { faultsIn, idsIn, rowOf, startOther, tableOf, useDashboard } from './harness.ts';

describe.skipIf(!hasChromium)('the table of devices', () => {
  const dashboard = useDashboard();
  const { hub } = dashboard;

  it('finds devices by id and state, and goes through them page by page', async () => {
    const prefix = uniqueId('shelf');
    for (let n = 100; n < 220; n++) await hub.setRow(`${prefix}-${n}`, 'nobody', { status: 'deny' });
    const online = await hub.device(`${prefix}-142`);
    const { page, said } = await dashboard.open('#/devices');
    const rows = tableOf(page, 'Devices').locator('tbody tr');
    await page.getByText(/^1–50 of/).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type(`${prefix.toUpperCase()}-`);
    await page.waitForURL((url) => url.hash.includes(`search=${prefix.toUpperCase()}-`));
    await page.getByText('1–50 of 120', { exact: true }).waitFor();
    await rowOf(page, 'Devices', `${prefix}-100`).waitFor();
    expect(await rows.count()).toBe(50);
    const next = page.getByRole('button', { name: 'Next' });
    await next.press('Enter');
    await page.getByText('51–100 of 120', { exact: true }).waitFor();
    // The focus stayed while the page was on its way.
    await page.keyboard.press('Enter');
    await page.getByText('101–120 of 120', { exact: true }).waitFor();
    expect(await next.isDisabled()).toBe(true);
    expect(await rows.count()).toBe(20);
    expect(page.url()).toContain('page=3');

    // The address is all that another tab needs
    const { page: other } = await dashboard.open(new URL(page.url()).hash);
    await other.getByText('101–120 of 120', { exact: true }).waitFor();

    await page.getByRole('search').getByLabel('State').selectOption('online');
    await rowOf(page, 'Devices', `${prefix}-142`).getByText('online').waitFor();
    await page.getByText('1–1 of 1', { exact: true }).waitFor();
    await page.getByText('1 online, 0 stale, 119 offline').waitFor();
    await online.close(1000);
    await page.getByText('No devices match.').waitFor();
    await page.getByRole('search').getByLabel('State').selectOption('');
    await page.getByRole('link', { name: `${prefix}-142` }).press('Enter');
    await page.getByRole('heading', { name: `${prefix}-142` }).waitFor();
    await rowOf(page, 'Subscribers', 'nobody').getByText('deny').waitFor();
    expect(faultsIn(said)).toEqual([]);
  });

  it('is sorted by each heading, either way, and keeps the order in its address', async () => {
    const prefix = uniqueId('sort');
    for (const name of ['b', 'c', 'a']) await hub.device(`${prefix}-${name}`);
    for (const name of ['c', 'a']) await hub.setRow(`${prefix}-${name}`, 'one', { status: 'deny' });
    await hub.setRow(`${prefix}-c`, 'two', { status: 'deny' });
    const { page } = await dashboard.open(`#/devices?search=${prefix}`);
    const becomes = (...names: string[]): Promise<unknown> =>
      eventually(`the order ${names}`, async () => {
        const ids = await idsIn(page, 'Devices');
        return ids.join() === names.map((name) => `${prefix}-${name}`).join();
      });
    const heading = (name: string) => page.getByRole('columnheader', { name });
    await becomes('a', 'b', 'c');
    expect(await heading('Device').getAttribute('aria-sort')).toBe('ascending');
    await heading('Device').getByRole('button').click();
    await becomes('c', 'b', 'a');
    expect(await heading('Device').getAttribute('aria-sort')).toBe('descending');
    await heading('Denied').getByRole('button').press('Enter');
    await becomes('c', 'a', 'b');
    expect(page.url()).toContain('sort=-denied');
    await page.reload();
    await becomes('c', 'a', 'b');
    await heading('Denied').getByRole('button').click();
    await becomes('b', 'a', 'c');
  });

  it('loses nothing that is typed while an earlier part of it is being searched', async () => {
    const { page } = await dashboard.open('#/devices');
    const search = page.getByRole('search').getByLabel('Search');
    await search.waitFor();
    // The rest is typed at the moment when the search for the first part has its address.
    await page.evaluate(`addEventListener('hashchange', () => {
      const input = document.querySelector('input[type=search]');
      if (input.value !== 'ab') return;
      input.value = 'abc';
      input.dispatchEvent(new Event('input', { bubbles: true }));
    }, { capture: true })`);
    await search.fill('ab');
    await page.waitForURL((url) => url.hash.includes('search=abc'));
    expect(await search.inputValue()).toBe('abc');
  });

  it('asks again where an answer never comes', async () => {
    let asked = 0;
    const { page } = await dashboard.open('#/devices', {
      before: async (opened) => {
        await opened.clock.install();
        await opened.route(
          (url) => url.pathname === '/v1/live/devices',
          async (route) => {
            asked += 1;
            if (asked > 1) await route.continue();
          },
        );
      },
    });
    await eventually('the list was asked for', async () => asked === 1);
    await page.clock.fastForward(30_000);
    await page.getByRole('alert').getByText('the hub does not answer').waitFor();
    await page.clock.fastForward(2000);
    await page
      .getByText(/ of \d+$/)
      .first()
      .waitFor();
  });

  it('says what a search may hold, and does not ask for anything else', async () => {
    const { page, asked } = await dashboard.open('#/devices');
    await page.getByLabel('Search').fill('no spaces');
    await page.getByRole('alert').getByText('An id has only').waitFor();
    expect(asked.some((url) => url.includes('spaces'))).toBe(false);
  });

  it('finds one of a hundred thousand, and shows fifty at a time', async () => {
    const capacity = { DAT_MAX_DEVICES: '200000', DAT_MAX_SUBSCRIPTIONS: '100000' };
    const other = await startOther({ ...capacity, DAT_SUBSCRIBER_RATE: '0' });
    const subscriber = await Subscriber.connect(other.subscriberPort, '?id=all');
    onTestFinished(() => void subscriber.drop());
    for (let thousand = 0; thousand < 100; thousand++)
      await subscriber.subscribe(...numbersFrom(100_000 + thousand * 1000, 1000).map((n) => `unit-${n}`));
    const { page } = await dashboard.open('#/devices?sort=-device', { port: other.adminPort });
    await page.getByText('100,000 offline').waitFor();
    await rowOf(page, 'Devices', 'unit-199999').waitFor();
    await page.getByText('page 1 of 199; only the first 9,950 devices have pages').waitFor();
    await page.goto(page.url().replace(/#.*/, '#/devices?page=2000'));
    await page.getByText('page 199 of 199; only').waitFor();
    await page.getByLabel('Search').fill('unit-142857');
    await rowOf(page, 'Devices', 'unit-142857').waitFor();
    await page.getByText('1–1 of 1', { exact: true }).waitFor();
    await page.getByLabel('Search').fill('9');
    await page.getByText('1–50 of 40,951', { exact: true }).waitFor();
    expect(await tableOf(page, 'Devices').locator('tbody tr').count()).toBe(50);
    await page.getByRole('search').getByLabel('State').selectOption('online');
    await page.getByText('No devices match.').waitFor();
  });
});

describe.skipIf(!hasChromium)('the page of a filter', () => {
  const dashboard = useDashboard();
  const { hub } = dashboard;

  it('counts devices by state and shows their newest values, at the pace that its address says', async () => {
    const prefix = uniqueId('site');
    const devices = await Promise.all(['a', 'b'].map((name) => hub.device(`${prefix}.${name}`)));
    await hub.device(`${prefix}-else`);
    await hub.setRow(`${prefix}.never-connected`, 'nobody', { status: 'deny' });
    const { page, asked, said } = await dashboard.open('#/follow');
    await page.getByText('Enter a filter').waitFor();
    await page.getByLabel('Filter').fill('not a*filter');
    await page.getByRole('alert').getByText('A filter is an id').waitFor();
    await page.getByLabel('Filter').fill(`${prefix}.*`);
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => url.hash.includes(`filter=${prefix}.*`));
    const count = (state: string) =>
      page
        .locator('.counts div')
        .filter({ has: page.getByText(state, { exact: true }) })
        .locator('dd');
    await count('online').getByText('2', { exact: true }).waitFor();
    await count('shown').getByText('1–2 of 2').waitFor();
    devices[0]!.send({ type: 'message', data: { t: 21 } });
    devices[1]!.send({ type: 'message', data: 'first' });
    devices[1]!.send({ type: 'message', data: 'second' });
    await rowOf(page, 'Followed devices', `${prefix}.a`).getByText('{"t":21}', { exact: true }).waitFor();
    await rowOf(page, 'Followed devices', `${prefix}.b`).getByText('"second"', { exact: true }).waitFor();
    await devices[0]!.close(1000);
    await count('offline').getByText('1', { exact: true }).waitFor();

    await page.getByLabel('Update every').selectOption('60000');
    await page.waitForURL((url) => url.hash.includes('every=60000'));
    const lists = () => asked.filter((url) => url.includes('/v1/live/devices')).length;
    await eventually('it asks no more for longer than before', async () => {
      const before = lists();
      await new Promise((resolve) => setTimeout(resolve, 2500)); // what is asked meanwhile may be of before the change
      return lists() === before;
    });
    expect(await idsIn(page, 'Followed devices')).toHaveLength(2);
    expect(faultsIn(said)).toEqual([]);
  });
});
