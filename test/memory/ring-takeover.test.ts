import { strictEqual } from 'node:assert/strict';
import { describe, expect, it } from 'vitest';
import { RingConsumer, ringUsedRatio, Share } from '../../src/memory/ring.ts';
import { drain, open } from './ring-harness.ts';

describe('a consumer that takes over from one that died', () => {
  /** What the one that died had taken and not given back; then all that was left. */
  function takeOver(memory: SharedArrayBuffer): { inHand: [kind: number, byte: number][]; left: number[] } {
    const successor = new RingConsumer(memory);
    const inHand: [kind: number, byte: number][] = [];
    successor.takeOver((offset) => {
      const { u8 } = successor.views;
      for (let i = 1; i < successor.bytes; i++) strictEqual(u8[offset + i], u8[offset]);
      inHand.push([successor.kind, u8[offset]!]);
    });
    return { inHand, left: drain(successor).map(({ kind }) => kind) };
  }

  it('visits what that one had in hand, the last record too, and goes on behind it', () => {
    const { memory, producer, consumer } = open();
    const send = (n: number): void => {
      const offset = producer.claim(n, 10 + n, Share.control);
      producer.views.u8.fill(100 + n, offset, offset + 10 + n);
    };
    for (let n = 1; n <= 5; n++) send(n);
    producer.commit();
    consumer.next();
    consumer.release();
    for (let read = 0; read < 3; read++) consumer.next();
    send(6);
    producer.commit();
    expect(takeOver(memory)).toEqual({
      inHand: [
        [2, 102],
        [3, 103],
        [4, 104],
      ],
      left: [5, 6],
    });
    expect(ringUsedRatio(memory)).toBe(0);
  });

  it('visits nothing when all was given back', () => {
    const { memory, producer, consumer } = open();
    for (const kind of [1, 2]) producer.claim(kind, 8, Share.control);
    producer.commit();
    consumer.next();
    consumer.release();
    expect(takeOver(memory)).toEqual({ inHand: [], left: [2] });
  });

  it('passes the padding at the end of the ring over, wherever that one stopped', () => {
    for (let before = 0; before < 40; before++) {
      const { memory, producer, consumer } = open();
      for (let n = 0; n < before; n++) {
        producer.claim(9, 120, Share.control);
        producer.commit();
        consumer.next();
      }
      consumer.release();
      for (const kind of [1, 2, 3]) {
        const offset = producer.claim(kind, 300, Share.control);
        producer.views.u8.fill(kind, offset, offset + 300);
      }
      producer.commit();
      for (let read = 0; read < 2; read++) consumer.next();
      expect(takeOver(memory)).toEqual({
        inHand: [
          [1, 1],
          [2, 2],
        ],
        left: [3],
      });
    }
  });
});
