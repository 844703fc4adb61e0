import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LiveStreams } from '../../src/admin/live.ts';
import {
  LIVE_EVENTS_PER_SECOND,
  LIVE_QUEUE_BYTES_MAX,
  LIVE_STREAM_MS_MAX,
  LIVE_STREAMS_MAX,
} from '../../src/limits.ts';
import { Counter } from '../../src/memory/counters.ts';
import { DeviceState } from '../../src/presence/lifecycle.ts';
import { createDeviceFrame, parseDeviceBinary, parseDeviceText } from '../../src/wire/device-frames.ts';
import { bindFreePort } from '../support/bind-free-port.ts';
import { eventually } from '../support/eventually.ts';
import { openLiveStream, type Sent, sentIn } from '../support/live-stream.ts';
import { FakeHub, fakeHub, refusal } from './fake-hub.ts';

const openStream = (hub: FakeHub, query?: string, headers?: Record<string, string>) =>
  openLiveStream(hub.port, query, headers);

/** A stream without a connection. */
class FakeSink {
  text = '';
  writableLength = 0;
  isEnded = false;
  isDestroyed = false;

  write(text: string): void {
    this.text += text;
  }

  end(): void {
    this.isEnded = true;
  }

  destroy(): void {
    this.isDestroyed = true;
  }

  get sent(): Sent[] {
    return sentIn(this.text);
  }

  of(name: string): Sent['data'][] {
    return this.sent.filter((each) => each.name === name).map(({ data }) => data);
  }
}

function streamsOf(hub: FakeHub): LiveStreams {
  const live = new LiveStreams(hub.deps);
  onTestFinished(() => live.close());
  return live;
}

function receive(hub: FakeHub, device: string, json: object): void {
  const bytes = Buffer.from(JSON.stringify(json));
  const frame = createDeviceFrame();
  expect(parseDeviceText(bytes, frame)).toBeUndefined();
  hub.taps.event(device, bytes, frame, hub.clock.wallMs);
}

const opened = async (hub: FakeHub, query: string): Promise<number> => (await openStream(hub, query)).status;

describe('GET /v1/live', () => {
  it('sends the figures at once, and again within seconds', async () => {
    const hub = await fakeHub();
    const stream = await openStream(hub);
    expect(stream.status).toBe(200);
    const figures = await eventually('two figures', () => stream.sent().length >= 2 && stream.sent());
    expect(figures.map(({ name }) => name)).toEqual(figures.map(() => 'figures'));
    expect(figures[0]?.data).toMatchObject({ version: '1.2.3', rates: null, notReady: null });
    expect(figures[1]?.data.rates).toMatchObject({ deliveries: 0 });
  });

  it('needs the token where one is set', async () => {
    const hub = await fakeHub({ options: { adminToken: 'secret' } });
    refusal(401, 'unauthorized', /token/)(await hub.ask('GET', '/v1/live'));
    const { status } = await openStream(hub, '', { authorization: 'Bearer secret' });
    expect(status).toBe(200);
  });

  it('refuses one more stream than there may be, and says so', async () => {
    const hub = await fakeHub();
    for (let n = 0; n < LIVE_STREAMS_MAX; n++) expect(await opened(hub, '')).toBe(200);
    refusal(
      503,
      'over_capacity',
      `${LIVE_STREAMS_MAX} live streams are open, which is the limit`,
    )(await hub.ask('GET', '/v1/live'));
  });

  it('refuses ids that cannot be, and too many of them', async () => {
    const hub = await fakeHub();
    refusal(400, 'bad_request', /^query device is "a b"/)(await hub.ask('GET', '/v1/live?device=a%20b'));
    const many = Array.from({ length: 65 }, (_, n) => `d${n}`).join(',');
    refusal(400, 'bad_request', /64 device ids/)(await hub.ask('GET', `/v1/live?watch=${many}`));
    refusal(400, 'bad_request', /device ids/)(await hub.ask('GET', '/v1/live?watch=a,,b'));
    const several = Array.from({ length: 17 }, (_, n) => `d${n}`).join(',');
    refusal(400, 'bad_request', /1 to 16 device ids/)(await hub.ask('GET', `/v1/live?device=${several}`));
    expect(hub.taps.inUse).toBe(false);
  });

  it('has no HEAD: a stream has no end', async () => {
    const hub = await fakeHub();
    expect((await hub.ask('HEAD', '/v1/live')).status).toBe(405);
  });

  it('ends with the hub, after saying so', async () => {
    const hub = await fakeHub();
    const stream = await openStream(hub);
    await hub.close();
    await eventually('the stream has ended', stream.hasEnded);
    expect(stream.sent().at(-1)).toEqual({ name: 'end', data: { reason: 'draining' } });
  });

  it('forgets a reader that has gone', async () => {
    const hub = await fakeHub();
    const abort = new AbortController();
    await fetch(`http://127.0.0.1:${hub.port}/v1/live?device=d`, { signal: abort.signal });
    expect(hub.taps.inUse).toBe(true);
    abort.abort();
    await eventually('the tap is gone', () => !hub.taps.inUse);
  });
});

