/**
 * `npm run bench:browser`: what a page's subscriber costs a browser, event by event and in batches, JSON and binary, in
 * turns on the same fleet.
 */
import { nowUs } from '../../src/cli/bench/clock.ts';
import { Generator } from '../../src/cli/bench/generator.ts';
import { deviceId, EVENT_BYTES, WHOLE } from '../../src/cli/bench/load.ts';
import type { SenderReport } from '../../src/cli/bench/messages.ts';
import { numbersOf } from '../load/arguments.ts';
import { generatorFile } from '../load/generator-file.ts';
import { median } from '../load/results.ts';
import { cpuUse } from '../load/server-usage.ts';
import type { Shape } from '../load/shapes.ts';
import { dat } from '../peers/dat.ts';
import { openBrowser } from './chromium.ts';

const { rounds, seconds } = numbersOf('bench:browser', {
  rounds: { default: 3, least: 1 },
  seconds: { default: 5, least: 1 },
});
const windowMs = seconds * 1000;

/** What one subscriber of the load `board` follows. */
const fleet: Shape = {
  name: 'page',
  about: 'one page that follows a whole fleet',
  ...{ devices: 200, rate: 20, subscribers: 1, following: 200 },
  per: 'delivery',
};
const WARMUP_MS = 2000;
/** The share of what is due that has to come for a turn to count. */
const DELIVERED_MIN = 0.95;
/** The load ends with the bench: however long a browser takes, each turn has all of it. */
const LOAD_US_MAX = 24 * 3600e6;
const ways = [
  { name: 'JSON', options: { batch: false } },
  { name: 'JSON, batches', options: { batch: true } },
  { name: 'binary', options: { binary: true, batch: false } },
  { name: 'binary, batches', options: { binary: true, batch: true } },
] as const;

interface Taken {
  readonly browserUs: number;
  readonly hubUs: number;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const browser = await openBrowser();
const hub = await dat('dat', { env: { DAT_ALLOWED_ORIGINS: browser.origin } }).start();
const sender = new Generator<SenderReport>(generatorFile, 'sender');
const results = new Map<string, Taken[]>();
try {
  await sender.open({ target: hub.target, load: fleet, share: WHOLE });
  sender.run({ fromUs: nowUs(), toUs: nowUs() + LOAD_US_MAX }, fleet.rate);
  const devices = Array.from({ length: fleet.devices }, (_, device) => deviceId(device));
  for (let round = 0; round < rounds; round++) {
    for (const { name, options } of ways) {
      const page = await browser.follow({ url: hub.target.subscriberUrl, ...options }, devices);
      await wait(WARMUP_MS);
      const before = await sample(page);
      await wait(windowMs);
      const after = await sample(page);
      await page.close();
      const events = after.events - before.events;
      // A page that gets less has less to do.
      const due = fleet.devices * fleet.rate * seconds;
      if (events < DELIVERED_MIN * due) throw new Error(`${name}: ${events} of ${due} events came`);
      const taken = {
        browserUs: (after.browserUs - before.browserUs) / events,
        hubUs: (after.hubUs - before.hubUs) / events,
      };
      results.set(name, [...(results.get(name) ?? []), taken]);
      console.error(`${round + 1}/${rounds} ${name}: ${(events / (windowMs / 1e3)).toFixed(0)} events/s`);
    }
  }
} finally {
  sender.end();
  await browser.close();
  await hub.stop();
}
console.log(`${fleet.devices} devices × ${fleet.rate}/s to one page, events of ${EVENT_BYTES} bytes of JSON`);
console.table(
  Object.fromEntries(
    [...results].map(([name, runs]) => [
      name,
      {
        'browser, CPU µs per event': Number(median(runs.map(({ browserUs }) => browserUs)).toFixed(1)),
        'hub, CPU µs per event': Number(median(runs.map(({ hubUs }) => hubUs)).toFixed(1)),
        runs: runs.length,
      },
    ]),
  ),
);

async function sample(page: Awaited<ReturnType<typeof browser.follow>>) {
  const events = await browser.countOf(page);
  return { events, browserUs: browser.cpuUs(), hubUs: cpuUse(hub.pids()).totalUs };
}
