/** The process is stopped for longer than anybody may be silent, and goes on: nobody pays for that. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { dataOf, marker, TestHub, uniqueId } from '../conformance/harness.ts';
import { firstOf } from '../support/attempts.ts';
import { freeze } from '../support/freeze.ts';
import { uwsLoads } from '../support/uws-loads.ts';

const STOPPED_MS = 6000;
/** Two thirds of what the rate of the test allows in that time. */
const SENT_MEANWHILE = 400;
/** The shortest of the spans: before the stop, and after it, the test must need less, or they expire rightly. */
const SPAN_MS = 2000;
const spans = {
  DAT_PING_INTERVAL_MS: '500',
  DAT_SUBSCRIBER_INACTIVE_AFTER_MS: '2000',
  DAT_SUBSCRIBER_REMOVE_AFTER_MS: '3000',
  DAT_DEVICE_STALE_AFTER_MS: '2000',
  DAT_DEVICE_LEAVE_GRACE_MS: '3000',
  DAT_DEVICE_REMOVE_AFTER_MS: '3000',
} as const;
const rows = [
  ['uws, 1 fan-out worker', { DAT_TRANSPORT: 'uws', DAT_FANOUT_WORKERS: '1' }],
  ['ws', { DAT_TRANSPORT: 'ws' }],
] as const;

describe.each(rows)('a hub that was stopped and goes on (%s)', (_, env) => {
  it.skipIf(env.DAT_TRANSPORT === 'uws' && !uwsLoads())(
    'expires nobody: not the silent, not those in their grace, and closes nobody',
    () =>
      firstOf('the test was too slow before or after the stop', async () => {
        const hub = new TestHub({ ...env, ...spans });
        await hub.start();
        let since = performance.now();
        const isLate = (): boolean => performance.now() - since >= SPAN_MS;
        const [device, lost] = [await hub.device(), await hub.device()];
        const [dev, lostId] = [device, lost].map(({ url }) => new URL(url).searchParams.get('id')!);
        const sub = await hub.subscriber({ id: uniqueId('sub'), devices: [dev!, lostId!] });
        await sub.subscribedByUrl();
        const away = uniqueId('away');
        const leaving = await hub.subscriber({ id: away, devices: [dev!] });
        await leaving.subscribedByUrl();
        await leaving.drop();
        await hub.rowBecomes(dev!, away, { status: 'inactive', reason: 'disconnected' });
        await lost.drop();
        const before = sub.frames.all.length;
        hub.process.signal('SIGSTOP');
        const wasLate = isLate();
        await sleep(STOPPED_MS);
        since = performance.now();
        hub.process.signal('SIGCONT');
        await sleep(1200);
        const notices = sub.frames.all.slice(before);
        const row = await hub.row(dev!, away);
        const back = await hub.openSubscriber({ id: away });
        const welcome = await back.welcome();
        const returned = await hub.openDevice(lostId!);
        await returned.welcome();
        if (wasLate || isLate()) {
          await hub.end();
          return undefined;
        }
        expect(notices, 'no notice of anything').toEqual([]);
        expect(row, 'still there to come back').toMatchObject({ status: 'inactive' });
        expect(welcome).toMatchObject({ resumed: [dev] });
        const { seq } = await device.message('after');
        expect(await sub.event(dev!)).toMatchObject({ seq });
        expect(await back.event(dev!)).toMatchObject({ seq });
        expect(sub.events(lostId!).filter(({ source }) => source === 'hub')).toEqual([]);
        await hub.end();
        return true;
      }),
  );

  it.skipIf(env.DAT_TRANSPORT === 'uws' && !uwsLoads())(
    'takes all that a device was allowed to send meanwhile, beyond its burst',
    async () => {
      const hub = new TestHub({ ...env, DAT_DEVICE_RATE: '100', DAT_DEVICE_BURST: '100' });
      await hub.start();
      const device = await hub.device();
      const id = new URL(device.url).searchParams.get('id')!;
      const sub = await hub.subscriber({ id: uniqueId('sub'), devices: [id] });
      await sub.subscribedByUrl();
      await marker(device, sub);
      await freeze(hub.process.pid);
      for (let n = 0; n < SENT_MEANWHILE; n++) device.send({ type: 'message', data: n });
      await sleep(STOPPED_MS);
      hub.process.signal('SIGCONT');
      await marker(device, sub);
      expect(device.frames.all.filter(({ op }) => op === 'error')).toEqual([]);
      expect(dataOf(sub, id).slice(1, -1)).toEqual(Array.from({ length: SENT_MEANWHILE }, (_, n) => n));
      await hub.end();
    },
  );
});
