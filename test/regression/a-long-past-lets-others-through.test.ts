/** A subscribe asked for a hundred kept events of each of a thousand devices: nobody else on the thread got anything meanwhile. */
import { describe, expect, it } from 'vitest';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const DEVICES = 90;
const EVENTS = 10;
const names = Array.from({ length: DEVICES }, (_, n) => `dev-${n}`);

interface Frame {
  readonly op: string;
  readonly device?: string;
  readonly seq?: number;
  readonly replay?: true;
  readonly devices?: readonly {
    readonly device: string;
    readonly epoch: string;
    readonly recovered?: boolean;
  }[];
}

async function fleet() {
  const hub = new OneThreadHub();
  const devices = await Promise.all(names.map((name) => hub.peer('device', name)));
  for (let n = 0; n < EVENTS; n++) for (const device of devices) device.say({ type: 'message', data: n });
  await hub.settle();
  const one = await hub.peer('subscriber', 'one');
  const other = await hub.peer('subscriber', 'other');
  other.say({ op: 'subscribe', devices: ['dev-0'] });
  one.say({ op: 'subscribe', devices: names });
  await hub.settle();
  const frames = ({ sent }: typeof one): Frame[] => sent.splice(0).map((frame) => JSON.parse(`${frame}`));
  const epochs = new Map(
    frames(one)
      .flatMap(({ op, devices: entries }) => (op === 'subscribed' ? entries! : []))
      .map(({ device, epoch }) => [device, epoch]),
  );
  one.say({ op: 'unsubscribe', devices: names });
  await hub.settle();
  for (const socket of [one, other]) socket.sent.length = 0;
  // From here on each look at the clock takes so long that a slice is a few devices.
  const { clock } = hub;
  clock.now = () => {
    clock.advance(0.1);
    return clock.nowMs;
  };
  return { hub, device: devices[0]!, one, other, frames, epochs };
}

describe('a subscribe that asks for a long past', () => {
  it.each(['history', 'since'] as const)(
    'lets the events of others through while it is looked up: %s',
    async (kind) => {
      const { hub, device, one, other, frames, epochs } = await fleet();
      // The hub's own state event is the first of each device.
      const past =
        kind === 'history'
          ? { history: EVENTS }
          : { since: Object.fromEntries(names.map((name) => [name, { epoch: epochs.get(name), seq: 1 }])) };
      one.say({ op: 'subscribe', id: 1, devices: names, ...past });
      device.say({ type: 'message', data: 'live' });
      while (other.sent.length === 0) hub.turn();
      expect(one.sent).toEqual([]);
      const last = `"seq":${EVENTS + 1},`;
      const isTold = (): boolean => {
        const end = String(one.sent.at(-1));
        return end.includes(`"device":"${names.at(-1)}"`) && end.includes(last);
      };
      for (let turn = 0; !isTold(); turn++) {
        if (turn > 1000) throw new Error('the past does not come');
        await hub.settle();
      }
      expect(frames(other).map(({ op, seq }) => [op, seq])).toEqual([['event', EVENTS + 2]]);
      const [answer, ...replayed] = frames(one);
      expect(answer!.op).toBe('subscribed');
      expect(answer!.devices!.map((entry) => entry.device)).toEqual(names);
      expect(
        answer!.devices!.every(({ recovered }) => recovered === (kind === 'since' ? true : undefined)),
      ).toBe(true);
      for (const name of names) {
        // What came while it was looked up is among the newest.
        const first = name !== 'dev-0' || kind === 'since' ? 2 : 3;
        const end = name === 'dev-0' ? EVENTS + 2 : EVENTS + 1;
        const seqs = replayed.filter((frame) => frame.device === name).map(({ seq }) => seq!);
        expect(seqs).toEqual(Array.from({ length: end - first + 1 }, (_, n) => first + n));
      }
      expect(replayed.every(({ replay }) => replay)).toBe(true);
    },
  );
});