describe('the figures of a live stream', () => {
  it('tell how fast things happen since the last', () => {
    const hub = new FakeHub();
    const live = streamsOf(hub);
    const sink = new FakeSink();
    live.open(sink, {});
    hub.main.add(Counter.receivedMessage, 30);
    hub.worker.add(Counter.deliveries, 400);
    hub.worker.add(Counter.droppedLagging, 6);
    hub.clock.advance(2000);
    live.tick();
    const [, { rates, threads }] = sink.of('figures') as [unknown, Sent['data']];
    expect(rates).toMatchObject({
      received: { message: 15, pong: 0, status: 0 },
      deliveries: 200,
      dropped: { lagging: 3, slow: 0 },
    });
    expect(threads).toMatchObject([
      { thread: 'main', receivedPerSecond: 15, deliveriesPerSecond: 0 },
      { thread: 'fanout-0', receivedPerSecond: 0, deliveriesPerSecond: 200 },
    ]);
  });

  it('count a socket once, whatever roles its MQTT client has, and one without a role too', () => {
    const hub = new FakeHub();
    const live = streamsOf(hub);
    const sink = new FakeSink();
    hub.main.add(Counter.deviceConnections, 3);
    hub.main.add(Counter.subscriberConnections, 2);
    hub.main.add(Counter.mqttSessions, 4); // of two clients with both roles
    hub.main.add(Counter.mqttConnections, 3);
    live.open(sink, {});
    const [{ threads }] = sink.of('figures') as [Sent['data']];
    expect(threads[0]).toMatchObject({ thread: 'main', connections: 4 });
  });

  it('tell the percentiles of the last seconds, and forget the time before', () => {
    const hub = new FakeHub();
    const live = streamsOf(hub);
    const sink = new FakeSink();
    for (let n = 0; n < 1000; n++) hub.worker.latency(900);
    live.open(sink, {});
    for (let n = 0; n < 100; n++) hub.worker.latency(3);
    for (let second = 0; second < 6; second++) {
      hub.clock.advance(1000);
      live.tick();
    }
    const all = sink.of('figures').map(({ latency }) => latency);
    expect(all[0]).toEqual({ p50Seconds: null, p90Seconds: null, p99Seconds: null });
    expect(all[1].p50Seconds).toBeCloseTo(0.00375, 6); // half way from 2.5 to 5 ms
    expect(all[5].p99Seconds).toBeLessThanOrEqual(0.005);
    expect(all[6].p99Seconds).toBeNull();
  });

  it('name the slow, the reason why nobody is let in, and the close codes that there were', () => {
    const hub = new FakeHub();
    hub.slow = [{ subscriber: 's', queuedBytes: 9, laggingMs: 1000, vip: true }];
    hub.draining = 'draining';
    hub.main.disconnect('device', 1006, 2);
    hub.worker.disconnect('subscriber', 4108);
    const sink = new FakeSink();
    streamsOf(hub).open(sink, {});
    expect(sink.of('figures')[0]).toMatchObject({
      slow: hub.slow,
      notReady: 'draining',
      disconnects: { device: { 1006: 2 }, subscriber: { 4108: 1 } },
    });
  });

  it('are the same bytes for all streams, and made by nobody when there is none', () => {
    const hub = new FakeHub();
    let looks = 0;

    const deps = {
      ...hub.deps,
      notReady: () => {
        looks += 1;
        return undefined;
      },
    };
    const live = new LiveStreams(deps);
    onTestFinished(() => live.close());
    expect(looks).toBe(0);
    const sinks = [new FakeSink(), new FakeSink(), new FakeSink()];
    const gone = sinks.map((sink) => live.open(sink, {}));
    live.tick();
    expect(looks).toBe(2);
    expect(new Set(sinks.map(({ text }) => text)).size).toBe(1);
    for (const end of gone) end();
    expect(live.size).toBe(0);
  });
});

