/** The process is stopped for longer than anybody may be silent, and goes on: nobody pays for that. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { TestHub, uniqueId } from '../conformance/harness.ts';
import { uwsLoads } from '../support/uws-loads.ts';

const STOPPED_MS = 6000;
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
    async () => {
      const hub = new TestHub({ ...env, ...spans });
      await hub.start();
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
      await sleep(STOPPED_MS);
      hub.process.signal('SIGCONT');
      await sleep(1200);
      expect(sub.frames.all.slice(before), 'no notice of anything').toEqual([]);
      expect(await hub.row(dev!, away), 'still there to come back').toMatchObject({ status: 'inactive' });
      const back = await hub.openSubscriber({ id: away });
      expect(await back.welcome()).toMatchObject({ resumed: [dev] });
      const returned = await hub.openDevice(lostId!);
      await returned.welcome();
      const { seq } = await device.message('after');
      expect(await sub.event(dev!)).toMatchObject({ seq });
      expect(await back.event(dev!)).toMatchObject({ seq });
      expect(sub.events(lostId!).filter(({ source }) => source === 'hub')).toEqual([]);
      await hub.end();
    },
  );
});
