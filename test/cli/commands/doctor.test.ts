import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-ports.ts';
import { startHub } from '../../support/hub-process.ts';
import { dat, jsonLines } from '../run.ts';

describe('dat doctor', () => {
  it('names what it looked at, and a fix for all that is not good', async () => {
    const findings = jsonLines((await dat(['doctor', '--json'])).stdout);
    expect(findings.map(({ name }) => name)).toContain('transport');
    for (const { state, fix } of findings) expect(typeof fix).toBe(state === 'good' ? 'undefined' : 'string');
  });

  it('looks at the port for MQTT: off, free, a hub, something else', async () => {
    const found = async (port: string): Promise<unknown> => {
      const { stdout } = await dat(['doctor', '--json'], { DAT_MQTT_PORT: port });
      return jsonLines(stdout).find(({ name }) => name === 'MQTT over TCP');
    };
    expect(await found('off')).toMatchObject({ state: 'good' });
    expect(await found(String(await freePort()))).toMatchObject({
      state: 'good',
      found: expect.stringContaining('is free'),
    });
    const hub = await startHub({ DAT_MQTT_PORT: '0' });
    onTestFinished(() => void hub.stop());
    // A hub that does not answer soon is taken for something else.
    await eventually('the hub is known by its answer', async () => {
      const { state } = (await found(String(hub.mqttPort))) as { readonly state: string };
      return state === 'good';
    });
    expect(await found(String(hub.adminPort))).toMatchObject({ state: 'bad' });
    expect(await found('99999')).toMatchObject({ state: 'bad' });
  });
});
