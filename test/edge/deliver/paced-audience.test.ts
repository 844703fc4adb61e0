/** Who waits for what of one device, when followers join, leave and change while events wait. */
import { beforeEach, describe, expect, it } from 'vitest';
import { closes } from '../../../src/codes.ts';
import { PACE_STEP_MS_MAX } from '../../../src/edge/deliver/pace.ts';
import { EventType, type PriorityName } from '../../../src/wire/events.ts';
import type { Frame } from '../../support/frames.ts';
import { type FakeSocket, FakeThread } from './fake-thread.ts';

const EVERY_MS = 1000;

let thread: FakeThread;
beforeEach(() => {
  thread = new FakeThread({ sendQueueBytes: 1e9, sendQueueMaxBytes: 1e9 });
});

const follower = (query = '', vip = false): FakeSocket =>
  thread.subscriber([0], { query: `&every=${EVERY_MS}${query}`, vip });

function send(
  priority: PriorityName = 'normal',
  type: number = EventType.message,
  payload?: Uint8Array,
): void {
  thread.event(0, priority, payload, type);
  thread.poll();
}

/** As many messages, one after the other. */
function messages(count: number): void {
  for (let n = 0; n < count; n++) send();
}

const pass = (ms = EVERY_MS + PACE_STEP_MS_MAX): void => thread.pass(ms);

/** What came since the last look: seqs, each with how many events it replaced. */
function news(socket: FakeSocket): string {
  return socket.frames
    .splice(0)
    .flatMap((frame): readonly Frame[] => (frame.op === 'batch' ? frame.events! : [frame]))
    .filter(({ op }) => op === 'event')
    .map(({ seq, conflated }) => (conflated === undefined ? `${seq}` : `${seq}(${conflated})`))
    .join(' ');
}

describe('a follower that comes while others wait', () => {
  it('waits only for what comes from then on', () => {
    const first = follower();
    messages(3);
    const second = follower();
    messages(2);
    const third = follower();
    pass();
    expect([first, second, third].map(news)).toEqual(['1 5(3)', '5(1)', '']);
    messages(1);
    pass();
    expect([first, second, third].map(news)).toEqual(['6', '6', '6']);
  });

  it('is told of what an urgent event replaced for it', () => {
    const first = follower();
    messages(3);
    const second = follower();
    messages(1);
    send('high');
    expect([first, second].map(news)).toEqual(['1 5(3)', '5(1)']);
    pass();
    expect([first, second].map(news)).toEqual(['', '']);
  });

  it('gets an urgent event though nothing waited for it', () => {
    const first = follower();
    messages(2);
    const second = follower();
    send('high');
    expect([first, second].map(news)).toEqual(['1 3(1)', '3']);
  });

  it('may leave again, and the others wait on', () => {
    const first = follower();
    messages(2);
    const second = follower();
    messages(1);
    thread.detach(second, 0);
    thread.poll();
    pass();
    expect([first, second].map(news)).toEqual(['1 3(1)', '']);
  });
});

describe('a follower that becomes a vip, or is none any more', () => {
  it('gets what waits for it in its turn, as the others do', () => {
    const [vip, other] = [follower(), follower()];
    messages(3);
    expect([vip, other].map(news)).toEqual(['1', '1']);
    for (const isVip of [true, false, true]) {
      thread.setVip(vip, isVip);
      thread.poll();
    }
    pass(EVERY_MS - PACE_STEP_MS_MAX);
    expect([vip, other].map(news)).toEqual(['', '']);
    pass(2 * PACE_STEP_MS_MAX);
    expect([vip, other].map(news)).toEqual(['3(1)', '3(1)']);
    messages(1);
    pass();
    expect([vip, other].map(news)).toEqual(['4', '4']);
  });

  it.each([true, false])(
    'gets nothing sooner than an interval after the last, other vips there: %s',
    (areThere) => {
      const others = areThere ? follower('', true) : undefined;
      const socket = follower();
      messages(1);
      pass(EVERY_MS / 2);
      thread.setVip(socket, true);
      messages(2);
      pass(EVERY_MS / 2 - PACE_STEP_MS_MAX);
      expect(news(socket)).toBe('1');
      pass(2 * PACE_STEP_MS_MAX);
      expect(news(socket)).toBe('3(1)');
      if (others !== undefined) expect(news(others)).toBe('1 3(1)');
    },
  );

  it('waits on for what came since it came', () => {
    const first = follower();
    messages(2);
    const late = follower();
    messages(1);
    thread.setVip(late, true);
    thread.poll();
    messages(1);
    pass();
    expect([first, late].map(news)).toEqual(['1 4(2)', '4(1)']);
  });

  it('gets what is of each type in its turn', () => {
    const socket = follower();
    for (let n = 0; n < 2; n++) {
      send();
      send('normal', EventType.pong);
    }
    expect(news(socket)).toBe('1 2');
    thread.setVip(socket, true);
    thread.poll();
    expect(news(socket)).toBe('');
    pass();
    expect(news(socket)).toBe('3 4');
  });

  it('gets nothing where nothing waits', () => {
    const socket = follower();
    messages(1);
    news(socket);
    thread.setVip(socket, true);
    thread.poll();
    pass();
    expect(news(socket)).toBe('');
  });

  it('gets what was noted for it before', () => {
    const socket = follower();
    messages(1);
    thread.event(0, 'normal', undefined, EventType.status);
    thread.link.vip(socket.session.number, true);
    thread.link.flush();
    thread.event(0, 'normal', undefined, EventType.status);
    thread.poll();
    expect(news(socket)).toBe('1 2 3');
  });

  it('may leave, and the others wait on', () => {
    const [vip, other] = [follower(), follower()];
    messages(2);
    thread.setVip(vip, true);
    thread.detach(vip, 0);
    thread.poll();
    pass();
    expect([vip, other].map(news)).toEqual(['1', '1 2']);
    thread.detach(other, 0);
    thread.poll();
    expect(thread.edge.deliverer.paces.cohortCount).toBe(0);
  });
});

