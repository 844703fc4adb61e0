import { describe, expect, it } from 'vitest';
import { Unanswered } from '../../../src/edge/mqtt/unanswered.ts';

const DEVICE = 7;

describe('events that wait for the owner', () => {
  it('are answered once', () => {
    const lost: number[] = [];
    const unanswered = new Unanswered((packetId) => lost.push(packetId));
    unanswered.add(1, DEVICE);
    expect(unanswered.answered(1)).toBe(true);
    expect(unanswered.answered(1)).toBe(false);
    unanswered.lose(DEVICE);
    expect(lost).toEqual([]);
  });

  it('may be none', () => {
    const lost: number[] = [];
    const unanswered = new Unanswered((packetId) => lost.push(packetId));
    expect(unanswered.answered(1)).toBe(false);
    unanswered.lose(DEVICE);
    unanswered.ownerReplaced(1000);
    unanswered.tick(1e9);
    expect(lost).toEqual([]);
  });

  it('are each answered where several have one packet id', () => {
    const lost: number[] = [];
    const unanswered = new Unanswered((packetId) => lost.push(packetId));
    for (let i = 0; i < 3; i++) unanswered.add(1, DEVICE);
    expect(unanswered.has(1)).toBe(true);
    expect([1, 2, 3, 4].map(() => unanswered.answered(1))).toEqual([true, true, true, false]);
    expect(unanswered.has(1)).toBe(false);
    for (let i = 0; i < 3; i++) unanswered.add(1, DEVICE);
    unanswered.answered(1);
    unanswered.lose(DEVICE);
    expect(lost).toEqual([1, 1]);
    expect(unanswered.answered(1)).toBe(false);
  });

  it('are not lost because another had the packet id as the owner was replaced', () => {
    const lost: number[] = [];
    const unanswered = new Unanswered((packetId) => lost.push(packetId));
    unanswered.add(1, DEVICE);
    unanswered.ownerReplaced(1000);
    unanswered.answered(1);
    unanswered.add(1, DEVICE);
    unanswered.tick(6000);
    expect(lost).toEqual([]);
    expect(unanswered.answered(1)).toBe(true);
  });

  it('are lost with their device', () => {
    const lost: number[] = [];
    const unanswered = new Unanswered((packetId) => lost.push(packetId));
    for (const packetId of [1, 2, 3]) unanswered.add(packetId, DEVICE);
    unanswered.answered(2);
    unanswered.lose(DEVICE);
    expect(lost).toEqual([1, 3]);
    expect(unanswered.answered(1)).toBe(false);
  });

  it('stay where another device of the same gateway is lost', () => {
    const lost: number[] = [];
    const unanswered = new Unanswered((packetId) => lost.push(packetId));
    unanswered.add(1, DEVICE);
    unanswered.add(2, DEVICE + 1);
    unanswered.lose(DEVICE);
    expect(lost).toEqual([1]);
    expect(unanswered.answered(2)).toBe(true);
  });

  it('are lost some time after the owner was replaced; those sent since are not', () => {
    const lost: number[] = [];
    const unanswered = new Unanswered((packetId) => lost.push(packetId));
    for (const packetId of [1, 2]) unanswered.add(packetId, DEVICE);
    unanswered.ownerReplaced(1000);
    unanswered.add(3, DEVICE);
    unanswered.tick(5999);
    expect(lost).toEqual([]);
    unanswered.answered(2);
    unanswered.tick(6000);
    expect(lost).toEqual([1]);
    expect(unanswered.answered(3)).toBe(true);
  });
});
