import { describe, expect, it } from 'vitest';
import { hasChromium } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { mock, tableOf, useDashboard } from './harness.ts';

const at = new Date().setHours(12, 0, 0, 0);
const entries = [
  {
    kind: 'action',
    at: at + 4000,
    who: 'admin token',
    from: '127.0.0.1',
    action: 'PUT /v1/devices/:device/subscribers/:subscriber',
    what: { device: 'dev-1', subscriber: 'board', status: 'deny' },
    status: 200,
    tookMs: 2,
  },
  {
    kind: 'action',
    at: at + 3000,
    who: 'ada',
    from: '192.0.2.1',
    action: 'PUT /v1/access/rules',
    what: { dryRun: true, rules: 3 },
    status: 503,
    tookMs: 1,
  },
  {
    kind: 'refusedRequest',
    at: at + 2000,
    from: '192.0.2.2',
    action: 'GET /v1/devices',
    status: 401,
    message: 'no token',
  },
  {
    kind: 'refused',
    at: at + 1000,
    thread: 'main',
    role: 'device',
    reason: 'token',
    status: 401,
    message: 'the token has expired',
    address: '192.0.2.3',
    id: '<b>dev-7</b>',
  },
  { kind: 'suppressed', at, thread: 'fanout-0', role: 'subscriber', reason: 'origin', count: 1200 },
];

describe.skipIf(!hasChromium)('the page of activity', () => {
  const dashboard = useDashboard();

  it('says in words what operators did and what the hub refused, and shows either alone', async () => {
    const { page } = await dashboard.open('#/activity', {
      before: (opened) => mock(opened, '/v1/activity', { entries }),
    });
    const rows = tableOf(page, 'Activity').last().locator('tbody tr');
    await page.getByText('set a subscription').waitFor();
    expect(await rows.allTextContents()).toEqual([
      '12:00:04admin token127.0.0.1set a subscriptiondevice dev-1, subscriber board, status denydone',
      '12:00:03ada192.0.2.1dry run of access rulesrules 3failed (503)',
      '12:00:02–192.0.2.2admin request GET /v1/devicesno tokenrefused (401)',
      '12:00:01<b>dev-7</b>192.0.2.3connection of a devicethe token has expiredrefused (401)',
      '12:00:00––1,200 more connections of subscribersoriginrefused',
    ]);
    await page.getByRole('button', { name: 'Refusals' }).click();
    await page.waitForURL((url) => url.hash === '#/activity?show=refusals');
    await eventually('refusals alone', async () => (await rows.count()) === 3);
    await page.getByRole('button', { name: 'Operator actions' }).click();
    await page.getByRole('link', { name: 'dev-1' }).click();
    await page.getByRole('heading', { name: 'dev-1' }).waitFor();
  });

  it('says in one line that there is none, where the hub has no such route', async () => {
    const message = 'no route GET /v1/activity, see /openapi.json';
    const { page } = await dashboard.open('#/activity', {
      before: (opened) => mock(opened, '/v1/activity', { error: { code: 'not_found', message } }, 404),
    });
    await page.getByText('not available: this hub has no GET /v1/activity').waitFor();
  });
});