describe('followers of other kinds', () => {
  it('at one pace have their turns together, whenever they came', () => {
    const first = follower();
    messages(1);
    const others = [follower('&batch=true'), follower('', true), follower('&batch=true', true)];
    messages(2);
    expect([first, ...others].map(news)).toEqual(['1', '', '', '']);
    pass();
    expect([first, ...others].map(news)).toEqual(['3(1)', '3(1)', '3(1)', '3(1)']);
  });

  it('are sent to after vips, though one of them came while others waited', () => {
    const order: string[] = [];
    const noting = (name: string, socket: FakeSocket): FakeSocket => {
      const send = socket.send.bind(socket);
      socket.send = (frame, binary) => {
        order.push(name);
        send(frame, binary);
      };
      return socket;
    };
    noting('first', follower());
    const vip = noting('vip', follower('', true));
    messages(2);
    noting('late', follower());
    messages(1);
    order.length = 0;
    pass();
    expect(order).toEqual(['vip', 'first', 'late']);
    expect(news(vip)).toBe('1 3(1)');
  });
});

describe('what waits for its turn', () => {
  it('is the newest, however long it and those before are', () => {
    const socket = follower();
    for (const length of [1, 10, 5000, 20]) {
      send('normal', EventType.message, Buffer.from(JSON.stringify('x'.repeat(length))));
    }
    pass();
    expect(socket.frames.at(-1)?.data).toBe('x'.repeat(20));
    expect(news(socket)).toBe('1 4(2)');
    for (const length of [30, 6000]) {
      send('normal', EventType.message, Buffer.from(JSON.stringify('y'.repeat(length))));
    }
    pass();
    expect(socket.frames.at(-1)?.data).toBe('y'.repeat(6000));
  });

  it('is not held up by other types, nor replaced by them', () => {
    const socket = follower();
    messages(2);
    send('normal', EventType.status);
    send('low', EventType.status);
    expect(news(socket)).toBe('1 3 4');
    pass();
    expect(news(socket)).toBe('2');
  });

  it('is sent at once where the device was quiet for two intervals', () => {
    const socket = follower();
    messages(1);
    pass(2 * EVERY_MS - PACE_STEP_MS_MAX);
    messages(1);
    expect(news(socket)).toBe('1');
    pass(PACE_STEP_MS_MAX);
    expect(news(socket)).toBe('2');
    pass(2 * EVERY_MS);
    messages(1);
    expect(news(socket)).toBe('3');
  });

  it('is for all kinds of followers, each in its way, and is counted for each', () => {
    const all = [follower(), follower('&batch=true'), follower('', true), follower('&batch=true', true)];
    const other = thread.subscriber([0], { query: '&every=500' });
    messages(3);
    pass();
    expect(all.map(news)).toEqual(all.map(() => '1 3(1)'));
    expect(news(other)).toBe('1 3(1)');
    expect(thread.count('deliveries')).toBe(10);
  });

  it('is not sent to one that was closed meanwhile', () => {
    const [first, late] = [follower(), follower()];
    messages(2);
    const second = follower();
    messages(1);
    for (const socket of [first, second]) Object.assign(socket.session, { closing: true });
    pass();
    expect([first, second, late].map(news)).toEqual(['1', '', '1 3(1)']);
  });

  it('is sent to nobody once all have left, and the device starts anew for those who come', () => {
    const socket = follower();
    messages(2);
    news(socket);
    socket.session.close(closes.slow);
    pass();
    expect([news(socket), thread.edge.deliverer.paces.cohortCount]).toEqual(['', 0]);
    const next = follower();
    messages(1);
    expect(news(next)).toBe('3');
  });
});
