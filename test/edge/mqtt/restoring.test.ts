import { describe, expect, it } from 'vitest';
import type { Actor } from '../../../src/access/actor.ts';
import { RESTORED_PER_TURN, Restorer } from '../../../src/edge/mqtt/restoring.ts';
import type { MqttSubscriptions } from '../../../src/wire/mqtt/subscriptions.ts';
import { DEFAULT_TEMPLATES } from '../../../src/wire/mqtt/templates.ts';
import { layoutOf } from '../../wire/mqtt/layouts.ts';

function bench() {
  const later: (() => void)[] = [];
  const all: (MqttSubscriptions | undefined)[] = [];
  const gone = new Set<string>();
  const restorer = new Restorer({
    layout: layoutOf(...DEFAULT_TEMPLATES),
    soon: (work) => void later.push(work),
  });
  const restore = (filters: readonly string[], role: Actor['role'] = 'anyone', id = 'dev'): void => {
    const subscriptions = filters.map((filter, identifier) => ({ filter, identifier, noLocal: false }));
    restorer.restore(
      { subscriptions, packetIds: [], scope: 'x' },
      {
        actor: { role, id, devices: undefined, vip: false },
        isWaiting: () => !gone.has(id),
        done: (restored) => all.push(restored),
      },
    );
  };
  const many = (count: number, id?: string): void =>
    restore(
      Array.from({ length: count }, (_, i) => `devices/d${i}/message`),
      'anyone',
      id,
    );
  /** @returns the topic filters of those that are through since the last call, and how many turns are still to come */
  const counts = () => [all.splice(0).map((restored) => restored?.count), later.length];
  const turn = () => {
    for (const work of later.splice(0)) work();
    return counts();
  };
  return { restorer, gone, all, restore, many, counts, turn };
}

describe('the topic filters of a kept session', () => {
  it('are worked out at once when they are few', () => {
    const { all, restore, counts } = bench();
    restore(['devices/+/message', 'elsewhere']);
    expect([all[0]!.names(), all[0]!.scope]).toEqual([['*'], 'x']);
    restore([]);
    expect(all[1]!.hasTargets).toBe(false);
    expect(counts()).toEqual([[1, 0], 0]);
  });

  it('are worked out a bounded number at a time when they are many', () => {
    const { many, counts, turn } = bench();
    const count = 2 * RESTORED_PER_TURN + 1;
    many(count);
    expect([counts(), turn(), turn(), turn()]).toEqual([
      [[], 1],
      [[], 1],
      [[], 1],
      [[count], 0],
    ]);
  });

  it('share their turns with those of all others, whose turns come in between', () => {
    const { many, counts, turn } = bench();
    const [more, less] = [2 * RESTORED_PER_TURN, RESTORED_PER_TURN + 1];
    many(more, 'a');
    many(less, 'b');
    many(less, 'c');
    const turns = Array.from({ length: 5 }, () => turn());
    expect([counts(), turns]).toEqual([
      [[], 0],
      [
        [[], 1],
        [[], 1],
        [[], 1],
        [[more], 1],
        [[less, less], 0],
      ],
    ]);
  });

  it('are left alone when the client does not wait any more', () => {
    const { gone, many, counts, turn } = bench();
    many(9 * RESTORED_PER_TURN, 'a');
    many(RESTORED_PER_TURN + 1, 'b');
    expect(turn()).toEqual([[], 1]);
    gone.add('a');
    expect([turn(), turn()]).toEqual([
      [[], 1],
      [[undefined, RESTORED_PER_TURN + 1], 0],
    ]);
    many(1, 'a');
    expect(counts()).toEqual([[undefined], 0]);
  });

  it('are none where nothing was kept', () => {
    const { restorer, all } = bench();
    const actor = { role: 'anyone', id: 'dev', devices: undefined, vip: false } as const;
    restorer.restore(undefined, { actor, isWaiting: () => true, done: (restored) => all.push(restored) });
    expect(all).toEqual([undefined]);
  });

  it('match interest in the device that the client may be', () => {
    const hasInterest = (role: Actor['role'], filter = 'devices/dev/interest'): boolean => {
      const { all, restore } = bench();
      restore([filter], role);
      return all[0]!.hasInterest;
    };
    expect([hasInterest('anyone'), hasInterest('device')]).toEqual([true, true]);
    expect([hasInterest('subscriber'), hasInterest('anyone', 'devices/other/interest')]).toEqual([
      false,
      false,
    ]);
  });
});
