/** The owner thread dies: another takes its place on the same table, and no peer is closed. */
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type MatrixRow, uniqueId, useHub } from './harness.ts';

const hows = ['throw', 'terminate'] as const;

export function ownerRestart({ env }: MatrixRow): void {
  describe('when the owner thread dies', () => {
    const hub = useHub({ ...env, DAT_FAULT_INJECTION: 'true' });
    const restarts = async () => (await hub.metrics()).value('dat_worker_restarts_total', { role: 'owner' });
    const ready = async () => (await hub.admin('GET', '/readyz')).status === 200;
    const kill = async (how: (typeof hows)[number]) => {
      const before = await restarts();
      expect((await hub.admin('POST', '/v1/faults', { thread: 'owner', how })).status).toBe(200);
      await eventually('another took over', async () => (await restarts()) === before + 1 && (await ready()));
    };

    for (const how of hows) {
      it(`goes on: subscriptions, denials, numbering and what comes next (${how})`, async () => {
        const [dev, other] = [await hub.device(), await hub.device()];
        const [name, otherName] = [dev, other].map(({ url }) => new URL(url).searchParams.get('id')!) as [
          string,
          string,
        ];
        const sub = await hub.subscriber({ id: uniqueId('sub') });
        const paused = await hub.subscriber({ id: uniqueId('paused') });
        const denied = uniqueId('denied');
        const victim = await hub.subscriber({ id: denied });
        await sub.subscribe(name, otherName);
        await paused.subscribe(name);
        await paused.ask('pause');
        await victim.subscribe(name);
        await hub.setRow(name, denied, { status: 'deny' });
        expect((await dev.message(1)).seq).toBe(1);
        await sub.event(name);

        await kill(how);

        expect((await dev.message(2)).seq).toBe(2);
        expect(await sub.event(name)).toMatchObject({ seq: 2, data: 2 });
        expect((await other.message(1)).seq).toBe(1);
        expect(await sub.event(otherName)).toMatchObject({ seq: 1 });
        expect(await sub.list()).toEqual({ [name]: 'active', [otherName]: 'active' });
        expect(await paused.list()).toEqual({ [name]: 'inactive' });
        expect(await victim.list()).toEqual({});
        expect(await victim.ask('subscribe', [name])).toMatchObject({
          errors: [{ device: name, code: 103 }],
        });
        await paused.resume();
        await dev.message(3);
        expect(await paused.event(name)).toMatchObject({ seq: 3 });
        expect(victim.events(name)).toEqual([]);
        expect(sub.frames.all.filter(({ op }) => op === 'welcome' || op === 'gap')).toHaveLength(1);
        await sub.close(1000);
        await eventually('it is seen to leave', async () => {
          const rows = await hub.rows(name);
          return (
            rows.find(({ subscriber }) => subscriber !== denied && subscriber.startsWith('sub'))?.status ===
            'inactive'
          );
        });
      });
    }

    it('lets peers in and out that come and go meanwhile', async () => {
      const dev = await hub.device();
      const name = new URL(dev.url).searchParams.get('id')!;
      const leaving = await hub.subscriber({ devices: [name] });
      await leaving.subscribedByUrl();
      const [, arriving, late] = await Promise.all([
        kill('terminate'),
        hub.openSubscriber({ devices: [name] }),
        hub.openDevice(uniqueId('late')),
        leaving.drop(),
      ]);
      await arriving.welcome();
      await late.welcome();
      await arriving.subscribedByUrl();
      const { seq } = await dev.message('after');
      expect(await arriving.event(name)).toMatchObject({ seq });
      expect(await late.publish({ type: 'status', status: 'on', data: null })).toMatchObject({
        skipped: true,
      });
    });

    it('counts the events that were in its hands, and delivers every other', async () => {
      const dev = await hub.device();
      const name = new URL(dev.url).searchParams.get('id')!;
      const sub = await hub.subscriber();
      await sub.subscribe(name);
      const before = (await hub.metrics()).value('dat_deliveries_dropped_total', { reason: 'owner_restart' });
      const sent = 4000;
      const dying = kill('terminate');
      for (let n = 0; n < sent; n++) {
        dev.send({ type: 'message', data: n });
        if (n % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await dying;
      const { seq: last } = await dev.message('end');
      await sub.frames.next(({ seq }) => seq === last);
      const lost =
        (await hub.metrics()).value('dat_deliveries_dropped_total', { reason: 'owner_restart' }) - before;
      const events = sub.events(name);
      const data = events.map((event) => event.data);
      expect(new Set(data).size, 'none twice').toBe(data.length);
      expect(data.slice(0, -1)).toEqual([...data.slice(0, -1)].sort((a, b) => Number(a) - Number(b)));
      expect(events.length).toBe(sent + 1 - lost);
      const seqs = events.map(({ seq }) => seq);
      const gaps = sub.frames.all.filter(({ op }) => op === 'gap') as unknown as {
        from: number;
        to: number;
      }[];
      const told = gaps.flatMap(({ from, to }) =>
        Array.from({ length: to - from + 1 }, (_, at) => from + at),
      );
      expect([...seqs, ...told].sort((a, b) => a - b)).toEqual(
        Array.from({ length: last }, (_, at) => at + 1),
      );
    });
  });
}
