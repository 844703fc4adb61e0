import { describe, expect, it } from 'vitest';
import { marker, uniqueId } from '../conformance/harness.ts';
import { hasChromium } from '../support/chromium.ts';
import { answer, faultsIn, mock, rowOf, tableOf, useDashboard } from './harness.ts';

describe.skipIf(!hasChromium)('the page of a device', () => {
  const dashboard = useDashboard();
  const { hub } = dashboard;

  it('denies a subscriber once it is confirmed, and delivery stops', async () => {
    const { dev, sub, device, subscriber } = await hub.pair();
    const witness = await hub.witness(dev);
    await marker(device, subscriber);
    const { page, said } = await dashboard.open(`#/devices/${dev}`);
    await page.getByRole('button', { name: `Deny ${sub}`, exact: true }).click();
    await page.getByRole('dialog').getByText('no more events of').waitFor();
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
    expect(faultsIn(said)).toEqual([]);
  });

  it('pauses, resumes, makes vip and kicks', async () => {
    const { dev, sub, subscriber } = await hub.pair();
    const { page } = await dashboard.open(`#/devices/${dev}`);
    const act = async (button: string, action = button): Promise<void> => {
      await page.getByRole('button', { name: `${button} ${sub}`, exact: true }).click();
      await answer(page, action);
    };
    await act('Pause');
    await hub.rowBecomes(dev, sub, { status: 'inactive', reason: 'paused' });
    await act('Resume');
    await hub.rowBecomes(dev, sub, { status: 'active' });
    await act('Make vip');
    await hub.rowBecomes(dev, sub, { vip: true });
    await act('Remove vip');
    await hub.rowBecomes(dev, sub, { vip: false });
    await act('Kick');
    expect(await subscriber.closed).toMatchObject({ code: 4005 });
    await rowOf(page, 'Subscribers', sub).waitFor({ state: 'detached' });
  });

  it('says why the hub would not do something, and asks on', async () => {
    const { dev, sub } = await hub.pair();
    const { page } = await dashboard.open(`#/devices/${dev}`);
    await page.getByRole('button', { name: `Kick ${sub}`, exact: true }).click();
    await hub.admin('DELETE', `/v1/subscribers/${sub}`);
    await page.getByRole('dialog').getByRole('button', { name: 'Kick' }).click();
    await page.getByRole('dialog').getByRole('alert').getByText(sub).waitFor();
  });

  it('names the gateway that speaks for the device, as long as it does', async () => {
    const [dev, gw] = [uniqueId('dev'), uniqueId('gw')];
    const gateway = await hub.gateway(gw);
    await gateway.message(dev, 1);
    const { page } = await dashboard.open(`#/devices/${dev}`);
    await page.getByText('Through gateway').waitFor();
    await page.getByText(gw, { exact: true }).waitFor();
    await hub.connectDevice(dev);
    await page.getByText('Through gateway').waitFor({ state: 'detached' });
  });

  it('shows the events of a device as they come, and status and data as text', async () => {
    const dev = uniqueId('dev');
    const device = await hub.device(dev);
    const { page, said } = await dashboard.open(`#/devices/${dev}`);
    await page.locator('.panel-head').getByText('online').waitFor();
    const markup = '<img src=/x onerror="window.broken=1"><script>window.broken=1</script>';
    device.send({ type: 'status', status: markup.slice(0, 64), data: markup });
    device.send({ type: 'message', data: { [markup]: `</code>${markup}` } });
    const events = tableOf(page, 'Events').first();
    await events.getByText(JSON.stringify(markup), { exact: true }).waitFor();
    await events.getByText(JSON.stringify({ [markup]: `</code>${markup}` }), { exact: true }).waitFor();
    await page.locator('.facts').getByText(markup.slice(0, 64), { exact: true }).waitFor();
    await page.goto(page.url().replace(/#.*/, `#/devices?search=${dev}`));
    await rowOf(page, 'Devices', dev).getByText(markup.slice(0, 64), { exact: true }).waitFor();
    await page.goto(page.url().replace(/#.*/, `#/follow?filter=${dev}`));
    await rowOf(page, 'Followed devices', dev).getByText(markup.slice(0, 64), { exact: true }).waitFor();
    device.send({ type: 'message', data: markup });
    await rowOf(page, 'Followed devices', dev).getByText(JSON.stringify(markup), { exact: true }).waitFor();
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.evaluate('window.broken')).toBeUndefined();
    expect(faultsIn(said)).toEqual([]);
  });

  it('starts with the events that the hub kept, and shows none of them twice', async () => {
    const { dev, device } = await hub.pair();
    const at = Date.now();
    const kept = [
      { type: 'message', source: 'device', seq: 4, at: at - 1000, priority: 'normal', data: { n: 4 } },
      { type: 'status', source: 'hub', seq: 3, at: at - 2000, priority: 'high', data: { state: 'online' } },
      {
        type: 'status',
        source: 'device',
        seq: 2,
        at: at - 3000,
        priority: 'high',
        status: 'idle',
        data: null,
      },
      { type: 'message', source: 'device', seq: 1, at: at - 4000, priority: 'low', data64: 'AP8=' },
    ];
    // The hub answers late: what came over the stream meanwhile is among the kept events too
    let answerNow = (): void => {};
    const asked = new Promise<void>((resolve) => {
      answerNow = resolve;
    });
    let liveAt = 0;
    const { page } = await dashboard.open(`#/devices/${dev}`, {
      before: async (opened) => {
        await opened.route(
          (url) => url.pathname === `/v1/devices/${dev}/events`,
          async (route) => {
            await asked;
            const live = {
              type: 'message',
              source: 'device',
              seq: 5,
              priority: 'normal',
              data: { live: [1, 2] },
            };
            const events = [{ ...live, at: liveAt }, ...kept];
            await route.fulfill({ json: { events, epoch: 'k1', cursor: null } });
          },
        );
      },
    });
    await page.locator('.panel-head').getByText('online').waitFor();
    device.sendText('{"type":"message","data":{"live": [1, 2]}}');
    const events = tableOf(page, 'Events').last();
    await events.getByText('{"live": [1, 2]}', { exact: true }).waitFor();
    const shownAt = (await events.locator('tbody tr td').first().textContent()) ?? '';
    liveAt = timeOfToday(shownAt);
    answerNow();
    await events.getByText('{"n":4}', { exact: true }).waitFor();
    const rows = await events.locator('tbody tr').allTextContents();
    expect(rows.map((text) => text.replace(/^[\d:.]+/, ''))).toEqual([
      'messagenormal16 B{"live": [1, 2]}',
      'messagenormal7 B{"n":4}',
      'hub statushigh18 B{"state":"online"}',
      'statushigh0 Bidle ',
      'messagelow2 Bbinary AP8=',
    ]);
  });

  it('asks for what came during a hold once it ends', async () => {
    const { dev, device } = await hub.pair();
    let asked = 0;
    const { page } = await dashboard.open(`#/devices/${dev}`, {
      before: (opened) =>
        opened.route(
          (url) => url.pathname === `/v1/devices/${dev}/events`,
          (route) => {
            asked += 1;
            const fields = { type: 'message', source: 'device', seq: 9, priority: 'normal' };
            const events = asked === 1 ? [] : [{ ...fields, at: Date.now(), data: 'meanwhile' }];
            return route.fulfill({ json: { events, epoch: 'k1', cursor: null } });
          },
        ),
    });
    await page.locator('.panel-head').getByText('online').waitFor();
    const events = tableOf(page, 'Events').last();
    device.sendText('{"type":"message","data":"before"}');
    await events.getByText('"before"', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Hold' }).click();
    await page.getByText('on hold', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Resume', exact: true }).click();
    await events.getByText('"meanwhile"', { exact: true }).waitFor();
    expect(await events.getByText('"before"').count()).toBe(1);
  });

  it.each(['#/devices/two%20words', '#/subscribers/two%20words'])(
    'says that an address names no id, and the stream that tabs share goes on: %s',
    async (address) => {
      const { page } = await dashboard.open(address);
      await page.getByRole('alert').getByText('"two words" is not an id').waitFor();
      await page.getByText('live', { exact: true }).waitFor();
    },
  );

  it('says in one line that earlier events are not there, where the hub has no such route', async () => {
    const { dev } = await hub.pair();
    const { page } = await dashboard.open(`#/devices/${dev}`, {
      before: (opened) =>
        mock(
          opened,
          `/v1/devices/${dev}/events`,
          { error: { code: 'method_not_allowed', message: 'POST' } },
          405,
        ),
    });
    await page.getByText('Earlier events are not available').waitFor();
  });
});

/** Milliseconds since 1970 of a time as the log shows it. */
function timeOfToday(text: string): number {
  const [hours = 0, minutes = 0, seconds = 0, ms = 0] = text.split(/[:.]/).map(Number);
  return new Date().setHours(hours, minutes, seconds, ms);
}
