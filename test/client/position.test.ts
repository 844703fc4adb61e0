import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeviceEvent } from '../../clients/js/src/index.ts';
import { Position } from '../../clients/js/src/position.ts';

/** Of a device that was answered at `seq` on an earlier connection, and is asked for on a new one. */
function lostAt(seq: number, epoch?: string): Position {
  const position = new Position();
  position.snapshot({ seq, ...(epoch !== undefined && { epoch }) });
  position.reconnected();
  return position;
}

describe('what was missed over a reconnect', () => {
  it('is what the device broadcast between the last event seen and the snapshot', () => {
    expect(lostAt(3).snapshot({ seq: 7 })).toEqual([{ from: 4, to: 7 }]);
  });

  it('is nothing when the count has not moved', () => {
    expect(lostAt(3).snapshot({ seq: 3 })).toEqual([]);
  });

  it('is nothing the first time', () => {
    expect(new Position().snapshot({ seq: 41 })).toEqual([]);
  });

  it('is told once', () => {
    const position = lostAt(3);
    position.snapshot({ seq: 7 });
    expect(position.snapshot({ seq: 9 })).toEqual([]);
  });

  it('counts from the highest number before which nothing is missing, in whatever order events came', () => {
    const position = new Position();
    position.snapshot({ seq: 1 });
    for (const seq of [4, 2, 3]) position.live(seq);
    position.reconnected();
    expect(position.snapshot({ seq: 6 })).toEqual([{ from: 5, to: 6 }]);
  });

  it('is also what an urgent event had overtaken when the link died', () => {
    const position = new Position();
    position.snapshot({ seq: 1 });
    for (const seq of [2, 5, 8]) position.live(seq);
    position.reconnected();
    expect(position.snapshot({ seq: 9 })).toEqual([
      { from: 3, to: 4 },
      { from: 6, to: 7 },
      { from: 9, to: 9 },
    ]);
  });

  it('ends before the first event of the new connection, which may come before the snapshot', () => {
    const position = lostAt(3);
    for (const seq of [8, 6, 7]) position.live(seq);
    expect(position.snapshot({ seq: 8 })).toEqual([{ from: 4, to: 5 }]);
  });

  it('is nothing when the new connection began with the next event', () => {
    const position = lostAt(3);
    position.live(4);
    expect(position.snapshot({ seq: 4 })).toEqual([]);
    const early = lostAt(3);
    early.live(4);
    expect(early.snapshot({ seq: 3 }), 'the snapshot was made before that event').toEqual([]);
  });

  it('is all of a count that began anew', () => {
    expect(lostAt(300).snapshot({ seq: 2 })).toEqual([{ from: 1, to: 2 }]);
    expect(lostAt(300).snapshot({ seq: 0 })).toEqual([]);
    expect(lostAt(3, 'k1').snapshot({ seq: 9, epoch: 'k2' })).toEqual([{ from: 1, to: 9 }]);
  });

  it('reaches back to the last connection that was answered', () => {
    const position = lostAt(3);
    position.reconnected();
    expect(position.snapshot({ seq: 5 })).toEqual([{ from: 4, to: 5 }]);
  });

  it('is nothing when nothing was expected', () => {
    const position = new Position();
    position.snapshot({ seq: 3 });
    position.forget();
    position.reconnected();
    expect(position.snapshot({ seq: 7 })).toEqual([]);
  });

  it('leaves out what a gap of the hub told', () => {
    const position = new Position();
    position.snapshot({ seq: 1 });
    position.told({ from: 4, to: 6 });
    position.reconnected();
    expect(position.snapshot({ seq: 7 })).toEqual([
      { from: 2, to: 3 },
      { from: 7, to: 7 },
    ]);
  });
});

describe('where to go on from', () => {
  it('is known with an epoch only', () => {
    expect(new Position().since).toBeUndefined();
    expect(lostAt(3).since).toBeUndefined();
    expect(lostAt(3, 'k1').since).toEqual({ epoch: 'k1', seq: 3 });
  });

  it('is the number before the first hole', () => {
    const position = lostAt(3, 'k1');
    position.snapshot({ seq: 3, epoch: 'k1', recovered: true });
    for (const seq of [4, 7, 6]) position.live(seq);
    expect(position.since).toEqual({ epoch: 'k1', seq: 4 });
    position.told({ from: 5, to: 5 });
    expect(position.since).toEqual({ epoch: 'k1', seq: 7 });
  });

  it('is the highest number where holes are normal', () => {
    const position = lostAt(3, 'k1');
    position.snapshot({ seq: 3, epoch: 'k1', recovered: true });
    for (const seq of [9, 12]) position.live(seq, true);
    expect(position.since).toEqual({ epoch: 'k1', seq: 12 });
  });

  it('is not known while nothing is expected', () => {
    const position = lostAt(3, 'k1');
    position.forget();
    expect(position.since).toBeUndefined();
  });

  it('moves with a replay, and passes over what it left out', () => {
    const position = lostAt(3, 'k1');
    expect(position.snapshot({ seq: 9, epoch: 'k1', recovered: true })).toEqual([]);
    expect(position.since).toEqual({ epoch: 'k1', seq: 3 });
    for (const seq of [4, 6, 8]) expect(position.replayed(seq)).toBe(true);
    expect(position.since).toEqual({ epoch: 'k1', seq: 8 });
    position.live(10);
    expect(position.since).toEqual({ epoch: 'k1', seq: 10 });
  });

  it('moves to the snapshot where there was a gap but no recovery', () => {
    const position = lostAt(3, 'k1');
    expect(position.snapshot({ seq: 9, epoch: 'k1' })).toEqual([{ from: 4, to: 9 }]);
    expect(position.since).toEqual({ epoch: 'k1', seq: 9 });
  });

  it('moves to a new epoch', () => {
    const position = lostAt(300, 'k1');
    position.snapshot({ seq: 7, epoch: 'k2', recovered: false });
    expect(position.since).toEqual({ epoch: 'k2', seq: 0 });
    for (const seq of [5, 7]) expect(position.replayed(seq)).toBe(true);
    expect(position.since).toEqual({ epoch: 'k2', seq: 7 });
  });

  it('moves to a new epoch in the middle of a connection', () => {
    const position = new Position();
    position.snapshot({ seq: 300, epoch: 'k1' });
    position.snapshot({ seq: 0, epoch: 'k2' });
    position.live(1);
    expect(position.since).toEqual({ epoch: 'k2', seq: 1 });
  });

  it('gives up the oldest of too many holes', () => {
    const position = lostAt(0, 'k1');
    position.snapshot({ seq: 0, epoch: 'k1', recovered: true });
    for (let seq = 2; seq <= 2 * 1025; seq += 2) position.live(seq);
    expect(position.since).toEqual({ epoch: 'k1', seq: 2 });
  });
});

