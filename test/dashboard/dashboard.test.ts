/** The built dashboard in Chromium, served by a hub that runs. */
import type { Locator, Page } from 'playwright-core';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { calm, marker, numbersFrom, TestHub, uniqueId } from '../conformance/harness.ts';
import { hasChromium, useChromium } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { type Env, type HubProcess, startHub } from '../support/hub-process.ts';
import { Device, Subscriber } from '../support/peers.ts';

const WAIT_MS = 15_000;

describe.skipIf(!hasChromium)('the dashboard', () => {
  const chromium = useChromium();
  let hub: TestHub;
  beforeAll(async () => {
    hub = new TestHub(calm);
    await hub.start();
    return () => hub.end();
  });

  async function open(hash = '#/', port = hub.process.adminPort) {
    const { page, said } = await chromium.page();
    page.setDefaultTimeout(WAIT_MS);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(`http://127.0.0.1:${port}/${hash}`);
    return { page, said, asked, origin: `http://127.0.0.1:${port}/` };
  }

  /** The value of a figure on top, as it is shown. */
  const figure = (page: Page, name: string): Locator =>
    page
      .locator('.figures div')
      .filter({ has: page.getByText(name, { exact: true }) })
      .locator('dd');

  const rowOf = (page: Page, table: string, name: string): Locator =>
    page
      .getByRole('region', { name: table, exact: true })
      .getByRole('row')
      .filter({ has: page.getByRole('rowheader', { name }) });

  async function answer(page: Page, action: string): Promise<void> {
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: action, exact: true }).click();
    await dialog.waitFor({ state: 'detached' });
  }

  it('shows live figures, asks nobody but the hub, and breaks no rule of its content security policy', async () => {
    const { device } = await hub.pair();
    const { page, said, asked, origin } = await open();
    const sending = setInterval(() => device.send({ type: 'message', data: 1 }), 20);
    onTestFinished(() => clearInterval(sending));
    await page.getByText('live', { exact: true }).waitFor();
    for (const name of ['Events/s', 'Deliveries/s', 'Subscribers', 'Online']) {
      await eventually(`${name} is above 0`, async () =>
        /^[1-9]/.test((await figure(page, name).textContent()) ?? ''),
      );
    }
    expect(await figure(page, 'Latency p99').textContent()).toMatch(/ms|s/);
    expect(await page.locator('.plot canvas').count()).toBe(4);
    expect(await rowOf(page, 'Threads', 'owner').textContent()).toContain('records');
    expect(await rowOf(page, 'Rings', 'main-to-owner').textContent()).toContain('%');
    expect(asked.filter((url) => !url.startsWith(origin))).toEqual([]);
    expect(asked.filter((url) => url.includes('/v1/'))).toEqual([`${origin}v1/live`]);
    expect(said).toEqual([]);
  });

  it('says what is missing where its own origin is not among those that may connect', async () => {
    const strict = await startHub({ DAT_ALLOWED_ORIGINS: 'https://board.example' });
    onTestFinished(() => strict.kill());
    const { page } = await open('#/', strict.adminPort);
    await page.getByText('DAT_ALLOWED_ORIGINS').waitFor();
    const { page: ours } = await open();
    await ours.getByText('live', { exact: true }).waitFor();
    expect(await ours.getByText('DAT_ALLOWED_ORIGINS').count()).toBe(0);
  });

  it('denies a subscriber once it is confirmed, and delivery stops', async () => {
    const { dev, sub, device, subscriber } = await hub.pair();
    const witness = await hub.witness(dev);
    await marker(device, subscriber);
    const { page, said } = await open(`#/devices/${dev}`);
    await page.getByRole('button', { name: `Deny ${sub}`, exact: true }).click();
    await page.getByRole('dialog').getByText('gets nothing more').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await hub.row(dev, sub)).toMatchObject({ status: 'active' });

    await page.getByRole('button', { name: `Deny ${sub}`, exact: true }).press('Enter');
    await answer(page, 'Deny');
    await rowOf(page, 'Subscribers', sub).getByText('deny').waitFor();
    expect(await hub.row(dev, sub)).toMatchObject({ status: 'deny' });
    expect(await subscriber.frames.next(({ op }) => op === 'removed')).toMatchObject({ code: 103 });
    const before = subscriber.events(dev).length;
    await marker(device, witness);
    await subscriber.list(); // answered after whatever was sent to it
    expect(subscriber.events(dev)).toHaveLength(before);

    await page.getByRole('button', { name: `Allow ${sub}`, exact: true }).click();
    await answer(page, 'Allow');
    await hub.rowBecomes(dev, sub, { status: 'allow' });
    expect(said).toEqual([]);
  });

  it('pauses, resumes, makes vip and kicks', async () => {
    const { dev, sub, subscriber } = await hub.pair();
    const { page } = await open(`#/devices/${dev}`);
    const act = async (button: string, action: string): Promise<void> => {
      await page.getByRole('button', { name: `${button} ${sub}`, exact: true }).click();
      await answer(page, action);
    };
    await act('Pause', 'Pause');
    await hub.rowBecomes(dev, sub, { status: 'inactive', reason: 'paused' });
    await act('Resume', 'Resume');
    await hub.rowBecomes(dev, sub, { status: 'active' });
    await act('Vip', 'Make vip');
    await hub.rowBecomes(dev, sub, { vip: true });
    await act('No vip', 'No vip');
    await hub.rowBecomes(dev, sub, { vip: false });
    await act('Kick', 'Kick');
    expect(await subscriber.closed).toMatchObject({ code: 4005 });
    await rowOf(page, 'Subscribers', sub).waitFor({ state: 'detached' });
  });

  it('says why the hub would not do something, and asks on', async () => {
    const { dev, sub } = await hub.pair();
    const { page } = await open(`#/devices/${dev}`);
    await page.getByRole('button', { name: `Kick ${sub}`, exact: true }).click();
    await hub.admin('DELETE', `/v1/subscribers/${sub}`);
    await page.getByRole('dialog').getByRole('button', { name: 'Kick' }).click();
    await page.getByRole('dialog').getByRole('alert').getByText(sub).waitFor();
  });

  it('shows the events of a device as they come, and status and data as text', async () => {
    const dev = uniqueId('dev');
    const device = await hub.device(dev);
    const { page, said } = await open(`#/devices/${dev}`);
    await rowlessEvents(page).waitFor();
    const markup = '<img src=/x onerror="window.broken=1"><script>window.broken=1</script>';
    device.send({ type: 'status', status: markup.slice(0, 64), data: markup });
    device.send({ type: 'message', data: { [markup]: `</code>${markup}` } });
    const events = page.getByRole('region', { name: 'Events', exact: true });
    await events.getByText(JSON.stringify(markup), { exact: true }).waitFor();
    await events.getByText(JSON.stringify({ [markup]: `</code>${markup}` }), { exact: true }).waitFor();
    await page.locator('.facts').getByText(markup.slice(0, 64), { exact: true }).waitFor();
    await page.goto(page.url().replace(/#.*/, `#/devices?search=${dev}`));
    await rowOf(page, 'Devices', dev).getByText(markup.slice(0, 64), { exact: true }).waitFor();
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.evaluate('window.broken')).toBeUndefined();
    expect(said).toEqual([]);
  });

  const rowlessEvents = (page: Page): Locator => page.getByText('None since this page was opened.');

  it('finds devices by id and state, and goes through them page by page', async () => {
    const prefix = uniqueId('shelf');
    for (let n = 100; n < 220; n++) await hub.setRow(`${prefix}-${n}`, 'nobody', { status: 'deny' });
    const online = await hub.device(`${prefix}-142`);
    const { page } = await open('#/devices');
    const rows = page.getByRole('region', { name: 'Devices', exact: true }).locator('tbody tr');
    await page.getByText('1–50', { exact: true }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type(`${prefix.toUpperCase()}-`);
    await page.waitForURL((url) => url.hash.includes(`search=${prefix.toUpperCase()}-`));
    await page.getByText('1–50', { exact: true }).waitFor();
    await rowOf(page, 'Devices', `${prefix}-100`).waitFor();
    expect(await rows.count()).toBe(50);
    const next = page.getByRole('button', { name: 'Next' });
    await next.click();
    await page.getByText('51–100', { exact: true }).waitFor();
    await next.click();
    await page.getByText('101–120', { exact: true }).waitFor();
    expect(await next.isDisabled()).toBe(true);
    expect(await rows.count()).toBe(20);

    await page.getByLabel('State').selectOption('online');
    await rowOf(page, 'Devices', `${prefix}-142`).getByText('online').waitFor();
    expect(await rows.count()).toBe(1);
    await online.close(1000);
    await rowOf(page, 'Devices', `${prefix}-142`).getByText('offline').waitFor(); // over the stream
    await page.getByRole('link', { name: `${prefix}-142` }).press('Enter');
    await page.getByRole('heading', { name: `${prefix}-142` }).waitFor();
    await rowOf(page, 'Subscribers', 'nobody').getByText('deny').waitFor();
  });

  it('fits a phone without scrolling sideways, in light and dark', async () => {
    const { dev } = await hub.pair();
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const hash of ['#/', '#/devices', `#/devices/${dev}`]) {
        const { page } = await chromium.page();
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width: 360, height: 740 });
        await page.goto(`http://127.0.0.1:${hub.process.adminPort}/${hash}`);
        await page.getByText('live', { exact: true }).waitFor();
        expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), hash).toBe(0);
        const shade = (await page.evaluate(
          'getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((a, b) => a + Number(b), 0)',
        )) as number;
        expect(shade > 384).toBe(colorScheme === 'light');
      }
    }
  });

  async function startOther(env: Env): Promise<HubProcess> {
    const other = await startHub({ ...calm, ...env });
    onTestFinished(() => other.kill());
    return other;
  }

  it('finds one of a hundred thousand devices, and shows fifty at a time', async () => {
    const other = await startOther({ DAT_MAX_DEVICES: '100000', DAT_MAX_SUBSCRIPTIONS: '100000' });
    const subscriber = await Subscriber.connect(other.subscriberPort, '?id=all');
    onTestFinished(() => void subscriber.drop());
    for (let thousand = 0; thousand < 100; thousand++)
      await subscriber.subscribe(...numbersFrom(100_000 + thousand * 1000, 1000).map((n) => `unit-${n}`));
    const { page } = await open('#/devices', other.adminPort);
    await page.getByText('100,000 offline').waitFor();
    await page.getByLabel('Search').fill('unit-199999');
    await rowOf(page, 'Devices', 'unit-199999').waitFor();
    await page.getByLabel('Search').fill('9');
    await page.waitForURL((url) => url.hash.endsWith('search=9'));
    await page.getByText('1–50', { exact: true }).waitFor();
    expect(await page.getByRole('region', { name: 'Devices', exact: true }).locator('tbody tr').count()).toBe(
      50,
    );
    await page.getByLabel('State').selectOption('online');
    await page.getByText('No device like that.').waitFor();
  }, 60_000);

  it('asks for the token where the hub wants one, and keeps it in the session of the tab only', async () => {
    const other = await startOther({ DAT_ADMIN_TOKEN: 'open-sesame' });
    const { page, asked } = await open('#/', other.adminPort);
    await page.getByLabel('Token').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('The hub refused it').waitFor();
    await page.getByLabel('Token').fill('open-sesame');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('live', { exact: true }).waitFor();
    expect(
      await page.evaluate('JSON.stringify([Object.values(sessionStorage), Object.values(localStorage)])'),
    ).toBe('[["open-sesame"],[]]');
    expect(await page.evaluate('document.cookie')).toBe('');
    await page.goto(`http://127.0.0.1:${other.adminPort}/#/devices`);
    await page.getByText('No device like that.').waitFor();
    expect(asked.filter((url) => url.includes('sesame'))).toEqual([]);
    await page.getByRole('button', { name: 'Forget token' }).click();
    await page.getByLabel('Token').waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
  });

  it('says that the hub has gone, and comes back by itself when it was started again', async () => {
    const env = await freePorts();
    const first = await startOther(env);
    const { page } = await open('#/devices/dev-1', first.adminPort);
    await page.getByText('does not know this device').waitFor();
    await first.kill();
    await page.getByText('No connection: the').waitFor();
    await page.getByText('no connection', { exact: true }).waitFor();
    const second = await startOther(env);
    await page.getByText('the hub was restarted').waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    const device = await Device.connect(second.devicePort, '?id=dev-1');
    onTestFinished(() => void device.drop());
    await page.locator('.panel-head').getByText('online').waitFor();
    device.send({ type: 'message', data: 'again' });
    await page.getByText('"again"', { exact: true }).waitFor();
  });

  it('says that the hub drains', async () => {
    const other = await startOther({ DAT_DRAIN_TIMEOUT_MS: '600000', DAT_DRAIN_RATE: '1' });
    const devices = await Promise.all(
      Array.from({ length: 20 }, (_, n) => Device.connect(other.devicePort, `?id=d${n}`)),
    );
    onTestFinished(() => devices.forEach((device) => void device.drop()));
    const { page } = await open('#/', other.adminPort);
    await page.getByText('live', { exact: true }).waitFor();
    other.signal('SIGTERM');
    await page.getByText('The hub takes no new peers: draining.').waitFor();
  });
});
