import { describe, expect, it } from 'vitest';
import { Unanswered } from '../../../src/edge/mqtt/unanswered.ts';

describe('events that wait for the owner', () => {
  it('are answered once', () => {
    const lost: number[] = [];
    const unanswered = new Unanswered((packetId) => lost.push(packetId));
    unanswered.add(1);
    expect(unanswered.answered(1)).toBe(true);
    expect(unanswered.answered(1)).toBe(false);
    unanswered.lose();
    expect(lost).toEqual([]);
  });

  it('are lost with their device', () => {
    const lost: number[] = [];
    const unanswered = new Unanswered((packetId) => lost.push(packetId));
    for (const packetId of [1, 2, 3]) unanswered.add(packetId);
    unanswered.answered(2);
    unanswered.lose();
    expect(lost).toEqual([1, 3]);
    expect(unanswered.answered(1)).toBe(false);
  });

  it('are lost some time after the owner was replaced; those sent since are not', () => {
    const lost: number[] = [];
    const unanswered = new Unanswered((packetId) => lost.push(packetId));
    for (const packetId of [1, 2]) unanswered.add(packetId);
    unanswered.ownerReplaced(1000);
    unanswered.add(3);
    unanswered.tick(5999);
    expect(lost).toEqual([]);
    unanswered.answered(2);
    unanswered.tick(6000);
    expect(lost).toEqual([1]);
    expect(unanswered.answered(3)).toBe(true);
  });
});
