import { describe, expect, it } from 'vitest';
import { TunnelError } from '../../clients/js/src/errors.ts';
import { EventStream } from '../../clients/js/src/event-stream.ts';
import type { DeviceEvent } from '../../clients/js/src/frames.ts';

const event = (seq: number): DeviceEvent => ({
  device: 'dev-1',
  type: 'message',
  source: 'device',
  seq,
  at: 0,
  priority: 'normal',
  data: null,
});

function streamOf(limit = 10): {
  stream: EventStream;
  push: (...seqs: readonly number[]) => void;
  end: (error?: TunnelError) => void;
  left: () => number;
} {
  let pushOne: (event: DeviceEvent) => void = () => {};
  let end: (error: TunnelError | undefined) => void = () => {};
  let left = 0;
  const stream = new EventStream(limit, (push, finish) => {
    pushOne = push;
    end = finish;
    return () => {
      left += 1;
    };
  });
  return {
    stream,
    push: (...seqs) => {
      for (const seq of seqs) pushOne(event(seq));
    },
    end: (error) => end(error),
    left: () => left,
  };
}

async function numbersOf(stream: EventStream): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { seq } of stream) numbers.push(seq);
  return numbers;
}

describe('a stream of events', () => {
  it('holds events until they are asked for, and waits for those to come', async () => {
    const { stream, push, end } = streamOf();
    push(1, 2);
    const numbers = numbersOf(stream);
    await Promise.resolve();
    push(3, 4);
    end();
    expect(await numbers).toEqual([1, 2, 3, 4]);
    expect(stream.dropped).toBe(0);
  });

  it('drops the oldest when the consumer is behind by more than the limit, and counts it', async () => {
    const { stream, push, end } = streamOf(3);
    push(1, 2, 3, 4, 5);
    end();
    expect(stream.dropped).toBe(2);
    expect(await numbersOf(stream)).toEqual([3, 4, 5]);
  });

  it('serves several who wait, in their order', async () => {
    const { stream, push } = streamOf();
    const waiting = [stream.next(), stream.next()];
    push(1, 2);
    expect((await Promise.all(waiting)).map(({ value }) => (value as DeviceEvent).seq)).toEqual([1, 2]);
  });

  it('ends with the error that ended the subscriber, after what is buffered', async () => {
    const { stream, push, end } = streamOf();
    push(1);
    end(new TunnelError('closed', 'kicked', 4005));
    expect(await stream.next()).toMatchObject({ value: { seq: 1 } });
    await expect(stream.next()).rejects.toMatchObject({ code: 'closed', hubCode: 4005 });
  });

  it('rejects for those who wait when it ends with an error', async () => {
    const { stream, end } = streamOf();
    const waiting = stream.next();
    end(new TunnelError('closed', 'kicked', 4005));
    await expect(waiting).rejects.toMatchObject({ code: 'closed' });
  });

  it('stops listening when the loop is left', async () => {
    const { stream, push, left } = streamOf();
    push(1, 2);
    for await (const { seq } of stream) if (seq === 1) break;
    expect(left()).toBe(1);
    expect(await stream.next()).toEqual({ value: undefined, done: true });
  });
});
