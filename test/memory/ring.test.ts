import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createRing,
  RING_BYTES_MAX,
  RING_BYTES_MIN,
  RingConsumer,
  RingProducer,
  recordBytesMax,
  ringBytesFor,
  ringUsedRatio,
  Share,
} from '../../src/memory/ring.ts';
import { runs } from '../support/runs.ts';
import { BYTES, BYTES_MAX, drain, fill, open } from './ring-harness.ts';

/** `views` is read after the claim: a record that has to wait is written elsewhere. */
function writeControl(producer: RingProducer, byte: number): void {
  const offset = producer.claimControl(5, 56);
  producer.views.u8[offset] = byte;
}

describe('a look ahead', () => {
  it('tells the kind of the next record, over the end of the ring too, and what waits; it steps to nothing', () => {
    const { producer, consumer } = open();
    expect(consumer.peek()).toBe(-1);
    expect(consumer.unreadBytes).toBe(0);
    for (let n = 0; n < 500; n++) {
      producer.claim(1 + (n % 7), 40 + (n % 3) * 100, Share.control);
      expect(consumer.peek()).toBe(-1);
      producer.commit();
      expect(consumer.peek()).toBe(1 + (n % 7));
      expect(consumer.unreadBytes).toBeGreaterThan(40);
      expect(consumer.next()).toBeGreaterThanOrEqual(0);
      expect(consumer.kind).toBe(1 + (n % 7));
      expect(consumer.unreadBytes).toBe(0);
      consumer.release();
    }
  });
});

describe('a ring of one thread', () => {
  it('shows a record only after commit, and all that was claimed at once', () => {
    const { memory, producer, consumer } = open();
    producer.views.u8[producer.claim(1, 1, Share.low)] = 10;
    producer.views.u8[producer.claim(2, 1, Share.low)] = 20;
    expect(consumer.hasRecords).toBe(false);
    expect(consumer.next()).toBe(-1);
    expect(ringUsedRatio(memory)).toBe(0);
    producer.commit();
    expect(consumer.hasRecords).toBe(true);
    expect(drain(consumer)).toEqual([
      { kind: 1, payload: [10] },
      { kind: 2, payload: [20] },
    ]);
    expect(consumer.hasRecords).toBe(false);
  });

  it('gives room back on release, not before', () => {
    const { memory, producer, consumer } = open();
    expect(fill(producer, Share.control)).toBe(BYTES / 64);
    producer.commit();
    expect([ringUsedRatio(memory), producer.usedRatio()]).toEqual([1, 1]);
    for (let read = 0; read < 4; read++) consumer.next();
    expect(fill(producer, Share.control)).toBe(0);
    consumer.release();
    expect(ringUsedRatio(memory)).toBe(1 - (4 * 64) / BYTES);
    expect(fill(producer, Share.control)).toBe(4);
    consumer.next();
    consumer.release();
    expect(fill(producer, Share.control)).toBe(1);
  });

  it('writes over no record that waits where one does not fit before the end', () => {
    const { producer, consumer } = open();
    for (let n = 0; n < BYTES / 64 - 1; n++) producer.claim(1, 56, Share.control);
    producer.commit();
    consumer.next();
    consumer.release();
    // 64 bytes are free at the end, and 64 at the start.
    expect(producer.claim(2, 120, Share.control)).toBe(-1);
    consumer.next();
    consumer.release();
    expect(producer.claim(2, 120, Share.control)).toBe(8);
  });

  it('tells how large it is and how much was written so far, committed or not', () => {
    const { producer } = open();
    expect([producer.capacity, producer.written]).toEqual([BYTES, 0]);
    fill(producer, Share.low);
    expect(producer.written).toBe(BYTES / 2);
  });

  it('tells whether the consumer has given back what was written up to a position', () => {
    const { producer, consumer } = open();
    expect(producer.isReadTo(producer.written)).toBe(true);
    for (let round = 0; round < 200; round++) {
      producer.claim(1, 40, Share.low);
      const first = producer.written;
      producer.claim(1, 40, Share.low);
      const second = producer.written;
      producer.commit();
      expect([producer.isReadTo(first), producer.isReadTo(second)]).toEqual([false, false]);
      consumer.next();
      expect(producer.isReadTo(first)).toBe(false);
      consumer.release();
      expect([producer.isReadTo(first), producer.isReadTo(second | 0)]).toEqual([true, false]);
      consumer.next();
      consumer.release();
      expect(producer.isReadTo(second)).toBe(true);
    }
  });

  it('refuses low before normal before high before control', () => {
    const { producer } = open();
    const let_in = [Share.low, Share.normal, Share.high, Share.control].map((share) => fill(producer, share));
    expect(let_in).toEqual([32, 16, 12, 4]);
    expect(producer.usedRatio()).toBe(1);
  });

  it('wraps: a record that does not fit before the end stands at the start, aligned and whole', () => {
    const { producer, consumer } = open();
    let wrapped = 0;
    let last = -1;
    for (let n = 0; n < 200; n++) {
      const payload = Array.from({ length: 100 + (n % 300) }, (_, i) => (n + i) & 0xff);
      const offset = producer.claim(3, payload.length, Share.high);
      expect(offset % 8).toBe(0);
      if (offset < last) wrapped += 1;
      last = offset;
      producer.views.u8.set(payload, offset);
      producer.commit();
      expect(drain(consumer)).toEqual([{ kind: 3, payload }]);
    }
    expect(wrapped).toBeGreaterThan(5);
  });

  it('goes on where the positions pass 2^31 and 2^32', () => {
    for (const start of [2 ** 31 - 512, 2 ** 32 - 512]) {
      const memory = createRing(BYTES);
      const words = new Int32Array(memory, 0, 64);
      words[0] = start | 0; // tail
      words[32] = start | 0; // head
      const producer = new RingProducer(memory);
      const consumer = new RingConsumer(memory);
      expect(fill(producer, Share.control)).toBe(BYTES / 64);
      producer.commit();
      expect(drain(consumer)).toHaveLength(BYTES / 64);
      for (let n = 0; n < 40; n++) {
        producer.views.u8[producer.claim(1, 56, Share.low)] = n;
        producer.commit();
        expect(ringUsedRatio(memory)).toBe(64 / BYTES);
        expect(drain(consumer)[0]?.payload[0]).toBe(n);
      }
      expect(fill(producer, Share.control)).toBe(BYTES / 64);
    }
  });

  it('takes records of no bytes and of the most bytes, and throws on more', () => {
    const { producer, consumer } = open();
    expect(producer.claim(1, 0, Share.low)).toBeGreaterThanOrEqual(0);
    expect(producer.claim(2, BYTES_MAX, Share.low)).toBeGreaterThanOrEqual(0);
    const tooLong = new RangeError(`record of ${BYTES_MAX + 1} bytes, at most ${BYTES_MAX} fit this ring`);
    expect(() => producer.claim(3, BYTES_MAX + 1, Share.control)).toThrow(tooLong);
    expect(() => producer.claimControl(3, BYTES_MAX + 1)).toThrow(tooLong);
    producer.commit();
    expect(drain(consumer).map(({ kind, payload }) => [kind, payload.length])).toEqual([
      [1, 0],
      [2, BYTES_MAX],
    ]);
  });

  it('never stays full for good: an empty ring takes the longest record of any share at any place', () => {
    for (const share of Object.values(Share)) {
      const { producer, consumer } = open();
      for (let n = 0; n < 600; n++) {
        expect(producer.claim(1, n % 2 === 0 ? 8 * (n % 63) : BYTES_MAX, share)).toBeGreaterThanOrEqual(0);
        producer.commit();
        drain(consumer);
      }
    }
  });
});

