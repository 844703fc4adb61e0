/**
 * Takes the pictures of the dashboard in the README and the docs: runs a demo for a while, and looks at it with Chromium.
 * `npm run pictures -- --out DIRECTORY --seconds 90`
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { chromiumOptions } from '../dist/fixtures/chromium.js';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const DEMO = ['demo', '--devices', '240', '--rate', '2', '--subscribers', '24'];
const FREE_PORTS = { DAT_DEVICE_PORT: '0', DAT_SUBSCRIBER_PORT: '0', DAT_ADMIN_PORT: '0' };
const VIEWPORT = { width: 1280, height: 720 };
const DEVICE_SECONDS = 5;
/** What the plots show unless they are zoomed. */
const PLOT_SECONDS = 300;
/** Left out at the start: the fleet connects. */
const START_SECONDS = 10;

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(ROOT, 'docs/images') },
    seconds: { type: 'string', default: '180' },
  },
});

const demo = spawn(process.execPath, [join(ROOT, 'dist/src/cli/main.js'), ...DEMO], {
  env: { ...process.env, ...FREE_PORTS },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const ended = new Promise((resolve) => demo.once('exit', resolve));
try {
  const url = await new Promise((resolve, reject) => {
    createInterface(demo.stdout).on('line', (text) => {
      const [, found] = /^dashboard +(\S+)/.exec(text) ?? [];
      if (found !== undefined) resolve(found);
    });
    void ended.then(() => reject(new Error('the demo has ended')));
  });
  await takePictures(url, Number(values.seconds));
} finally {
  demo.kill('SIGTERM');
  await ended;
}

async function takePictures(url, seconds) {
  mkdirSync(values.out, { recursive: true });
  const browser = await chromium.launch(chromiumOptions);
  try {
    const page = await browser.newPage({ viewport: VIEWPORT, colorScheme: 'dark' });
    await page.goto(url);
    await wait(page, seconds);
    if (seconds > 2 * START_SECONDS && seconds < PLOT_SECONDS) await zoom(page, seconds - START_SECONDS);
    await page.screenshot({ path: join(values.out, 'dashboard.png'), fullPage: true });
    await page.goto(`${url}#/devices/demo-240`);
    await wait(page, Math.min(seconds, DEVICE_SECONDS));
    await page.screenshot({ path: join(values.out, 'dashboard-device.png') });
    await page.goto(`${url}#/follow?filter=demo-1*`);
    await wait(page, Math.min(seconds, DEVICE_SECONDS));
    await page.screenshot({ path: join(values.out, 'dashboard-follow.png') });
  } finally {
    await browser.close();
  }
}

/** To the last so many seconds, as an operator does: the plots are full. */
async function zoom(page, seconds) {
  const { x, y, width, height } = await page.locator('.plot .u-over').first().boundingBox();
  const middle = y + height / 2;
  await page.mouse.move(x + width * (1 - seconds / PLOT_SECONDS), middle);
  await page.mouse.down();
  await page.mouse.move(x + width - 1, middle, { steps: 5 });
  await page.mouse.up();
  await page.mouse.move(0, 0);
  await page.getByRole('button', { name: 'Reset zoom' }).waitFor();
}

function wait(page, seconds) {
  process.stderr.write(`waiting ${seconds} s\n`);
  return page.waitForTimeout(seconds * 1000);
}
