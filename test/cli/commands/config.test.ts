import { describe, expect, it } from 'vitest';
import { SECRET } from '../../support/tokens.ts';
import { dat } from '../run.ts';

describe('dat config', () => {
  it('checks the settings of environment and flags', async () => {
    expect(await dat(['config', 'check'])).toMatchObject({ code: 0, stderr: '' });
    for (const flags of [['--device-port=99999'], ['--', '--device-port=99999']]) {
      const wrong = await dat(['config', 'check', ...flags]);
      expect(wrong.code).toBe(78);
      expect(wrong.stderr).toContain('--device-port');
    }
  });

  it('shows where each value comes from, and no secret', async () => {
    const shown = await dat(['config', 'show', '--json'], {
      DAT_AUTH_JWT_SECRET: SECRET,
      DAT_ADMIN_PORT: '7999',
      DAT_CLUSTER_NATS_URL: 'nats://hub:hunter2@one:4222,nats://two:4222',
    });
    expect(shown.stdout).not.toContain(SECRET);
    expect(shown.stdout).not.toContain('hunter2');
    expect(JSON.parse(shown.stdout)).toMatchObject({
      authJwtSecret: { value: '********', from: 'env DAT_AUTH_JWT_SECRET' },
      adminPort: { value: 7999, from: 'env DAT_ADMIN_PORT' },
      clusterNatsUrl: { value: ['nats://********@one:4222', 'nats://two:4222'] },
      host: { value: '127.0.0.1', from: 'default' },
    });
  });

  it('shows what stands for a value that is not given', async () => {
    const { stdout } = await dat(['config', 'show']);
    const shown = (key: string): string | undefined =>
      stdout.split('\n').find((line) => line.startsWith(`${key} `));
    expect(shown('clusterNatsUrl')).toContain('(none)');
    expect(shown('nodeId')).toContain('(generated)');
    expect(shown('allowedOrigins')).toContain('(same host)');
    expect(shown('host')).toContain('127.0.0.1');
  });

  it('describes the config file and the environment', async () => {
    const schema = JSON.parse((await dat(['config', 'schema'])).stdout);
    expect(schema.properties.devicePort).toEqual({
      type: 'integer',
      minimum: 0,
      maximum: 65_535,
      default: 7400,
      description: expect.any(String),
    });
    expect((await dat(['config', 'env'])).stdout).toContain('#DAT_DEVICE_PORT=7400');
  });
});
