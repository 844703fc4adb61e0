import { describe, expect, it } from 'vitest';
import { uniqueId } from '../conformance/harness.ts';
import { firstOf } from '../support/attempts.ts';
import { hasChromium } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { answer, faultsIn, mock, rowOf, tableOf, useDashboard } from './harness.ts';

describe.skipIf(!hasChromium)('the page of a subscriber', () => {
  const dashboard = useDashboard();
  const { hub } = dashboard;

  it('shows what it follows, and denies, allows, pauses, resumes and removes a subscription', async () => {
    const { dev, sub } = await hub.pair();
    const { page, said } = await dashboard.open(`#/subscribers/${sub}`);
    const act = async (button: string): Promise<void> => {
      await page.getByRole('button', { name: `${button} ${dev}`, exact: true }).click();
      await answer(page, button);
    };
    await rowOf(page, 'Devices that it follows', dev).getByText('active').waitFor();
    await act('Pause');
    await rowOf(page, 'Devices that it follows', dev).getByText('paused').waitFor();
    await act('Resume');
    await hub.rowBecomes(dev, sub, { status: 'active' });
    await act('Deny');
    await hub.rowBecomes(dev, sub, { status: 'deny' });
    await act('Allow');
    await hub.rowBecomes(dev, sub, { status: 'allow' });
    await act('Remove');
    await hub.rowGoes(dev, sub);
    await page.getByText('It follows no device.').waitFor();
    expect(faultsIn(said)).toEqual([]);
  });

  it('shows its filters', async () => {
    const { sub, subscriber } = await hub.pair();
    const [one, other] = [`${uniqueId('a')}.*`, `${uniqueId('b')}.*`];
    await subscriber.ask('subscribe', [one, other]);
    await subscriber.ask('pause', [other]);
    const { page } = await dashboard.open(`#/subscribers/${sub}`);
    await page.getByText(`Filters: ${one}, ${other} (paused)`, { exact: true }).waitFor();
  });

  it('makes it a vip, and kicks it', async () => {
    const { dev, sub, subscriber } = await hub.pair();
    const { page } = await dashboard.open(`#/subscribers/${sub}`);
    await page.getByRole('button', { name: 'Make vip' }).click();
    await answer(page, 'Make vip');
    await hub.rowBecomes(dev, sub, { vip: true });
    await page.getByRole('button', { name: 'Remove vip' }).click();
    await answer(page, 'Remove vip');
    await hub.rowBecomes(dev, sub, { vip: false });
    await page.getByRole('button', { name: 'Kick', exact: true }).click();
    await answer(page, 'Kick');
    expect(await subscriber.closed).toMatchObject({ code: 4005 });
    await page.getByText('The hub does not know this subscriber.').waitFor();
  });

  it('is reached from who follows a device, and leads to its devices', async () => {
    const { dev, sub } = await hub.pair();
    const { page } = await dashboard.open(`#/devices/${dev}`);
    await page.getByRole('link', { name: sub, exact: true }).click();
    await page.getByRole('heading', { name: sub }).waitFor();
    await page.getByRole('link', { name: dev, exact: true }).click();
    await page.getByRole('heading', { name: dev }).waitFor();
  });
});

describe.skipIf(!hasChromium)('the page of a slow subscriber', () => {
  const dashboard = useDashboard({ DAT_SEND_QUEUE_BYTES: '65536' });
  const { hub } = dashboard;

  it('is reached from the overview, and shows what waits for it', async () => {
    await firstOf('the hub closed the subscriber, which was slow for too long', async () => {
      const { dev, sub, device, subscriber } = await hub.pair();
      subscriber.stopReading();
      const { page } = await dashboard.open();
      const data = 'x'.repeat(30_000);
      const sending = setInterval(() => device.send({ type: 'message', data }), 10);
      const isShown = async (what: string, look: () => Promise<boolean>): Promise<boolean> => {
        const seen = await eventually(what, async () => {
          if (await look()) return 'shown';
          return (await hub.row(dev, sub))?.connected === false && 'closed';
        });
        return seen === 'shown';
      };
      const link = page.getByRole('link', { name: sub, exact: true });
      const facts = page.locator('.facts');
      const hasFact = (fact: RegExp) => async (): Promise<boolean> =>
        (await facts.count()) > 0 && fact.test((await facts.textContent()) ?? '');
      try {
        if (!(await isShown('a link', async () => (await link.count()) > 0))) return undefined;
        await link.click();
        if (!(await isShown('a queue', hasFact(/Send queue[1-9][\d.]* (Ki|Mi)B/)))) return undefined;
        return (await isShown('the time', hasFact(/Slow for\d+ s/))) || undefined;
      } finally {
        clearInterval(sending);
        void device.drop();
      }
    });
  });
});

