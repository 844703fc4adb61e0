import { beforeEach, describe, expect, it } from 'vitest';
import { PACE_STEP_MS_MAX } from '../../../src/edge/deliver/pace.ts';
import { EventType } from '../../../src/wire/events.ts';
import { type FakeSocket, FakeThread, type SubscriberOptions } from './fake-thread.ts';

const EVERY_MS = 1000;
const DEVICE = 1;

let thread: FakeThread;
beforeEach(() => {
  thread = new FakeThread({ sendQueueBytes: 1e9, sendQueueMaxBytes: 1e9 });
});

const paced = (
  devices: readonly number[] = [DEVICE],
  { query = '', ...more }: SubscriberOptions = {},
): FakeSocket => thread.subscriber(devices, { ...more, query: `&every=${EVERY_MS}${query}` });

function message(
  device = DEVICE,
  priority: 'normal' | 'high' = 'normal',
  type: number = EventType.message,
): void {
  thread.event(device, priority, undefined, type);
  thread.poll();
}

const pass = (ms: number): void => thread.pass(ms);

/** What came since the last look: device, seq, and how many events it replaced. */
function news(socket: FakeSocket): string {
  const frames = socket.frames.splice(0).flatMap((frame) => (frame.op === 'batch' ? [] : [frame]));
  return frames
    .filter(({ op }) => op === 'event')
    .map(({ device, seq, conflated }) => `${device}:${seq}${conflated === undefined ? '' : `(${conflated})`}`)
    .join(' ');
}

