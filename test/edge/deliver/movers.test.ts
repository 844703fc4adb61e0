import { describe, expect, it } from 'vitest';
import { MOVES_PER_TURN, Movers } from '../../../src/edge/deliver/movers.ts';
import type { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';

/** Sessions are numbers of devices that are to be moved. */
function bench() {
  const done: string[] = [];
  const later: (() => void)[] = [];
  let moved = 0;
  const movers = new Movers({
    move(session, devicesMax) {
      const peer = session as unknown as { left: number; isClosedBySlowness?: boolean };
      if (peer.isClosedBySlowness) movers.forget(session);
      const count = Math.min(peer.left, devicesMax);
      peer.left -= count;
      moved += count;
      return count;
    },
    soon: (work) => void later.push(work),
  });
  const add = (name: string, left: number): SubscriberSession => {
    const session = { left } as unknown as SubscriberSession;
    movers.add(session, () => done.push(name));
    return session;
  };
  /** @returns the devices moved since the last call, and who is through */
  const soFar = (): [number, string[]] => [moved, done.splice(0)];
  const turn = (): [number, string[]] => {
    moved = 0;
    for (const work of later.splice(0)) work();
    return soFar();
  };
  return { movers, later, add, soFar, turn };
}

describe('sessions that are to be moved', () => {
  it('are moved at once when they have few devices, and share a turn', () => {
    const { later, add, soFar } = bench();
    add('none', 0);
    add('few', MOVES_PER_TURN - 1);
    expect([soFar(), later.length]).toEqual([[MOVES_PER_TURN - 1, ['none', 'few']], 0]);
  });

  it('are moved a bounded number of devices at a time, and take turns', () => {
    const { add, soFar, turn } = bench();
    add('many', 3 * MOVES_PER_TURN + 1);
    add('few', 1);
    expect(soFar()).toEqual([MOVES_PER_TURN, []]);
    expect(turn()).toEqual([MOVES_PER_TURN, []]);
    expect(turn()).toEqual([MOVES_PER_TURN, ['few']]);
    expect(turn()).toEqual([2, ['many']]);
    expect(turn()).toEqual([0, []]);
  });

  it('are not told that they are through when they are closed as they are moved', () => {
    const { add, soFar, turn } = bench();
    const closed = add('closed', MOVES_PER_TURN + 1);
    Object.assign(closed, { isClosedBySlowness: true });
    soFar();
    expect(turn()).toEqual([1, []]);
    const many = add('many', 2 * MOVES_PER_TURN);
    Object.assign(many, { isClosedBySlowness: true });
    soFar();
    expect([turn(), turn(), turn()]).toEqual([
      [MOVES_PER_TURN, []],
      [0, []],
      [0, []],
    ]);
  });

  it('are left alone once they are over', () => {
    const { movers, later, add, soFar, turn } = bench();
    const gone = add('gone', 5 * MOVES_PER_TURN);
    soFar();
    movers.forget(gone);
    add('next', MOVES_PER_TURN + 1);
    expect(later).toHaveLength(1);
    expect(turn()).toEqual([MOVES_PER_TURN, []]);
    expect(turn()).toEqual([1, ['next']]);
    expect(later).toEqual([]);
  });
});
