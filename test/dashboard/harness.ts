/** The built dashboard in Chromium, served by a hub that runs: what nearly every test of it does. */
import type { Locator, Page } from 'playwright-core';
import { beforeAll, onTestFinished } from 'vitest';
import { calm, TestHub } from '../conformance/harness.ts';
import { type BrowserPage, type Chromium, useChromium } from '../support/chromium.ts';
import { type Env, type HubProcess, startHub } from '../support/hub-process.ts';

export interface Opened extends BrowserPage {
  /** Addresses that the page asked for; the worker that tabs share is not seen here. */
  readonly asked: readonly string[];
  readonly origin: string;
}

export class Dashboard {
  readonly hub: TestHub;
  readonly chromium: Chromium;

  constructor(hub: TestHub, chromium: Chromium) {
    this.hub = hub;
    this.chromium = chromium;
  }

  /** @param before called before the page is loaded */
  async open(
    hash = '#/',
    {
      port = this.hub.process.adminPort,
      before = async () => {},
    }: { port?: number; before?: (page: Page) => Promise<unknown> } = {},
  ): Promise<Opened> {
    const { page, said } = await this.chromium.page();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await before(page);
    await page.goto(`http://127.0.0.1:${port}/${hash}`);
    return { page, said, asked, origin: `http://127.0.0.1:${port}/` };
  }
}

/** Registers the start and the end of a hub and of a browser for the surrounding suite. */
export function useDashboard(env: Env = {}): Dashboard {
  const chromium = useChromium();
  const hub = new TestHub({ ...calm, ...env });
  beforeAll(async () => {
    await hub.start();
    return () => hub.end();
  });
  return new Dashboard(hub, chromium);
}

/** Another hub, which ends with the test. */
export async function startOther(env: Env): Promise<HubProcess> {
  const other = await startHub({ ...calm, ...env });
  onTestFinished(() => other.kill());
  return other;
}

/** What a page said of itself, without the answers of routes that this hub does not have. */
export function faultsIn(said: readonly string[]): string[] {
  return said.filter((text) => !/the server responded with a status of 40[45]/.test(text));
}

/** The value of a figure on top, as it is shown. */
export function figure(page: Page, name: string): Locator {
  return page
    .locator('.figures div')
    .filter({ has: page.getByText(name, { exact: true }) })
    .locator('dd');
}

export function tableOf(page: Page, name: string): Locator {
  return page.getByRole('region', { name, exact: true });
}

export function rowOf(page: Page, table: string, name: string): Locator {
  return tableOf(page, table)
    .getByRole('row')
    .filter({ has: page.getByRole('rowheader', { name }) });
}

/** Ids in the first column, in the order shown. */
export function idsIn(page: Page, table: string): Promise<string[]> {
  return tableOf(page, table).locator('tbody th').allTextContents();
}

/** Confirms the question that is open. */
export async function answer(page: Page, action: string): Promise<void> {
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: action, exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
}

/** Answers a route in place of the hub. */
export function mock(page: Page, path: string, json: unknown, status = 200): Promise<unknown> {
  return page.route(
    (url) => url.pathname === path,
    (route) => route.fulfill({ status, json }),
  );
}
