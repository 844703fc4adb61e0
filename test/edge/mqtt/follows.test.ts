import { describe, expect, it } from 'vitest';
import type { Ask } from '../../../src/edge/deliver/request-queue.ts';
import type { FollowedDevices } from '../../../src/edge/deliver/retained.ts';
import { MqttFollows } from '../../../src/edge/mqtt/follows.ts';
import { type Entry, Refusal } from '../../../src/records/replies.ts';
import { Kind } from '../../../src/wire/mqtt/templates.ts';

const entry = (device: string, deviceSlot: number): Entry => ({
  device,
  deviceSlot,
  rowState: 2,
  deviceState: 1,
  lastSeen: 0,
  seq: 10,
  epoch: 1,
  generation: 5,
  deviceStatus: '',
});
const NOBODY: ReadonlySet<string> = new Set();
const ALL = Kind.message | Kind.status | Kind.presence | Kind.pong;

function start() {
  const asks: Ask[] = [];
  const terminated: string[] = [];
  const retained: number[][] = [];
  const held: number[] = [];
  const answers: (readonly number[])[] = [];
  const follows = new MqttFollows({
    request: (ask) => asks.push(ask),
    holdRetained: ({ cells }: FollowedDevices) => held.push(...cells),
    sendHeld: () => {
      if (held.length > 0) retained.push(held.splice(0));
    },
    sendRetained: ({ cells }: FollowedDevices) => retained.push([...cells]),
    sendTerminated: (device) => terminated.push(device),
    wantsPresence: (device) => device === 'a',
  });
  return {
    asks,
    terminated,
    retained,
    held,
    answers,
    follows,
    answer: (errors: readonly number[]) => answers.push(errors),
  };
}

describe('a SUBSCRIBE', () => {
  it('is one request for each set of types, one after the other', () => {
    const { asks, answers, follows, answer } = start();
    follows.subscribe(
      [
        { name: 'a', kinds: Kind.message, retained: 0 },
        { name: 'b', kinds: ALL, retained: 0 },
        { name: 'c', kinds: Kind.message, retained: 0 },
      ],
      NOBODY,
      answer,
    );
    const named = { devices: ['a', 'c'], filters: [], malformed: [] };
    expect(asks).toMatchObject([{ op: 'subscribe', id: '', types: Kind.message }]);
    expect(asks[0]?.named).toEqual(named);
    follows.answered([], [], false);
    expect(asks.at(-1)).toMatchObject({ op: 'subscribe', named: { devices: ['b'] }, types: ALL });
    expect(answers).toEqual([]);
    follows.answered([], [], false);
    expect(answers).toEqual([[0, 0, 0]]);
  });

  it('is answered with an error for each that is refused, and asks for none that is denied', () => {
    const { asks, answers, follows, answer } = start();
    const all = ['a', 'b', 'c'].map((name) => ({ name, kinds: ALL, retained: ALL }));
    follows.subscribe(all, new Set(['b']), answer);
    expect(asks[0]?.named?.devices).toEqual(['a', 'c']);
    follows.answered([], [{ device: 'c', why: Refusal.full }], false);
    expect(answers).toEqual([[0, 103, 106]]);
  });

  it('is a request for each thousand names', () => {
    const { asks, answers, follows, answer } = start();
    const names = Array.from({ length: 2001 }, (_, i) => (i % 2 === 0 ? `d${i}` : `p${i}.*`));
    follows.subscribe(
      names.map((name) => ({ name, kinds: ALL, retained: name === 'd2000' ? Kind.status : 0 })),
      NOBODY,
      answer,
    );
    for (const [request, named] of [500, 500, 1].entries()) {
      const { devices = [], filters = [] } = asks[request]?.named ?? {};
      expect([asks.length, devices.length]).toEqual([request + 1, named]);
      expect([...devices, ...filters].length).toBeLessThanOrEqual(1000);
      follows.answered([], request === 1 ? [{ device: 'd1000', why: Refusal.full }] : [], false);
      for (const filter of filters) follows.page(filter, [], false);
    }
    expect(asks.map(({ wantsKept }) => wantsKept)).toEqual([false, false, true]);
    expect(answers).toEqual([names.map((name) => (name === 'd1000' ? 106 : 0))]);
  });

  it('is answered at once when all are denied', () => {
    const { asks, answers, follows, answer } = start();
    follows.subscribe([{ name: '*', kinds: ALL, retained: 0 }], new Set(['*']), answer);
    expect([asks, answers]).toEqual([[], [[103]]]);
  });

  it('is answered when the last page of its filters has come; retained events come after that', () => {
    const { answers, retained, held, follows, answer } = start();
    follows.subscribe([{ name: 'a.*', kinds: ALL, retained: Kind.message }], NOBODY, answer);
    follows.answered([], [], false);
    follows.page('a.*', [entry('a.1', 1)], true);
    expect([answers, retained]).toEqual([[], []]);
    expect(held).toEqual([1, 5, 10, Kind.message]); // not all in one go at the end
    follows.page('a.*', [entry('a.2', 2)], false);
    expect(answers).toEqual([[0]]);
    expect(retained).toEqual([[1, 5, 10, Kind.message, 2, 5, 10, Kind.message]]);
    follows.page('a.*', [entry('a.3', 3)], false); // has just appeared: its events are live
    expect(retained).toHaveLength(1);
  });

  it('does not wait for the pages of an owner that is gone', () => {
    const { answers, follows, answer } = start();
    follows.subscribe([{ name: 'a.*', kinds: ALL, retained: 0 }], NOBODY, answer);
    follows.pagesLost(); // it has not been answered: it is asked again
    expect(answers).toEqual([]);
    follows.answered([], [], false);
    follows.pagesLost();
    expect(answers).toEqual([[0]]);
  });

  it('is answered when the request is refused as a whole', () => {
    const { answers, follows, answer } = start();
    follows.subscribe([{ name: 'a', kinds: ALL, retained: 0 }], NOBODY, answer);
    follows.failed(111);
    expect(answers).toEqual([[111]]);
  });
});

