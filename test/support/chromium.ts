/** Debian's Chromium, driven through playwright-core. */
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { chromiumOptions } from '../../fixtures/chromium.ts';
import { WAIT_MS } from './waits.ts';

/** Whether there is a Chromium to test with; `.ci/run` sees to it. */
export const hasChromium = existsSync(chromiumOptions.executablePath);

/** Registers the start and the end of a browser for the surrounding suite; its profile is new and goes with it. */
export function useChromium(): Chromium {
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await chromium.launch({ ...chromiumOptions, timeout: WAIT_MS });
  });
  afterAll(() => browser?.close());
  return {
    async page() {
      if (browser === undefined) throw new Error('Chromium has not started');
      const page = await browser.newPage();
      onTestFinished(() => page.close());
      return listenedTo(page);
    },
    async tabs() {
      if (browser === undefined) throw new Error('Chromium has not started');
      const session = await browser.newContext();
      onTestFinished(() => session.close());
      return async () => listenedTo(await session.newPage());
    },
  };
}

function listenedTo(page: Page): BrowserPage {
  const said: string[] = [];
  page.setDefaultTimeout(WAIT_MS);
  page.on('console', (message) => said.push(message.text()));
  page.on('pageerror', (error) => said.push(String(error)));
  return { page, said };
}

export interface Chromium {
  /** A page that shares nothing with any other. */
  page(): Promise<BrowserPage>;
  /** @returns opens a tab; its tabs share what tabs of one browser share */
  tabs(): Promise<() => Promise<BrowserPage>>;
}

export interface BrowserPage {
  readonly page: Page;
  /** What the page wrote to its console, and its errors. */
  readonly said: readonly string[];
}
