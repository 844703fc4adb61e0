import { describe, expect, it } from 'vitest';
import { demoPorts } from '../../../src/cli/demo/ports.ts';

describe('the ports of a demo', () => {
  const all = async (): Promise<boolean> => true;
  const none = async (): Promise<boolean> => false;

  it('are the defaults where nobody listens', async () => {
    expect(await demoPorts({}, all)).toEqual({
      env: { DAT_DEVICE_PORT: '7400', DAT_SUBSCRIBER_PORT: '7401', DAT_ADMIN_PORT: '7402' },
      taken: [],
    });
  });

  it('are free ones where somebody does', async () => {
    const free = async (port: number): Promise<boolean> => port === 7401;
    expect(await demoPorts({}, free)).toEqual({
      env: { DAT_DEVICE_PORT: '0', DAT_SUBSCRIBER_PORT: '7401', DAT_ADMIN_PORT: '0' },
      taken: [7400, 7402],
    });
  });

  it('are those of the environment, in use or not', async () => {
    const { env, taken } = await demoPorts({ DAT_ADMIN_PORT: '8080' }, none);
    expect(env).toEqual({ DAT_DEVICE_PORT: '0', DAT_SUBSCRIBER_PORT: '0', DAT_ADMIN_PORT: '8080' });
    expect(taken).toEqual([7400, 7401]);
  });
});
