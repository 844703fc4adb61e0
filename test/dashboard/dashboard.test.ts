import { describe, expect, it, onTestFinished } from 'vitest';
import { hasChromium } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { startHub } from '../support/hub-process.ts';
import { Device } from '../support/peers.ts';
import { faultsIn, figure, rowOf, startOther, useDashboard } from './harness.ts';

describe.skipIf(!hasChromium)('the dashboard', () => {
  const dashboard = useDashboard();
  const { hub } = dashboard;

  it('shows live figures, asks nobody but the hub, and breaks no rule of its content security policy', async () => {
    const { device } = await hub.pair();
    const { page, said, asked, origin } = await dashboard.open();
    const sending = setInterval(() => device.send({ type: 'message', data: 1 }), 20);
    onTestFinished(() => clearInterval(sending));
    await page.getByText('live', { exact: true }).waitFor();
    for (const name of ['Events/s', 'Deliveries/s', 'Subscribers', 'Online']) {
      await eventually(`${name} is above 0`, async () =>
        /^[1-9]/.test((await figure(page, name).textContent()) ?? ''),
      );
    }
    await eventually('a latency', async () =>
      /ms|s/.test((await figure(page, 'Latency p99').textContent()) ?? ''),
    );
    expect(await page.locator('.plot canvas').count()).toBe(4);
    expect(await rowOf(page, 'Threads', 'owner').textContent()).toMatch(/owner.*ms.*records/);
    expect(await rowOf(page, 'Rings', 'main-to-owner').textContent()).toContain('%');
    await page.getByText('No slow subscribers.', { exact: true }).waitFor();
    expect(asked.filter((url) => !url.startsWith(origin))).toEqual([]);
    expect(faultsIn(said)).toEqual([]);
  });

  it('says what is missing if its own origin is not among those that may connect', async () => {
    const strict = await startHub({ DAT_ALLOWED_ORIGINS: 'https://board.example' });
    onTestFinished(() => strict.kill());
    const { page } = await dashboard.open('#/', { port: strict.adminPort });
    await page.getByText('DAT_ALLOWED_ORIGINS').waitFor();
    const { page: ours } = await dashboard.open();
    await ours.getByText('live', { exact: true }).waitFor();
    expect(await ours.getByText('DAT_ALLOWED_ORIGINS').count()).toBe(0);
  });

  it('fits a phone without scrolling sideways, in light and dark, on every page', async () => {
    const { dev, sub } = await hub.pair();
    await hub.setRow(`long.${'device-'.repeat(14)}x`, `long.${'subscriber-'.repeat(9)}x`, { status: 'deny' });
    const long = `long.${'device-'.repeat(14)}x`;
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await dashboard.chromium.page();
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width: 360, height: 740 });
      for (const hash of [
        '#/',
        '#/devices',
        `#/devices/${dev}`,
        `#/devices/${long}`,
        '#/follow?filter=*',
        '#/subscribers',
        `#/subscribers/${sub}`,
        '#/rules',
        '#/activity',
        '#/cluster',
      ]) {
        await page.goto(`http://127.0.0.1:${hub.process.adminPort}/${hash}`);
        await page.getByText('live', { exact: true }).waitFor();
        await page.locator('main section').first().waitFor();
        expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), hash).toBe(0);
      }
      const shade = (await page.evaluate(
        'getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((a, b) => a + Number(b), 0)',
      )) as number;
      expect(shade > 384).toBe(colorScheme === 'light');
    }
  });

  it('asks for the token where the hub needs one, and keeps it in the session of the tab only', async () => {
    const other = await startOther({ DAT_ADMIN_TOKEN: 'open-sesame' });
    const { page, asked } = await dashboard.open('#/', { port: other.adminPort });
    await page.getByLabel('Token').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('The hub refused the token').waitFor();
    await page.getByLabel('Token').fill('open-sesame');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('live', { exact: true }).waitFor();
    expect(
      await page.evaluate('JSON.stringify([Object.values(sessionStorage), Object.values(localStorage)])'),
    ).toBe('[["open-sesame"],[]]');
    expect(await page.evaluate('document.cookie')).toBe('');
    await page.goto(`http://127.0.0.1:${other.adminPort}/#/devices`);
    await page.getByText('No devices yet.').waitFor();
    expect(asked.filter((url) => url.includes('sesame'))).toEqual([]);
    await page.getByRole('button', { name: 'Forget token' }).click();
    await page.getByLabel('Token').waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
  });

  it('says that the hub has gone, and comes back by itself when it was started again', async () => {
    const env = await freePorts();
    const first = await startOther(env);
    const { page } = await dashboard.open('#/devices/dev-1', { port: first.adminPort });
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
    // One a second: it goes on for longer than anything here waits.
    const devices = await Promise.all(
      Array.from({ length: 120 }, (_, n) => Device.connect(other.devicePort, `?id=d${n}`)),
    );
    onTestFinished(() => devices.forEach((device) => void device.drop()));
    const { page } = await dashboard.open('#/', { port: other.adminPort });
    await page.getByText('live', { exact: true }).waitFor();
    other.signal('SIGTERM');
    await page.getByText('The hub admits no new peers: draining.').waitFor();
  });

  it('draws its plots with the figures of now when the theme changes', async () => {
    const { page } = await dashboard.open();
    await page.locator('.plot canvas').first().waitFor();
    const drawn = (isNewTheme: boolean) => page.evaluate<number>(`(${COLOURED_PIXELS})(${isNewTheme})`);
    await eventually('there is something in the plot', async () => (await drawn(false)) > 0);
    expect(await drawn(true)).toBeGreaterThan(0);
  });

  it('shows the span that is chosen, and zooms into what is dragged over', async () => {
    const { page } = await dashboard.open();
    const spans = page.getByRole('toolbar', { name: 'Time span' });
    await spans.getByRole('button', { name: '15 min' }).click();
    await spans.getByRole('button', { name: '15 min', pressed: true }).waitFor();
    const plot = page.locator('.u-over').first();
    const { x = 0, y = 0, width = 0 } = (await plot.boundingBox()) ?? {};
    await page.mouse.move(x + width / 3, y + 40);
    await page.mouse.down();
    await page.mouse.move(x + (2 * width) / 3, y + 50, { steps: 5 });
    await page.mouse.up();
    const shown = (await spans.getByText(/^\d\d:\d\d:\d\d to \d\d:\d\d:\d\d$/).textContent()) ?? '';
    const [from = '', to = ''] = shown.split(' to ').map((time) => `1970-01-01T${time}Z`);
    const seconds = (((Date.parse(to) - Date.parse(from)) / 1000 + 86_400) % 86_400) as number;
    expect(Math.abs(seconds - 300)).toBeLessThan(15); // a third of 15 minutes
    await spans.getByRole('button', { name: 'Reset zoom' }).click();
    await spans.getByText('drag over a plot to zoom').waitFor();
  });
});

/**
 * In the page: pixels of the first plot that are neither grey nor clear, which are its lines. With a new theme, the plot
 * is made anew in a microtask, so before any task that could bring other figures.
 */
const COLOURED_PIXELS = `async (isNewTheme) => {
  if (isNewTheme) {
    const root = document.documentElement;
    root.setAttribute('data-theme', root.getAttribute('data-theme') === 'dark' ? 'light' : 'dark');
    for (let microtask = 0; microtask < 100; microtask++) await null;
  }
  const canvas = document.querySelector('.plot canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) {
    const colours = data.subarray(at, at + 3);
    if (Math.max(...colours) - Math.min(...colours) > 40) count += 1;
  }
  return count;
}`;
