import { describe, expect, it } from 'vitest';
import { uniqueId } from '../conformance/harness.ts';
import { hasChromium } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/free-ports.ts';
import { answer, faultsIn, startOther, useDashboard } from './harness.ts';

describe.skipIf(!hasChromium)('the page of access rules', () => {
  const dashboard = useDashboard();
  const { hub } = dashboard;
  const rules = async () => (await hub.admin('GET', '/v1/access/rules')).body as { rules: unknown[] };
  const put = (...list: object[]) => hub.admin('PUT', '/v1/access/rules', { rules: list });

  it('tells what a draft would remove before it is applied, and applies it', async () => {
    await put();
    const { dev, sub, subscriber } = await hub.pair();
    const { page, said } = await dashboard.open('#/rules');
    await page.getByText('No rules.').waitFor();
    await page.getByRole('button', { name: 'Add rule' }).click();
    const rule = page.getByRole('listitem', { name: 'Rule 1' });
    await rule.getByLabel('Device').fill(dev);
    await rule.getByLabel('Subscriber').fill(`${sub.slice(0, -1)}*`);
    await page.getByRole('button', { name: 'Dry run' }).click();
    await page.getByText('These rules would remove 1 live subscription.').waitFor();
    expect(await rules()).toEqual({ rules: [] });
    await page.getByRole('button', { name: 'Apply…' }).click();
    await page.getByRole('dialog').getByText('They remove 1 live subscription').waitFor();
    await answer(page, 'Apply');
    await page.getByText('Applied: 1 live subscription removed.').waitFor();
    expect(await rules()).toEqual({
      rules: [{ device: dev, subscriber: `${sub.slice(0, -1)}*`, access: 'deny' }],
    });
    expect(await subscriber.frames.next(({ op }) => op === 'removed')).toMatchObject({ code: 103 });
    expect(faultsIn(said)).toEqual([]);
  });

  it('moves and deletes rules, and refuses what is no pattern', async () => {
    const names = ['a', 'b', 'c'].map((name) => uniqueId(name));
    await put(...names.map((device) => ({ device, subscriber: '*', access: 'allow' })));
    const { page } = await dashboard.open('#/rules');
    await page.getByRole('button', { name: 'Move rule 3 up' }).click();
    await page.getByRole('button', { name: 'Delete rule 1' }).click();
    const first = page.getByRole('listitem', { name: 'Rule 1' }).getByLabel('Device');
    await eventually('the rules in their new order', async () => (await first.inputValue()) === names[2]);
    await first.fill('a*b');
    await page.getByRole('alert').getByText('a prefix of one ending in *').waitFor();
    expect(await page.getByRole('button', { name: 'Apply…' }).isDisabled()).toBe(true);
    await first.fill(names[2]!);
    await page.getByRole('button', { name: 'Apply…' }).click();
    await answer(page, 'Apply');
    await page.getByText('Applied: no live subscriptions removed.').waitFor();
    expect(await rules()).toMatchObject({ rules: [{ device: names[2] }, { device: names[1] }] });
  });

  it('says nothing of a draft that the hub said of one before', async () => {
    await put();
    const { page } = await dashboard.open('#/rules');
    await page.getByRole('button', { name: 'Add rule' }).click();
    const device = page.getByRole('listitem', { name: 'Rule 1' }).getByLabel('Device');
    await device.fill(uniqueId('none'));
    await page.getByRole('button', { name: 'Dry run' }).click();
    await page.getByText('These rules would remove no live subscriptions.').waitFor();
    await device.fill(uniqueId('other'));
    await page.getByText('Not applied yet.').waitFor();
  });

  it('keeps a draft when the hub is restarted', async () => {
    const env = await freePorts();
    const first = await startOther(env);
    const { page } = await dashboard.open('#/rules', { port: first.adminPort });
    const device = uniqueId('device');
    await page.getByRole('button', { name: 'Add rule' }).click();
    await page.getByRole('listitem', { name: 'Rule 1' }).getByLabel('Device').fill(device);
    await first.kill();
    await page.getByText('no connection', { exact: true }).waitFor();
    await startOther(env);
    await page.getByText('the hub was restarted').waitFor();
    const kept = page.getByRole('listitem', { name: 'Rule 1' }).getByLabel('Device');
    expect(await kept.inputValue()).toBe(device);
    await page.getByRole('button', { name: 'Apply…' }).click();
    await answer(page, 'Apply');
    await page.getByText('Applied: no live subscriptions removed.').waitFor();
  });

  it('says that another operator has changed the rules meanwhile, before they are replaced', async () => {
    await put();
    const { page } = await dashboard.open('#/rules');
    await page.getByRole('button', { name: 'Add rule' }).click();
    await page.getByRole('listitem', { name: 'Rule 1' }).getByLabel('Device').fill(uniqueId('none'));
    await put({ device: 'theirs', subscriber: '*', access: 'deny' });
    await page.getByRole('button', { name: 'Apply…' }).click();
    await page.getByRole('dialog').getByText('Another operator has changed the rules').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    expect(await rules()).toMatchObject({ rules: [{ device: 'theirs' }] });
    await page.getByRole('button', { name: 'Discard changes' }).click();
    // The draft stays until the hub has told its rules.
    const device = page.getByRole('listitem', { name: 'Rule 1' }).getByLabel('Device');
    await eventually("the other operator's rule", async () => (await device.inputValue()) === 'theirs');
  });
});