describe('the events of a device in a live stream', () => {
  it('come as they were received, whether anybody follows or not', async () => {
    const hub = new FakeHub();
    const sink = new FakeSink();
    streamsOf(hub).open(sink, { devices: ['d'] });
    receive(hub, 'd', { type: 'message', data: { a: [1, 'ü'] } });
    receive(hub, 'd', { type: 'status', status: '<b>', priority: 'low' });
    receive(hub, 'other', { type: 'message', data: 1 });
    const bytes = Buffer.from([2, 0, 255]);
    const frame = createDeviceFrame();
    parseDeviceBinary(bytes, frame);
    hub.taps.event('d', bytes, frame, hub.clock.wallMs);
    await eventually('the events', () => sink.of('events').length > 0);
    const at = hub.clock.wallMs;
    expect(sink.of('events')).toEqual([
      {
        device: 'd',
        skipped: 0,
        events: [
          { at, type: 'message', priority: 'normal', bytes: 14, json: '{"a":[1,"ü"]}' },
          { at, type: 'status', priority: 'low', status: '<b>', bytes: 0 },
          { at, type: 'message', priority: 'normal', bytes: 2, base64: 'AP8=' },
        ],
      },
    ]);
  });

  it('are copied: what the frame holds later does not show', async () => {
    const hub = new FakeHub();
    const sink = new FakeSink();
    streamsOf(hub).open(sink, { devices: ['d'] });
    const bytes = Buffer.from('{"type":"message","data":"before"}');
    const frame = createDeviceFrame();
    parseDeviceText(bytes, frame);
    hub.taps.event('d', bytes, frame, hub.clock.wallMs);
    bytes.fill(0x20);
    await eventually('the event', () => sink.of('events').length > 0);
    expect(sink.of('events')[0].events[0].json).toBe('"before"');
  });

  it('are cut where they are long, and say how long they were', async () => {
    const hub = new FakeHub();
    const sink = new FakeSink();
    streamsOf(hub).open(sink, { devices: ['d'] });
    receive(hub, 'd', { type: 'message', data: 'x'.repeat(50_000) });
    await eventually('the event', () => sink.of('events').length > 0);
    expect(sink.of('events')[0].events[0]).toMatchObject({ bytes: 50_002, json: `"${'x'.repeat(4095)}` });
  });

  it('are at most a hundred in a second; the rest is counted, and the next second has room again', () => {
    const hub = new FakeHub();
    const live = streamsOf(hub);
    const sink = new FakeSink();
    live.open(sink, { devices: ['d'] });
    for (let n = 0; n < LIVE_EVENTS_PER_SECOND + 23; n++) receive(hub, 'd', { type: 'message', data: n });
    live.tick();
    receive(hub, 'd', { type: 'message', data: 'next' });
    live.tick();
    const [first, second] = sink.of('events');
    expect([first.events.length, first.skipped]).toEqual([LIVE_EVENTS_PER_SECOND, 23]);
    expect(second).toMatchObject({ events: [{ json: '"next"' }], skipped: 0 });
  });

  it('are looked at by nobody once the stream has gone', () => {
    const hub = new FakeHub();
    const live = streamsOf(hub);
    const [one, other] = [new FakeSink(), new FakeSink()].map((sink) => live.open(sink, { devices: ['d'] }));
    one?.();
    expect(hub.taps.inUse).toBe(true);
    other?.();
    expect(hub.taps.inUse).toBe(false);
  });
});

describe('the watched devices of a live stream', () => {
  it('come first, then where they change, then as gone', () => {
    const hub = new FakeHub();
    const live = streamsOf(hub);
    const sink = new FakeSink();
    const slot = hub.device('a');
    live.open(sink, { watch: ['a', 'b'] });
    expect(sink.of('devices')).toMatchObject([{ devices: [{ device: 'a', state: 'offline' }], gone: ['b'] }]);
    live.tick();
    expect(sink.of('devices')).toHaveLength(1);
    hub.registry.setDeviceState(slot, DeviceState.online);
    live.tick();
    expect(sink.of('devices')[1]).toMatchObject({ devices: [{ device: 'a', state: 'online' }], gone: [] });
    hub.registry.freeDevice(slot);
    live.tick();
    expect(sink.of('devices')[2]).toEqual({ devices: [], gone: ['a'] });
  });
});