describe('a subscriber at a pace', () => {
  it('gets the first message of a quiet device at once, and the newest one interval later', () => {
    const socket = paced();
    message();
    expect(news(socket)).toBe('d1:1');
    for (let n = 0; n < 3; n++) message();
    expect(news(socket)).toBe('');
    pass(EVERY_MS - PACE_STEP_MS_MAX);
    expect(news(socket)).toBe('');
    pass(2 * PACE_STEP_MS_MAX);
    expect(news(socket)).toBe('d1:4(2)');
    pass(5 * EVERY_MS);
    expect(news(socket)).toBe('');
  });

  it('gets one message per interval of a device that sends all the time', () => {
    const socket = paced();
    const times: number[] = [];
    for (let ms = 0; ms < 10 * EVERY_MS; ms += PACE_STEP_MS_MAX) {
      message();
      if (news(socket) !== '') times.push(thread.clock.now());
      pass(PACE_STEP_MS_MAX);
      if (news(socket) !== '') times.push(thread.clock.now());
    }
    const apart = times.slice(1).map((ms, n) => ms - times[n]!);
    expect(new Set(apart)).toEqual(new Set([EVERY_MS]));
    expect(times).toHaveLength(11);
  });

  it('gets what is urgent at once, which replaces the message that waited, and begins an interval', () => {
    const socket = paced();
    message();
    message();
    pass(EVERY_MS / 2);
    message(DEVICE, 'normal', EventType.status);
    expect(news(socket)).toBe('d1:1 d1:3');
    message(DEVICE, 'high');
    expect(news(socket)).toBe('d1:4(1)');
    message();
    pass(EVERY_MS - PACE_STEP_MS_MAX);
    expect(news(socket)).toBe('');
    pass(2 * PACE_STEP_MS_MAX);
    expect(news(socket)).toBe('d1:5');
  });

  it.each([
    ['', ''],
    ['in batches ', '&batch=true'],
  ])('%sgets the events of a type in their order, though a later one is more urgent', (_how, query) => {
    const socket = paced([DEVICE], { query });
    const came: string[] = [];
    const send = (type: number, ...priorities: ('low' | 'normal' | 'high')[]): void => {
      for (const priority of priorities) thread.event(DEVICE, priority, undefined, type);
      thread.poll();
      const frames = socket.frames
        .splice(0)
        .flatMap((frame) => (frame.op === 'batch' ? frame.events! : [frame]));
      for (const { op, seq } of frames) if (op === 'event') came.push(`${seq}`);
      came.push('|');
    };
    send(EventType.message, 'low', 'high');
    send(EventType.pong, 'normal', 'high', 'high');
    send(EventType.status, 'low', 'high', 'normal');
    send(EventType.status, 'high');
    expect(came.join(' ')).toBe('1 2 | 3 4 5 | 6 7 8 | 9 |');
  });

  it('gets what is urgent before what is not of another type, or of another device', () => {
    const socket = paced([1, 2]);
    thread.event(1, 'normal');
    thread.event(1, 'high', undefined, EventType.status);
    thread.event(1, 'high');
    thread.event(2, 'high');
    thread.poll();
    expect(news(socket)).toBe('d1:2 d2:1 d1:1 d1:3');
  });

  it('has messages and pongs conflated each for itself', () => {
    const socket = paced();
    for (let n = 0; n < 2; n++) {
      message();
      message(DEVICE, 'normal', EventType.pong);
    }
    expect(news(socket)).toBe('d1:1 d1:2');
    pass(EVERY_MS + PACE_STEP_MS_MAX);
    expect(news(socket)).toBe('d1:3 d1:4');
  });

  it('that came while others waited is told only what it would have got itself', () => {
    const early = paced();
    message();
    message();
    message();
    const late = paced();
    pass(EVERY_MS + PACE_STEP_MS_MAX);
    expect([news(early), news(late)]).toEqual(['d1:1 d1:3(1)', '']);
    message();
    const later = paced();
    message();
    pass(EVERY_MS + PACE_STEP_MS_MAX);
    expect([news(early), news(late), news(later)]).toEqual(['d1:5(1)', 'd1:5(1)', 'd1:5']);
  });

  it('gets nothing more once it has left, though a message waited', () => {
    const [socket, other] = [paced(), paced()];
    message();
    message();
    thread.detach(socket, DEVICE);
    thread.poll();
    pass(2 * EVERY_MS);
    expect([news(socket), news(other)]).toEqual(['d1:1', 'd1:1 d1:2']);
  });

  it('shares its turns with all of the same interval, and not with those of another', () => {
    const [socket, binary] = [paced(), paced([DEVICE], { binary: true })];
    const slower = thread.subscriber([DEVICE], { query: '&every=3000' });
    for (let n = 0; n < 3; n++) message();
    pass(EVERY_MS + PACE_STEP_MS_MAX);
    message();
    expect([news(socket), news(slower)]).toEqual(['d1:1 d1:3(1)', 'd1:1']);
    expect(binary.frames.filter(({ seq }) => seq !== undefined).map(({ seq }) => seq)).toEqual([1, 3]);
    pass(2 * EVERY_MS);
    expect([news(socket), news(slower)]).toEqual(['d1:4', 'd1:4(2)']);
  });

  it('in batches gets the newest of all devices whose turn it is in one frame', () => {
    const devices = [1, 2, 3];
    const socket = paced(devices, { query: '&batch=true' });
    for (let n = 0; n < 3; n++) for (const device of devices) message(device);
    socket.frames.length = 0;
    pass(EVERY_MS + PACE_STEP_MS_MAX);
    const frames = socket.frames.splice(0);
    expect(frames).toHaveLength(1);
    const batch = frames[0] as unknown as { events: { device: string; seq: number; conflated: number }[] };
    expect(batch.events.map(({ device, seq, conflated }) => [device, seq, conflated])).toEqual(
      devices.map((device) => [`d${device}`, 3, 1]),
    );
  });

  it('is late by no more than its thread was', () => {
    const socket = paced();
    message();
    message();
    thread.clock.advance(10 * EVERY_MS);
    thread.edge.deliverer.paces.tick();
    expect(news(socket)).toBe('d1:1 d1:2');
    message();
    pass(EVERY_MS - PACE_STEP_MS_MAX);
    expect(news(socket)).toBe('');
    pass(2 * PACE_STEP_MS_MAX);
    expect(news(socket)).toBe('d1:3');
  });
});
