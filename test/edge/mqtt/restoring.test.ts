import { describe, expect, it } from 'vitest';
import type { Actor } from '../../../src/access/actor.ts';
import { RESTORED_PER_TURN, restoreInTurns } from '../../../src/edge/mqtt/restoring.ts';
import type { MqttSubscriptions } from '../../../src/wire/mqtt/subscriptions.ts';
import { DEFAULT_TEMPLATES } from '../../../src/wire/mqtt/templates.ts';
import { layoutOf } from '../../wire/mqtt/layouts.ts';

/** @returns what is restored so far, and what is to be done in later turns */
function restore(filters: readonly string[], role: Actor['role'] = 'anyone') {
  const later: (() => void)[] = [];
  const all: MqttSubscriptions[] = [];
  const subscriptions = filters.map((filter, identifier) => ({ filter, identifier, noLocal: false }));
  const actor = { role, id: 'dev', devices: undefined, vip: false };
  const options = {
    layout: layoutOf(...DEFAULT_TEMPLATES),
    actor,
    soon: (work: () => void) => void later.push(work),
  };
  restoreInTurns({ subscriptions, packetIds: [], scope: 'x' }, options, (restored) => all.push(restored));
  return { all, later };
}

describe('the topic filters of a kept session', () => {
  it('are worked out at once when they are few', () => {
    const { all, later } = restore(['devices/+/message', 'elsewhere']);
    expect([all.length, later.length]).toEqual([1, 0]);
    expect([all[0]!.names(), all[0]!.count, all[0]!.scope]).toEqual([['*'], 1, 'x']);
    expect(restore([]).all[0]!.hasTargets).toBe(false);
  });

  it('are worked out a bounded number at a time when they are many', () => {
    const count = 2 * RESTORED_PER_TURN + 1;
    const { all, later } = restore(Array.from({ length: count }, (_, i) => `devices/d${i}/message`));
    for (let turn = 0; turn < 2; turn++) {
      expect([all.length, later.length]).toEqual([0, 1]);
      later.shift()!();
    }
    expect([all.map((restored) => restored.count), later.length]).toEqual([[count], 0]);
  });

  it('match interest in the device that the client may be', () => {
    const hasInterest = (role: Actor['role'], filter = 'devices/dev/interest'): boolean =>
      restore([filter], role).all[0]!.hasInterest;
    expect([hasInterest('anyone'), hasInterest('device')]).toEqual([true, true]);
    expect([hasInterest('subscriber'), hasInterest('anyone', 'devices/other/interest')]).toEqual([
      false,
      false,
    ]);
  });
});