describe('what a SUBSCRIBE is answered', () => {
  const wanted = (name: string, retained = 0, kinds = ALL) => ({ name, kinds, retained });

  it('comes with the last page of the answer; then what the devices have that it is wanted of', () => {
    const { answers, retained, follows, answer } = start();
    follows.subscribe([wanted('a', Kind.status), wanted('b'), wanted('c', Kind.presence)], NOBODY, answer);
    follows.answered([entry('a', 1), entry('b', 2)], [], true);
    expect([answers, retained]).toEqual([[], []]);
    follows.answered([entry('c', 3)], [], false);
    expect(answers).toEqual([[0, 0, 0]]);
    expect(retained).toEqual([[1, 5, 10, Kind.status, 3, 5, 10, Kind.presence]]);
  });

  it('is followed by nothing where nothing is wanted', () => {
    const { retained, follows, answer } = start();
    follows.subscribe([wanted('a')], NOBODY, answer);
    follows.answered([entry('a', 1)], [], false);
    expect(retained).toEqual([]);
  });

  it('does not wait for the pages of a filter that is refused', () => {
    const { answers, follows, answer } = start();
    follows.subscribe([wanted('a.*')], NOBODY, answer);
    follows.answered([], [{ device: 'a.*', why: Refusal.full }], false);
    expect(answers).toEqual([[106]]);
  });

  it('waits for the pages of each filter', () => {
    const { answers, follows, answer } = start();
    follows.subscribe([wanted('a.*'), wanted('b.*')], NOBODY, answer);
    follows.answered([], [], false);
    follows.page('a.*', [], false);
    follows.page('a.*', [], false);
    expect(answers).toEqual([]);
    follows.page('b.*', [], false);
    expect(answers).toEqual([[0, 0]]);
  });

  it('is asked for with what is left when one request fails as a whole', () => {
    const { asks, answers, follows, answer } = start();
    follows.subscribe([wanted('a'), wanted('a.*'), wanted('b', 0, Kind.message)], NOBODY, answer);
    follows.failed(111);
    expect(asks.map(({ named }) => named?.devices)).toEqual([['a'], ['b']]);
    follows.pagesLost(); // has no page to wait for
    expect(answers).toEqual([]);
    follows.answered([], [], false);
    expect(answers).toEqual([[111, 111, 0]]);
  });

  it('is awaited once: what else comes answers nothing', () => {
    const { asks, answers, retained, follows, answer } = start();
    const more = (): void => {
      follows.failed(106);
      follows.answered([entry('a', 1)], [], false);
      follows.page('a.*', [entry('a.1', 1)], false);
      follows.pagesLost();
    };
    more();
    follows.subscribe([wanted('a', ALL)], NOBODY, answer);
    follows.answered([], [], false);
    more();
    expect([asks.length, answers, retained]).toEqual([1, [[0]], []]);
  });
});

describe('an UNSUBSCRIBE', () => {
  it('is answered when the owner has answered', () => {
    const { asks, follows } = start();
    let isAnswered = false;
    follows.unsubscribe(['a', 'b.*'], () => {
      isAnswered = true;
    });
    expect(asks[0]).toMatchObject({ op: 'unsubscribe', named: { devices: ['a'], filters: ['b.*'] } });
    expect(isAnswered).toBe(false);
    follows.answered([entry('a', 1)], [], false);
    expect(isAnswered).toBe(true);
  });

  it('is a request for each thousand names, the last of which answers it', () => {
    const { asks, follows } = start();
    let isAnswered = false;
    follows.unsubscribe(
      Array.from({ length: 1001 }, (_, i) => `d${i}`),
      () => {
        isAnswered = true;
      },
    );
    expect(asks.map(({ named }) => named?.devices.length)).toEqual([1000]);
    follows.answered([], [], false);
    expect([asks[1]?.named?.devices, isAnswered]).toEqual([['d1000'], false]);
    follows.answered([], [], false);
    expect([asks.length, isAnswered]).toEqual([2, true]);
  });
});

describe('what other nodes keep', () => {
  it('is fetched where kept events are wanted, and only there', () => {
    const { asks, follows, answer } = start();
    const follow = { name: 'a', kinds: ALL, retained: 0 };
    follows.subscribe([{ ...follow, retained: Kind.status }], NOBODY, answer);
    follows.answered([], [], false);
    follows.subscribe([{ ...follow, retained: Kind.presence }], NOBODY, answer);
    follows.answered([], [], false);
    follows.subscribe([follow], NOBODY, answer);
    follows.answered([], [], false);
    follows.subscribe([follow, { ...follow, name: 'b', retained: Kind.message }], NOBODY, answer);
    expect(asks.map(({ wantsKept }) => wantsKept)).toEqual([true, false, false, true]);
  });

  it('brings the state of devices that the client is subscribed to the presence of', () => {
    const { retained, follows } = start();
    follows.told([entry('a', 3), entry('b', 4)]);
    expect(retained).toEqual([[3, 5, 10, Kind.presence]]);
    follows.told([entry('b', 4)]);
    expect(retained).toHaveLength(1);
  });

  it('are told of as they are terminated, where their presence is wanted', () => {
    const { terminated, follows } = start();
    follows.terminated(['b', 'a', 'c']);
    expect(terminated).toEqual(['a']);
  });
});
