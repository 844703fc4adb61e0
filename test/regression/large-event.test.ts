import { describe, expect, it } from 'vitest';
import { useHub } from '../conformance/harness.ts';

describe('an event larger than any before it', () => {
  const hub = useHub({ DAT_FANOUT_WORKERS: '1' });

  it('arrives whole, though the buffer it is encoded in has to grow for it', async () => {
    const { dev, device, subscriber } = await hub.pair();
    const data = 'x'.repeat(60_000);
    device.send({ type: 'message', data });
    expect((await subscriber.event(dev)).data).toBe(data);
  });
});
