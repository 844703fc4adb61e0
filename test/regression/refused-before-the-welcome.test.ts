/**
 * A peer that spoke before it was welcomed got the first 16 errors of the frames that were refused; the rest of what it
 * had said was never answered.
 */
import { describe, expect, it } from 'vitest';
import type { HubSocket } from '../edge/hub-socket.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const FRAMES = 300;
const numbers = Array.from({ length: FRAMES }, (_, n) => n);

const peers = [
  ['device', 'id=a', (id: number) => ({ type: 'massage', id }), 107],
  ['gateway', 'id=a', (id: number) => ({ type: 'message', id }), 107],
  ['gateway', 'id=a', (id: number) => ({ type: 'massage', device: 'd', id }), 107],
  ['subscriber', 'id=a', (id: number) => ({ op: 'describe', id }), 104],
] as const;

describe('a peer that speaks before it is welcomed', () => {
  it.each(peers)(
    'gets an error for each frame that is refused (%s, case %#)',
    async (role, query, frame, code) => {
      const hub = new OneThreadHub();
      const socket = (await hub.connect(role, query)) as HubSocket<unknown>;
      for (const n of numbers) socket.say(frame(n));
      await hub.settle();
      const [welcome, ...errors] = socket.frames();
      expect(welcome).toMatchObject({ op: 'welcome' });
      expect(errors.map(({ op, code: got, id }) => [op, got, id])).toEqual(
        numbers.map((n) => ['error', code, n]),
      );
    },
  );

  it('gets them for a device behind it that is not let in yet', async () => {
    const hub = new OneThreadHub();
    const gateway = await hub.peer('gateway', 'a');
    gateway.frames();
    gateway.say({ op: 'open', device: 'd' });
    for (const n of numbers) gateway.say({ type: 'massage', device: 'd', id: n });
    await hub.settle();
    expect(gateway.frames().map(({ device, code, id }) => [device, code, id])).toEqual(
      numbers.map((n) => ['d', 107, n]),
    );
  });

  it('gets what is refused over its rate', async () => {
    const hub = new OneThreadHub({ settings: { deviceRate: 100, deviceBurst: 200 } });
    const device = (await hub.connect('device', 'id=a')) as HubSocket<unknown>;
    for (const n of numbers) device.say({ type: 'status', status: 'on', id: n });
    await hub.settle();
    const answers = device.frames().slice(1);
    const idsOf = (op: string): unknown[] =>
      answers.filter((answer) => answer['op'] === op).map(({ id }) => id);
    expect([idsOf('ack'), idsOf('error')]).toEqual([numbers.slice(0, 200), numbers.slice(200)]);
  });
});
