/** The hub read its own memory by a file, once a second, and died of not being able to. */
import { execFileSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { calm, TestHub } from '../conformance/harness.ts';
import { eventually } from '../support/eventually.ts';
import { uwsLoads } from '../support/uws-loads.ts';

const rows = [
  ['uws, 1 fan-out worker', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '1' }],
  ['ws', { DAT_TRANSPORT: 'ws' }],
] as const;

describe.each(rows)('connections that use up all file descriptors (%s)', (_, env) => {
  it.skipIf(env.DAT_TRANSPORT === 'uws' && !uwsLoads())(
    'leave those inside served, and others when they are gone',
    async () => {
      const hub = new TestHub({ ...calm, ...env });
      await hub.start();
      const { device, dev, subscriber } = await hub.pair();
      const { pid, subscriberPort, devicePort } = hub.process;
      execFileSync('prlimit', [`--pid=${pid}`, '--nofile=256:256']);
      const silent: Socket[] = [];
      for (let n = 0; n < 300; n++) {
        silent.push(connect(n % 2 === 0 ? subscriberPort : devicePort, '127.0.0.1').on('error', () => {}));
      }
      await new Promise((resolve) => setTimeout(resolve, 2500));
      for (let n = 0; n < 20; n++) {
        const { seq } = await device.message(n);
        expect(await subscriber.event(dev)).toMatchObject({ seq });
      }
      for (const socket of silent) socket.destroy();
      const late = await eventually('there are file descriptors again', () =>
        hub.subscriber({ devices: [dev] }).catch(() => undefined),
      );
      await late.subscribedByUrl();
      const { seq } = await device.message('after');
      expect(await late.event(dev)).toMatchObject({ seq });
      await hub.end();
    },
  );
});