describe('control records of a full ring', () => {
  it('wait in private memory, in order, and refuse events meanwhile', () => {
    const { producer, consumer } = open();
    fill(producer, Share.control);
    for (const n of [1, 2, 3]) writeControl(producer, n);
    expect(producer.spilledCount).toBe(3);
    producer.commit();
    expect(producer.spilledCount).toBe(3);
    for (let read = 0; read < 2; read++) consumer.next();
    consumer.release();
    // Room for two of the three: what matters less must not pass them.
    expect(producer.claim(1, 0, Share.high)).toBe(-1);
    expect(producer.spilledCount).toBe(1);
    writeControl(producer, 4);
    expect(producer.spilledCount).toBe(2);
    producer.commit();
    const first = drain(consumer);
    producer.commit();
    expect(producer.spilledCount).toBe(0);
    const controls = [...first, ...drain(consumer)].filter(({ kind }) => kind === 5);
    expect(controls.map(({ payload }) => payload[0])).toEqual([1, 2, 3, 4]);
    expect(producer.claim(1, 0, Share.low)).toBeGreaterThanOrEqual(0);
  });

  it('are not passed by an event for which there would be room', () => {
    const { producer, consumer } = open();
    fill(producer, Share.control);
    producer.claimControl(5, BYTES_MAX);
    producer.commit();
    consumer.next();
    consumer.release();
    expect([producer.claim(1, 0, Share.control), producer.spilledCount]).toEqual([-1, 1]);
    drain(consumer);
    expect(producer.claim(1, 0, Share.low)).toBeGreaterThan(0);
    expect(producer.spilledCount).toBe(0);
    producer.commit();
    expect(drain(consumer).map(({ kind }) => kind)).toEqual([5, 1]);
  });

  it('keep their bytes whatever their length', () => {
    const { producer, consumer } = open();
    fill(producer, Share.control);
    const payloads = [0, 1, 7, 8, 9, BYTES_MAX].map((length) => Array.from({ length }, (_, i) => i & 0xff));
    for (const payload of payloads) {
      const offset = producer.claimControl(5, payload.length);
      producer.views.u8.set(payload, offset);
    }
    producer.commit();
    drain(consumer);
    producer.commit();
    expect(drain(consumer).map(({ payload }) => payload)).toEqual(payloads);
  });
});