describe('a replayed event', () => {
  it('is new when it was not seen before the connection was lost', () => {
    const position = new Position();
    position.snapshot({ seq: 1, epoch: 'k1' });
    for (const seq of [2, 5]) position.live(seq);
    position.reconnected();
    position.snapshot({ seq: 7, epoch: 'k1', recovered: true });
    const fresh = [1, 2, 3, 4, 5, 6, 7].filter((seq) => position.replayed(seq));
    expect(fresh).toEqual([3, 4, 6, 7]);
  });

  it('is new when it was asked for: the last ones, before any was seen', () => {
    const position = new Position();
    position.snapshot({ seq: 9, epoch: 'k1' });
    expect([4, 9].filter((seq) => position.replayed(seq))).toEqual([4, 9]);
    expect(position.since).toEqual({ epoch: 'k1', seq: 9 });
  });

  it('is new after a pause only beyond what was seen before it, unless it is asked for anew', () => {
    const position = new Position();
    position.snapshot({ seq: 9, epoch: 'k1' });
    position.forget();
    position.snapshot({ seq: 12, epoch: 'k1' });
    expect([8, 9, 10].filter((seq) => position.replayed(seq))).toEqual([10]);
    position.askedAnew();
    expect([8, 9, 10].filter((seq) => position.replayed(seq))).toEqual([8, 9, 10]);
  });

  it('is new whatever its number in a new epoch', () => {
    const position = lostAt(300, 'k1');
    position.snapshot({ seq: 2, epoch: 'k2', recovered: false });
    expect([1, 2].filter((seq) => position.replayed(seq))).toEqual([1, 2]);
  });
});

describe('the newest event of a type', () => {
  const message = (seq: number) => ({ type: 'message', seq }) as DeviceEvent;

  it('is the one with the highest number, whatever order they come in', () => {
    const position = new Position();
    expect([5, 4, 6].filter((seq) => position.noteNewest(message(seq)))).toEqual([5, 6]);
    expect(position.noteNewest({ type: 'status', seq: 3 } as DeviceEvent)).toBe(true);
  });

  it('is another when the count begins anew: in a new epoch, after a reconnect, in a pause', () => {
    const inEpoch = lostAt(300, 'k1');
    inEpoch.noteNewest(message(300));
    inEpoch.snapshot({ seq: 400, epoch: 'k2', recovered: false });
    expect(inEpoch.noteNewest(message(200))).toBe(true);
    const reconnected = lostAt(300);
    reconnected.noteNewest(message(300));
    reconnected.snapshot({ seq: 1 });
    expect(reconnected.noteNewest(message(2))).toBe(true);
    const paused = new Position();
    paused.snapshot({ seq: 300 });
    paused.noteNewest(message(300));
    paused.forget();
    paused.snapshot({ seq: 1 });
    expect(paused.noteNewest(message(2))).toBe(true);
  });
});

describe('a position', () => {
  it('accounts for every number, in whatever order events, gaps and lost connections come', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('event' as const), ahead: fc.nat(4) }),
      fc.record({ kind: fc.constant('gap' as const), ahead: fc.nat(4), length: fc.nat(3) }),
      fc.record({ kind: fc.constant('lost' as const), away: fc.nat(5) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const position = new Position();
        position.snapshot({ seq: 0 });
        const told = new Set<number>();
        let sent = 0; // by the device
        for (const one of steps) {
          if (one.kind === 'lost') {
            sent += one.away;
            position.reconnected();
            for (const { from, to } of position.snapshot({ seq: sent }))
              for (let seq = from; seq <= to; seq++) {
                expect(told.has(seq), 'nothing is told twice').toBe(false);
                told.add(seq);
              }
            expect([...told].length).toBe(sent);
          } else {
            const untold = Array.from({ length: sent + 5 }, (_, n) => n + 1).filter((seq) => !told.has(seq));
            const from = untold[one.ahead]!;
            let to = from;
            if (one.kind === 'gap') while (to < from + one.length && !told.has(to + 1)) to += 1;
            if (one.kind === 'event') position.live(from);
            else position.told({ from, to });
            for (let seq = from; seq <= to; seq++) told.add(seq);
            sent = Math.max(sent, to);
          }
        }
      }),
    );
  });
});
