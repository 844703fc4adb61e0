import { describe, expect, it } from 'vitest';
import { useHub } from '../conformance/harness.ts';

describe('an event without data', () => {
  const hub = useHub({ DAT_FANOUT_WORKERS: '1' });

  it.each(['dat.v1.json', 'dat.v1.binary'])(
    'has the data null in %s, flagged as JSON and JSON',
    async (protocol) => {
      const { dev, device } = await hub.pair();
      const subscriber = await hub.subscriber({ protocols: [protocol] });
      await subscriber.subscribe(dev);
      for (const type of ['message', 'pong']) {
        device.send({ type });
        expect(await subscriber.event(dev)).toMatchObject({ type, data: null });
      }
    },
  );
});
