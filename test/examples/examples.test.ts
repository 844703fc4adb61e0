/** Every example, and that of the README, run as its reader would, against a hub: its events arrive. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { calm, TestHub, uniqueId } from '../conformance/harness.ts';
import { hasChromium, useChromium } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import type { EventFrame } from '../support/frames.ts';
import { freePort } from '../support/free-ports.ts';
import { usePageServer } from '../support/page-server.ts';
import { pythonWith, runExample } from '../support/run-example.ts';

const python = pythonWith('websockets');

describe('the examples', () => {
  const server = usePageServer();
  let hub: TestHub;
  beforeAll(async () => {
    hub = new TestHub({ ...calm, DAT_ALLOWED_ORIGINS: server.origin() });
    await hub.start();
    return () => hub.end();
  });

  /** Waits for a message of that device. */
  async function messageOf(device: string): Promise<EventFrame> {
    const subscriber = await hub.subscriber({ devices: [device] });
    const frame = await subscriber.frames.next(({ op, type }) => op === 'event' && type === 'message');
    return frame as EventFrame;
  }

  it('device-node sends what it measures, and leaves with a goodbye', async () => {
    const DEVICE_ID = uniqueId('dev');
    const DEVICE_URL = `ws://127.0.0.1:${hub.process.devicePort}`;
    const { child, said } = runExample(process.execPath, ['examples/device-node/device.js'], {
      DEVICE_URL,
      DEVICE_ID,
    });
    const { data } = await messageOf(DEVICE_ID).catch((error: Error) => {
      throw new Error(`${error.message}\nthe example said:\n${said()}`);
    });
    expect(data).toEqual({ temperature: expect.any(Number) });
    expect(await hub.deviceEntry(DEVICE_ID)).toMatchObject({ state: 'online', status: 'measuring' });
    await eventually('the ack is printed', () => / °C is event \d+/.test(said()));
    child.kill('SIGINT');
    await eventually('it is offline', async () => (await hub.deviceEntry(DEVICE_ID))?.state === 'offline');
    await eventually('it has ended', () => child.exitCode === 0);
  });

  it.skipIf(python === undefined)('device-python sends what it measures', async () => {
    const DEVICE_ID = uniqueId('dev');
    const DEVICE_URL = `ws://127.0.0.1:${hub.process.devicePort}`;
    const script = ['-u', 'examples/device-python/device.py'];
    const { child, said } = runExample(python ?? '', script, { DEVICE_URL, DEVICE_ID });
    const { data } = await messageOf(DEVICE_ID).catch((error: Error) => {
      throw new Error(`${error.message}\nthe example said:\n${said()}`);
    });
    expect(data).toEqual({ temperature: expect.any(Number) });
    await eventually('the ack is printed', () => said().includes('"op":"ack"'));
    await hub.admin('DELETE', `/v1/devices/${DEVICE_ID}`);
    await eventually('it does not come back after 4009', () => child.exitCode === 0);
    await eventually('it has said why', () => said().includes('4009')); // its output may be read after its end
  });

  it.skipIf(python === undefined)('device-python says why it is not connected', async () => {
    const DEVICE_URL = `ws://127.0.0.1:${await freePort()}`;
    const { said } = runExample(python ?? '', ['-u', 'examples/device-python/device.py'], { DEVICE_URL });
    await eventually('it says so', () => /connect/i.test(said()));
  });

  it('README.md brings events from its device to its subscriber', async () => {
    const page = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const blocks = page
      .split('```')
      .filter((block) => block.includes("from 'device-aggregator-tunnel/client'"));
    expect(blocks).toHaveLength(1);
    const code = blocks[0]?.replace(/^js\n/, '') ?? '';
    const { devicePort, subscriberPort } = hub.process;
    const here = code.replace(':7400', `:${devicePort}`).replace(':7401', `:${subscriberPort}`);
    const { said } = runExample(process.execPath, ['--input-type=module', '--eval', here], {});
    await eventually('two events are printed', () => /\{ temperature: .*\{ temperature: /s.test(said()));
  });

  describe.skipIf(!hasChromium)('in a browser', () => {
    const chromium = useChromium();

    it('device-page sends what is typed', async () => {
      const dev = uniqueId('dev');
      const { page, said } = await chromium.page();
      const query = `hub=ws://127.0.0.1:${hub.process.devicePort}&id=${dev}`;
      await page.goto(`${server.origin()}/examples/device-page/index.html?${query}`);
      const subscriber = await hub.subscriber();
      await subscriber.subscribe(dev);
      await page.fill('#text', 'typed');
      await page.click('#send:enabled');
      const event = await subscriber.frames.next(({ type }) => type === 'message');
      expect(event).toMatchObject({ device: dev, data: { text: 'typed' } });
      await page.waitForFunction(
        (seq) => document.getElementById('log')?.textContent?.includes(`"seq":${seq}`),
        event.seq,
      );
      expect(said).toEqual([]);
    });

    it('subscriber-page shows devices as they are and what they send', async () => {
      const [dev, absent] = [uniqueId('dev'), uniqueId('dev')];
      const device = await hub.device(dev);
      const { page, said } = await chromium.page();
      const query = `hub=ws://127.0.0.1:${hub.process.subscriberPort}&devices=${dev},${absent}`;
      await page.goto(`${server.origin()}/examples/subscriber-page/index.html?${query}`);
      const shows = (wanted: string): Promise<unknown> =>
        page.waitForFunction(
          (start) =>
            [...document.querySelectorAll('#rows tr')].some((row) =>
              [...row.cells]
                .map(({ textContent }) => textContent)
                .join(' ')
                .startsWith(start),
            ),
          wanted,
        );
      await shows(`${dev} online 0`);
      await shows(`${absent} offline 0`);
      const { seq } = await device.message({ temperature: 21.5 });
      await shows(`${dev} online ${seq} {"temperature":21.5}`);
      await device.publish({ type: 'status', status: 'charging' });
      await shows(`${dev} charging ${seq + 1}`);
      await device.close(1000);
      await shows(`${dev} offline ${seq + 2}`);
      expect(await page.textContent('#state')).toContain('connected');
      expect(said).toEqual([]);
    });
  });
});

/** What the functions that run in a page use of it. */
declare const document: {
  getElementById(id: string): { readonly textContent: string | null } | null;
  querySelectorAll(
    selector: string,
  ): Iterable<{ readonly cells: Iterable<{ readonly textContent: string | null }> }>;
};
