import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Framer, FramingProblem, type PacketSink } from '../../../src/wire/mqtt/framer.ts';

const PACKET_BYTES_MAX = 1000;

/** Takes packets as hex, until it has had enough. */
class Sink implements PacketSink {
  readonly packets: string[] = [];
  wantsPackets = true;
  /** After so many packets it wants no more; until told. */
  enoughAfter = Number.POSITIVE_INFINITY;

  packet(bytes: Uint8Array, head: number, start: number, end: number): void {
    const body = Buffer.from(bytes.subarray(start, end)).toString('hex');
    this.packets.push(`${head.toString(16)}:${body}`);
    if (this.packets.length >= this.enoughAfter) this.wantsPackets = false;
  }
}

/** A packet of so many bytes behind its fixed header. */
function packet(head: number, bytes: number): Buffer {
  const length = [];
  for (let rest = bytes; ; rest >>>= 7) {
    if (rest < 0x80) {
      length.push(rest);
      break;
    }
    length.push((rest & 0x7f) | 0x80);
  }
  return Buffer.concat([Buffer.from([head, ...length]), Buffer.alloc(bytes, head)]);
}

/** Each chunk is a buffer of its own, as a transport gives them, and is spoilt afterwards. */
function feed(framer: Framer, sink: Sink, chunk: Uint8Array): number {
  const own = Uint8Array.from(chunk);
  const problem = framer.feed(own, sink);
  own.fill(0xee);
  return problem;
}

const packets = fc.array(
  fc.record({ head: fc.integer({ min: 0, max: 255 }), bytes: fc.integer({ min: 0, max: 400 }) }),
  { maxLength: 8 },
);

describe('the framer', () => {
  it('produces the same packets however the bytes are split', () => {
    fc.assert(
      fc.property(packets, fc.infiniteStream(fc.integer({ min: 1, max: 300 })), (list, sizes) => {
        const bytes = Buffer.concat(list.map(({ head, bytes }) => packet(head, bytes)));
        const whole = new Sink();
        expect(feed(new Framer(PACKET_BYTES_MAX), whole, bytes)).toBe(0);
        expect(whole.packets).toHaveLength(list.length);
        const [framer, sink] = [new Framer(PACKET_BYTES_MAX), new Sink()];
        for (let at = 0; at < bytes.length; ) {
          const size = sizes.next().value ?? 1;
          expect(feed(framer, sink, bytes.subarray(at, at + size))).toBe(0);
          at += size;
        }
        expect(sink.packets).toEqual(whole.packets);
        expect(framer.heldBytes).toBe(0);
      }),
    );
  });

  it('takes a packet byte by byte', () => {
    const [framer, sink] = [new Framer(PACKET_BYTES_MAX), new Sink()];
    for (const byte of packet(0x30, 300)) expect(feed(framer, sink, Uint8Array.of(byte))).toBe(0);
    expect(sink.packets).toEqual([`30:${'30'.repeat(300)}`]);
  });

  it('takes the largest packet, and refuses the next larger one at its header', () => {
    const sink = new Sink();
    expect(feed(new Framer(PACKET_BYTES_MAX), sink, packet(0x30, PACKET_BYTES_MAX - 3))).toBe(0);
    const framer = new Framer(PACKET_BYTES_MAX);
    expect(feed(framer, sink, packet(0x30, PACKET_BYTES_MAX - 2).subarray(0, 3))).toBe(
      FramingProblem.tooLarge,
    );
    expect(framer.heldBytes).toBe(0);
    expect(sink.packets).toHaveLength(1);
  });

  it('refuses an oversized packet whose header comes byte by byte', () => {
    const framer = new Framer(PACKET_BYTES_MAX);
    const problems = [...packet(0x30, 60_000).subarray(0, 4)].map((byte) =>
      feed(framer, new Sink(), Uint8Array.of(byte)),
    );
    expect(problems).toEqual([0, 0, 0, FramingProblem.tooLarge]);
  });

  it.each([
    ['five bytes', [0x30, 0x80, 0x80, 0x80, 0x80]],
    ['four bytes that go on', [0x30, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['two bytes where one is enough', [0x30, 0x80, 0x00]],
    ['three bytes where two are enough', [0x30, 0xff, 0x80, 0x00]],
  ])('refuses a remaining length of %s, whole and byte by byte', (_, bytes) => {
    expect(feed(new Framer(PACKET_BYTES_MAX), new Sink(), Uint8Array.from(bytes))).toBe(
      FramingProblem.malformed,
    );
    const framer = new Framer(PACKET_BYTES_MAX);
    const problems = bytes.map((byte) => feed(framer, new Sink(), Uint8Array.of(byte)));
    expect(problems.find((problem) => problem !== 0)).toBe(FramingProblem.malformed);
  });

  it('buffers the bytes received, not the length announced', () => {
    const framer = new Framer(PACKET_BYTES_MAX);
    feed(framer, new Sink(), packet(0x30, 900).subarray(0, 10));
    expect(framer.heldBytes).toBe(10);
  });

  it('buffers what follows while the sink is paused, and resumes', () => {
    const [framer, sink] = [new Framer(PACKET_BYTES_MAX), new Sink()];
    sink.enoughAfter = 1;
    const rest = packet(0x50, 200);
    expect(feed(framer, sink, Buffer.concat([packet(0x10, 5), packet(0x40, 2), rest.subarray(0, 7)]))).toBe(
      0,
    );
    expect(sink.packets).toHaveLength(1);
    expect(feed(framer, sink, rest.subarray(7, 100))).toBe(0);
    expect(framer.heldBytes).toBe(4 + 100);
    sink.enoughAfter = Number.POSITIVE_INFINITY;
    sink.wantsPackets = true;
    expect(framer.resume(sink)).toBe(0);
    expect(feed(framer, sink, rest.subarray(100))).toBe(0);
    expect(sink.packets).toEqual(['10:1010101010', '40:4040', `50:${'50'.repeat(200)}`]);
  });

  it('buffers at most one maximum packet while the sink is paused', () => {
    const [framer, sink] = [new Framer(PACKET_BYTES_MAX), new Sink()];
    sink.wantsPackets = false;
    expect(feed(framer, sink, Buffer.alloc(PACKET_BYTES_MAX))).toBe(0);
    expect(feed(framer, sink, Buffer.alloc(1))).toBe(FramingProblem.tooMuch);
    expect(framer.heldBytes).toBe(0);
  });

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 }), (chunks) => {
        const [framer, sink] = [new Framer(100), new Sink()];
        for (const chunk of chunks) {
          if (feed(framer, sink, chunk) !== 0) return;
          expect(framer.heldBytes).toBeLessThanOrEqual(100);
        }
      }),
    );
  });
});