describe('room that is given back up to a position', () => {
  it('is that of the records up to there, and the rest stays readable', () => {
    const { memory, producer, consumer } = open();
    for (let n = 0; n < 3; n++) producer.views.u8[producer.claim(1, 56, Share.low)] = n;
    producer.commit();
    const offsets: number[] = [];
    const positions: number[] = [];
    for (let offset = consumer.next(); offset >= 0; offset = consumer.next()) {
      offsets.push(offset);
      positions.push(consumer.position);
    }
    consumer.releaseTo(positions[1]!);
    expect(ringUsedRatio(memory)).toBe(64 / BYTES);
    expect(offsets.map((offset) => consumer.views.u8[offset])).toEqual([0, 1, 2]);
    consumer.release();
    expect(ringUsedRatio(memory)).toBe(0);
  });
});

const operation = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('low', 'normal', 'high', 'control' as const),
      bytes: fc.oneof(fc.nat(64), fc.nat(BYTES_MAX)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('commit' as const), bytes: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('read' as const), bytes: fc.nat(20) }) },
);

describe('a ring over any sequence of operations', () => {
  it('hands out what was accepted, once and in order, and control records always', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 150, size: 'max' }), (operations) => {
        const { producer, consumer } = open();
        const expected: { n: number; bytes: number }[] = [];
        const read: { n: number; bytes: number }[] = [];
        const step = (most: number): void => {
          for (let count = 0; count < most; count++) {
            const offset = consumer.next();
            if (offset < 0) break;
            // The kind carries the number: records of no bytes count too.
            read.push({ n: consumer.kind - 1, bytes: consumer.bytes });
            for (let i = 0; i < consumer.bytes; i++) {
              ok(consumer.views.u8[offset + i] === ((consumer.kind - 1 + i) & 0xff));
            }
          }
          consumer.release();
        };
        for (const [n, op] of operations.entries()) {
          if (op.do === 'commit') producer.commit();
          else if (op.do === 'read') step(op.bytes);
          else {
            const offset =
              op.do === 'control'
                ? producer.claimControl(n + 1, op.bytes)
                : producer.claim(n + 1, op.bytes, Share[op.do]);
            if (offset < 0) continue;
            for (let i = 0; i < op.bytes; i++) producer.views.u8[offset + i] = (n + i) & 0xff;
            expected.push({ n, bytes: op.bytes });
          }
        }
        for (let turn = 0; turn < 100; turn++) {
          producer.commit();
          step(1000);
        }
        strictEqual(producer.spilledCount, 0);
        deepStrictEqual(read, expected);
        strictEqual(producer.usedRatio(), 0);
      }),
      { numRuns: runs(100) },
    );
  });
});

describe('the control words of a ring', () => {
  it('are 128 bytes apart where two threads write them, and lie before the records', () => {
    const { memory, producer, consumer } = open();
    const words = new Int32Array(memory, 0, 256 / 4);
    const writtenBy = (act: () => void): number[] => {
      words.fill(0);
      act();
      return [...words.keys()].filter((word) => words[word] !== 0);
    };
    const byProducer = writtenBy(() => {
      producer.claim(1, 56, Share.control);
      producer.commit();
    });
    expect(byProducer).toEqual([0]);
    const [head, ...others] = writtenBy(() => {
      words[0] = 64;
      consumer.next();
      consumer.release();
      words[0] = 0;
    });
    expect(head).toBe(128 / 4);
    for (const word of others) expect(word).toBeGreaterThan(128 / 4);
  });
});

describe('the size of a ring', () => {
  it('is a power of two within bounds, or the ring is not made', () => {
    for (const bytes of [0, RING_BYTES_MIN / 2, RING_BYTES_MIN + 8, 5000, RING_BYTES_MAX * 2, 4096.5]) {
      const message = `ring of ${bytes} bytes; expected a power of two from 4096 to 1073741824`;
      expect(() => createRing(bytes)).toThrow(new RangeError(message));
    }
    for (const bytes of [RING_BYTES_MIN, 8192]) expect(createRing(bytes).byteLength).toBe(256 + bytes);
    expect([1, 4096, 4097, 100_000].map(ringBytesFor)).toEqual([4096, 4096, 8192, 131_072]);
    expect([4096, 8192].map(recordBytesMax)).toEqual([504, 1016]); // an eighth with its header
  });
});