describe('what a live stream shows', () => {
  const put = (hub: FakeHub, id: string, json: object) => hub.ask('PUT', `/v1/live/streams/${id}`, { json });

  it('is changed while it is open, and its reader misses no figures', async () => {
    const hub = await fakeHub();
    hub.device('a');
    hub.device('b');
    const stream = await openStream(hub, '?device=a&watch=a');
    const id = stream.headers['dat-live-stream'] as string;
    await eventually('a', () => stream.of('devices').length === 1);
    expect(await put(hub, id, { devices: ['b', 'c'], watch: ['a', 'b'] })).toMatchObject({
      status: 200,
      body: { devices: ['b', 'c'], watch: ['a', 'b'] },
    });
    await eventually('b', () => stream.of('devices').length === 2);
    expect(stream.of('devices')[1]).toMatchObject({ devices: [{ device: 'b' }], gone: [] }); // a has been sent
    for (const device of ['a', 'b', 'c']) receive(hub, device, { type: 'message', data: device });
    await eventually('events of b and c', () => stream.of('events').length === 2);
    expect(stream.of('events').map(({ device }) => device)).toEqual(['b', 'c']);
    expect(await put(hub, id, {})).toMatchObject({ status: 200, body: { devices: [], watch: [] } });
    expect(hub.taps.inUse).toBe(false);
  });

  it('is no action of an operator', async () => {
    const hub = await fakeHub();
    const id = (await openStream(hub)).headers['dat-live-stream'] as string;
    await put(hub, id, { devices: ['a'] });
    await put(hub, randomUUID(), {});
    expect((await hub.ask('GET', '/v1/activity')).body).toEqual({ entries: [] });
  });

  it('cannot be changed of a stream that is not open, nor to too much', async () => {
    const hub = await fakeHub();
    refusal(404, 'not_found', 'no such live stream is open')(await put(hub, randomUUID(), {}));
    refusal(400, 'bad_request', /^path stream is "1"/)(await put(hub, '1', {}));
    const ids = (count: number) => Array.from({ length: count }, (_, n) => `d${n}`);
    const id = (await openStream(hub)).headers['dat-live-stream'] as string;
    refusal(400, 'bad_request', /at most 16 device ids/)(await put(hub, id, { devices: ids(17) }));
    refusal(400, 'bad_request', /at most 64 device ids/)(await put(hub, id, { watch: ids(65) }));
    expect(hub.taps.inUse).toBe(false);
  });

  it('is shared fairly: a busy device takes no event from a quiet one', () => {
    const hub = new FakeHub();
    const live = streamsOf(hub);
    const sink = new FakeSink();
    live.open(sink, { devices: ['busy', 'quiet'] });
    for (let n = 0; n < LIVE_EVENTS_PER_SECOND; n++) receive(hub, 'busy', { type: 'message', data: n });
    receive(hub, 'quiet', { type: 'message', data: 1 });
    live.tick();
    const [busy, quiet] = sink.of('events');
    expect([busy.events.length, busy.skipped]).toEqual([
      LIVE_EVENTS_PER_SECOND / 2,
      LIVE_EVENTS_PER_SECOND / 2,
    ]);
    expect(quiet).toMatchObject({ events: [{ json: '1' }], skipped: 0 });
  });
});

describe('a live stream', () => {
  it('is dropped when its reader does not read, and the others go on', () => {
    const hub = new FakeHub();
    const live = streamsOf(hub);
    const [slow, other] = [new FakeSink(), new FakeSink()];
    live.open(slow, { devices: ['d'] });
    live.open(other, {});
    slow.writableLength = LIVE_QUEUE_BYTES_MAX + 1;
    live.tick();
    expect([slow.isDestroyed, live.size, hub.taps.inUse]).toEqual([true, 1, false]);
    live.tick();
    expect([slow.of('figures').length, other.of('figures').length]).toEqual([1, 3]);
  });

  it('is dropped when what its connection does not take piles up', async () => {
    const hub = new FakeHub();
    const live = streamsOf(hub);
    const server = createServer((_request, response) => {
      const gone = live.open(response, { devices: ['d'] });
      response.on('close', gone);
    });
    onTestFinished(() => void server.close());
    const reader = connect(await bindFreePort(server), '127.0.0.1');
    onTestFinished(() => void reader.destroy());
    reader.on('error', () => {}); // it is reset
    reader.pause().write('GET / HTTP/1.1\r\nHost: hub\r\n\r\n');
    await eventually('the stream is open', () => live.size === 1);
    const data = 'x'.repeat(4000);
    for (let seconds = 0; live.size > 0; seconds++) {
      // 40 MB: more than any kernel takes by itself.
      expect(seconds).toBeLessThan(100);
      for (let n = 0; n < LIVE_EVENTS_PER_SECOND; n++) receive(hub, 'd', { type: 'message', data });
      live.tick();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(hub.taps.inUse).toBe(false);
  });

  it('ends after some time, so that its token is looked at again', () => {
    const hub = new FakeHub();
    const live = streamsOf(hub);
    const sink = new FakeSink();
    live.open(sink, {});
    hub.clock.advance(LIVE_STREAM_MS_MAX - 1);
    live.tick();
    expect(sink.isEnded).toBe(false);
    hub.clock.advance(1);
    live.tick();
    expect(sink.sent.at(-1)).toEqual({ name: 'end', data: { reason: 'renew' } });
    expect([sink.isEnded, live.size]).toEqual([true, 0]);
  });
});
