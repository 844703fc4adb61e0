import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TapRelay } from '../../../src/edge/publish/tap-relay.ts';
import { Taps } from '../../../src/edge/publish/taps.ts';
import {
  LIVE_EVENTS_PER_SECOND,
  LIVE_PAYLOAD_BYTES_MAX,
  LIVE_STREAMS_MAX,
  VALUE_BYTES_MAX,
} from '../../../src/limits.ts';
import type { TappedEvent } from '../../../src/records/commands.ts';
import { createDeviceFrame, parseDeviceText } from '../../../src/wire/device-frames.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** When the events come, wall-clock ms. */
const AT = 1_764_000_000_123;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function relay() {
  const taps = new Taps();
  const clock = new FakeClock();
  const said: TappedEvent[] = [];
  const frame = createDeviceFrame();
  const relaying = new TapRelay({ taps, clock, say: (events) => said.push(...events) });
  return {
    taps,
    clock,
    relay: relaying,
    send(device: string, event: object) {
      const bytes = Buffer.from(JSON.stringify(event));
      expect(parseDeviceText(bytes, frame)).toBeUndefined();
      taps.event(device, bytes, frame, AT);
      bytes.fill(0); // as the transport does
    },
    /** What main has been told since the last call. */
    told(): TappedEvent[] {
      vi.advanceTimersByTime(100);
      return said.splice(0);
    },
  };
}

const payloadOf = ({ bytes }: TappedEvent): unknown => JSON.parse(Buffer.from(bytes).toString());

describe('the relay of tapped events', () => {
  it('tells of the devices that main looks at, for as long as it does', () => {
    const { taps, relay: relaying, send, told } = relay();
    relaying.set(['d1', 'd2'], true);
    send('d1', { type: 'message', id: 7, data: 1 });
    send('d3', { type: 'message', data: 3 });
    send('d2', { type: 'status', status: 'charging' });
    const [first, second, ...more] = told();
    expect(more).toEqual([]);
    expect([first!.device, payloadOf(first!), first!.count, first!.at]).toEqual(['d1', 1, 1, AT]);
    expect([second!.device, second!.frame.status]).toEqual(['d2', 'charging']);
    relaying.set(['d1'], false);
    send('d1', { type: 'message', data: 4 });
    expect(told()).toEqual([]);
    relaying.set(['d2'], false);
    expect(taps.inUse).toBe(false);
  });

  it('tells the head of a long payload, and how long it is', () => {
    const { relay: relaying, send, told } = relay();
    relaying.set(['d'], true);
    send('d', { type: 'message', data: 'x'.repeat(10_000) });
    const [event] = told();
    expect(event!.bytes.length).toBe(LIVE_PAYLOAD_BYTES_MAX);
    expect(event!.frame.payloadEnd - event!.frame.payloadStart).toBe(10_002);
  });

  it('lets the newest of each type stand for those beyond what is shown in a second', () => {
    const { clock, relay: relaying, send, told } = relay();
    relaying.set(['d'], true);
    for (let n = 1; n <= LIVE_EVENTS_PER_SECOND; n++) send('d', { type: 'message', data: n });
    expect(told()).toHaveLength(LIVE_EVENTS_PER_SECOND);
    for (let n = 1; n <= 30; n++) {
      send('d', { type: 'message', data: 'y'.repeat(VALUE_BYTES_MAX) });
      send('d', { type: 'pong', data: n });
    }
    const [message, pong, ...more] = told();
    expect(more).toEqual([]);
    expect([message!.count, message!.bytes.length]).toEqual([30, VALUE_BYTES_MAX]);
    expect([pong!.count, payloadOf(pong!)]).toEqual([30, 30]);
    const sendTwo = (): void => {
      for (const data of [1, 2]) send('d', { type: 'message', data });
    };
    clock.advance(999);
    sendTwo();
    expect(told()).toMatchObject([{ count: 2 }]);
    clock.advance(1);
    sendTwo();
    expect(told()).toMatchObject([{ count: 1 }, { count: 1 }]);
  });

  it('shows so many events of all devices together, whoever sends them', () => {
    const { clock, relay: relaying, send, told } = relay();
    const devices = Array.from({ length: LIVE_STREAMS_MAX + 1 }, (_, n) => `d${n}`);
    relaying.set(devices, true);
    const flood = (): void => {
      for (const device of devices)
        for (let n = 0; n < LIVE_EVENTS_PER_SECOND; n++) send(device, { type: 'pong', data: n });
    };
    for (const _second of [1, 2]) {
      flood();
      const events = told();
      expect(events).toHaveLength(LIVE_STREAMS_MAX * LIVE_EVENTS_PER_SECOND + 1);
      expect(events.at(-1)).toMatchObject({ device: devices.at(-1), count: LIVE_EVENTS_PER_SECOND });
      clock.advance(1000);
    }
  });

  it('tells an event once, however often it is told to look, and says nothing where there is nothing', () => {
    const said: number[] = [];
    const taps = new Taps();
    const relaying = new TapRelay({
      taps,
      clock: new FakeClock(),
      say: (events) => said.push(events.length),
    });
    relaying.set(['d'], false); // it does not look at it
    relaying.set(['d'], true);
    relaying.set(['d'], true);
    const frame = { ...createDeviceFrame(), type: 2, payloadStart: 1, payloadEnd: 2 };
    for (let n = 1; n <= 2; n++) {
      for (let event = 0; event < n; event++) taps.event('d', Uint8Array.of(2, 1), frame, AT);
      vi.advanceTimersByTime(1000);
    }
    expect(said).toEqual([1, 2]);
    relaying.set(['d'], false);
    expect(taps.inUse).toBe(false);
  });
});
