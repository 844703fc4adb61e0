import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { SECRET } from '../../support/tokens.ts';
import { start } from '../run.ts';

describe('dat demo', () => {
  it('runs hub, fleet and dashboard with one command, and ignores settings for other hubs', async () => {
    const ports = { DAT_DEVICE_PORT: '0', DAT_SUBSCRIBER_PORT: '0', DAT_ADMIN_PORT: '0' };
    const env = { ...ports, DAT_AUTH_JWT_SECRET: SECRET, DAT_TOKEN: 'x', DAT_TLS_CERT_FILE: 'none' };
    const demo = start(['demo', '--devices', '3', '--rate', '10', '--seconds', '3'], env);
    await eventually('the dashboard is there', () => /dashboard {4}(\S+)/.test(demo.out.stdout));
    const url = /dashboard {4}(\S+)/.exec(demo.out.stdout)?.[1] ?? '';
    expect(await (await fetch(url)).text()).toContain('<!doctype html>');
    expect((await demo.ended).code).toBe(0);
  });
});