describe.skipIf(!hasChromium)('the page of subscribers', () => {
  const dashboard = useDashboard();
  const { hub } = dashboard;
  const entry = (subscriber: string) => ({
    subscriber,
    connected: true,
    address: '192.0.2.7',
    transport: 'websocket',
    encoding: 'binary',
    connectedAt: Date.now() - 60_000,
    lastSeen: Date.now(),
    queueBytes: 2048,
    vip: true,
    subscriptions: { active: 12, inactive: 3, allow: 0, deny: 1 },
  });

  it('lists them in pages, and keeps search and page in its address', async () => {
    const questions: string[] = [];
    const { page } = await dashboard.open('#/subscribers', {
      before: (opened) =>
        opened.route(
          (url) => url.pathname === '/v1/subscribers',
          (route) => {
            const query = new URL(route.request().url()).searchParams;
            questions.push(`${query.get('search') ?? ''}/${query.get('cursor') ?? ''}`);
            const isSecond = query.get('cursor') === 'next';
            const others = Array.from({ length: Number(query.get('limit')) - 1 }, (_, n) => `other-${n}`);
            const first = [`board-${query.get('search') ?? ''}`, ...others];
            return route.fulfill({
              json: {
                subscribers: (isSecond ? ['second-page'] : first).map(entry),
                cursor: isSecond ? null : 'next',
              },
            });
          },
        ),
    });
    const row = rowOf(page, 'Subscribers', 'board-');
    await row.waitFor();
    const text = (await row.textContent()) ?? '';
    for (const part of ['vip', '192.0.2.7', 'binary, websocket', '2 KiB', '12', '3'])
      expect(text).toContain(part);
    await page.getByRole('button', { name: 'Next' }).click();
    await rowOf(page, 'Subscribers', 'second-page').waitFor();
    await page.waitForURL((url) => url.hash.includes('cursor=next'));
    await page.getByRole('button', { name: 'Previous' }).click();
    await row.waitFor();
    await page.getByLabel('Search').fill('x');
    await rowOf(page, 'Subscribers', 'board-x').waitFor();
    expect(page.url()).toContain('search=x');
    expect(new Set(questions)).toEqual(new Set(['/', '/next', 'x/']));
  });

  it("tells times by the hub's clock, whatever the browser's says", async () => {
    const { sub } = await hub.pair();
    const { page } = await dashboard.open(`#/subscribers?search=${sub}`, {
      before: (opened) => opened.clock.setFixedTime(Date.now() + 86_400_000),
    });
    const row = rowOf(page, 'Subscribers', sub);
    await row.waitFor();
    expect(await row.textContent()).not.toContain('1 d');
  });

  it('says in one line that there is no list, where the hub has no such route', async () => {
    const message = 'no route GET /v1/subscribers, see /openapi.json';
    const { page } = await dashboard.open('#/subscribers', {
      before: (opened) => mock(opened, '/v1/subscribers', { error: { code: 'not_found', message } }, 404),
    });
    await page.getByText('not available: this hub has no GET /v1/subscribers').waitFor();
  });

  it('kicks one', async () => {
    const sub = uniqueId('kicked');
    const subscriber = await hub.subscriber({ id: sub });
    await subscriber.subscribe(uniqueId('dev'));
    const { page } = await dashboard.open('#/subscribers', {
      before: (opened) => mock(opened, '/v1/subscribers', { subscribers: [entry(sub)], cursor: null }),
    });
    await page.getByRole('button', { name: `Kick ${sub}` }).click();
    await answer(page, 'Kick');
    expect(await subscriber.closed).toMatchObject({ code: 4005 });
  });
});

describe.skipIf(!hasChromium)('the page of a cluster', () => {
  const dashboard = useDashboard();

  it('shows its nodes and all of them together', async () => {
    const node = { version: '1.0.0', started: Date.now() - 3_600_000, devices: 10, subscribers: 2 };
    const cluster = {
      node: 'one',
      state: 'connected',
      nodes: [
        {
          ...{ ...node, id: 'one', eventsPerSecond: 100, roundTripMs: null, phase: 'in', draining: false },
          ...{ eventsSent: 1000, eventsReceived: 20, gaps: 0 },
        },
        {
          ...{ ...node, id: 'two', eventsPerSecond: 50, roundTripMs: 0.4, phase: 'in', draining: true },
          ...{ eventsSent: 20, eventsReceived: 1000, gaps: 3 },
        },
      ],
      lost: ['three'],
    };
    const { page } = await dashboard.open('#/cluster', {
      before: (opened) => mock(opened, '/v1/cluster', cluster),
    });
    await page.getByText('2 nodes, 1 lost').waitFor();
    expect(await tableOf(page, 'Nodes').locator('tbody tr').allTextContents()).toEqual([
      'one (this hub)live1.0.01 h 0 min ago102100–1,000200',
      'twodraining1.0.01 h 0 min ago102500.40 ms201,0003',
      'threelost',
      'all nodes2041501,0201,0203',
    ]);
  });

  it('says in one line that there is none', async () => {
    const { page } = await dashboard.open('#/cluster');
    await page.getByText('This hub is not part of a cluster.').waitFor();
    expect(await page.getByRole('navigation').getByText('Cluster').count()).toBe(1);
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('region', { name: 'Threads', exact: true }).first().waitFor();
    expect(await page.getByRole('navigation').getByText('Cluster').count()).toBe(0);
  });
});
