import { describe, expect, it, onTestFinished } from 'vitest';
import { eventRecord } from '../../fixtures/event-records.ts';
import { LiveLists } from '../../src/admin/live-lists.ts';
import { HistoryLog } from '../../src/history/log.ts';
import { attachHistory, createHistory, HISTORY_BYTES_MIN, historyUsage } from '../../src/history/memory.ts';
import { HistoryReader } from '../../src/history/reader.ts';
import { LISTS_MAX, VALUE_BYTES_MAX } from '../../src/limits.ts';
import { DeviceState, RowState } from '../../src/presence/lifecycle.ts';
import { EventFlag, eventBytes } from '../../src/records/event.ts';
import { createDeviceFrame, parseDeviceBinary, parseDeviceText } from '../../src/wire/device-frames.ts';
import { EventType } from '../../src/wire/events.ts';
import { FakeHub, fakeHub, refusal } from './fake-hub.ts';

const page = {
  filter: '',
  search: '',
  state: undefined,
  column: undefined,
  descending: false,
  offset: 0,
  limit: 50,
  values: false,
} as const;

function listsOf(hub: FakeHub): LiveLists {
  const lists = new LiveLists(hub.deps);
  onTestFinished(() => lists.close());
  return lists;
}

/** Devices that have connected: c and a, then b, which is online; d is only followed. */
function fleet(hub: FakeHub): void {
  const { lastSeen, seq, known } = hub.registry.devices.rows;
  for (const [id, seen, events] of [
    ['site.c', 3000n, 5],
    ['site.a', 1000n, 9],
    ['other.b', 2000n, 7],
  ] as const) {
    const slot = hub.device(id);
    lastSeen[slot] = seen;
    seq[slot] = events;
    known[slot] = 1;
  }
  hub.registry.setDeviceState(hub.device('other.b'), DeviceState.online);
  hub.registry.setDeviceStatus(hub.device('site.c'), Buffer.from('idle'), 0, 4);
  hub.subscribe('site.a', 's1');
  hub.subscribe('site.a', 's2', RowState.deny);
  hub.subscribe('site.d', 's1');
}

const named = ({ devices }: { devices: readonly { device: string }[] }) =>
  devices.map(({ device }) => device);

describe('GET /v1/live/devices', () => {
  it('answers a page with counts by state, whatever state was asked for', async () => {
    const hub = await fakeHub();
    fleet(hub);
    const { status, body } = await hub.ask(
      'GET',
      '/v1/live/devices?sort=device&state=offline&limit=2&offset=1',
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({ total: 3, offset: 1, states: { online: 1, stale: 0, offline: 3 } });
    expect(named(body)).toEqual(['site.c', 'site.d']);
    expect(body.devices[0]).toMatchObject({ device: 'site.c', status: 'idle', seq: 5 });
    expect(body.devices[0]).not.toHaveProperty('value');
  });

  it('refuses what it does not know, and says what it accepts', async () => {
    const hub = await fakeHub();
    const ask = (query: string) => hub.ask('GET', `/v1/live/devices?${query}`);
    refusal(
      400,
      'bad_request',
      /^query sort is "size", expected one of device, state/,
    )(await ask('sort=size'));
    refusal(400, 'bad_request', /^query filter is "a\*b"/)(await ask('filter=a*b'));
    refusal(
      400,
      'bad_request',
      /^query offset is "9999", expected a whole number from 0 to 9900/,
    )(await ask('offset=9999'));
    refusal(400, 'bad_request', /^query limit is "101"/)(await ask('limit=101'));
  });
});

describe('a live list', () => {
  it('is sorted by each column, either way', async () => {
    const hub = new FakeHub();
    fleet(hub);
    const lists = listsOf(hub);
    const by = async (column: 'device' | 'lastSeen' | 'events' | 'active' | 'status', descending = false) =>
      named(await lists.list({ ...page, column, descending }));
    expect(await by('device')).toEqual(['other.b', 'site.a', 'site.c', 'site.d']);
    expect(await by('device', true)).toEqual(['site.d', 'site.c', 'site.a', 'other.b']);
    expect(await by('lastSeen')).toEqual(['site.d', 'site.a', 'other.b', 'site.c']);
    expect(await by('events', true)).toEqual(['site.a', 'other.b', 'site.c', 'site.d']);
    expect(await by('active', true)).toEqual(['site.a', 'site.d', 'site.c', 'other.b']);
    expect((await by('status'))[0]).toBe('site.c');
    expect((await by('status', true))[0]).toBe('site.c'); // those without a status come last either way
  });

  it('has by filter the devices that have ever connected, and by search every row', async () => {
    const hub = new FakeHub();
    fleet(hub);
    const lists = listsOf(hub);
    const sorted = { ...page, column: 'device' } as const;
    expect(named(await lists.list({ ...sorted, filter: 'site.*' }))).toEqual(['site.a', 'site.c']);
    expect(named(await lists.list({ ...sorted, filter: '*' }))).toEqual(['other.b', 'site.a', 'site.c']);
    expect(named(await lists.list({ ...sorted, filter: 'site.a' }))).toEqual(['site.a']);
    expect(named(await lists.list({ ...sorted, filter: 'site.' }))).toEqual([]);
    expect(named(await lists.list({ ...sorted, search: 'SITE' }))).toEqual(['site.a', 'site.c', 'site.d']);
  });

  it('uses its order again for a while, with entries as they are now', async () => {
    const hub = new FakeHub();
    fleet(hub);
    const lists = listsOf(hub);
    const before = await lists.list({ ...page, column: 'events' });
    hub.registry.devices.rows.seq[hub.device('site.a')] = 1;
    const within = await lists.list({ ...page, column: 'events' });
    expect(named(within)).toEqual(named(before));
    expect(within.devices.at(-1)).toMatchObject({ device: 'site.a', seq: 1 });
    hub.clock.advance(3_600_000); // for longer the longer it took to make it
    expect(named(await lists.list({ ...page, column: 'events' }))).toEqual([
      'site.d',
      'site.a',
      'site.c',
      'other.b',
    ]);
  });

  it('leaves out a device that has gone or changed since it was put in order', async () => {
    const hub = new FakeHub();
    fleet(hub);
    const lists = listsOf(hub);
    const online = { ...page, state: 'online' } as const;
    expect(named(await lists.list(online))).toEqual(['other.b']);
    hub.registry.setDeviceState(hub.device('other.b'), DeviceState.offline);
    expect(await lists.list(online)).toMatchObject({ total: 1, devices: [] });
  });

  it('refuses one more question than may wait, and answers again afterwards', async () => {
    const hub = new FakeHub();
    const lists = listsOf(hub);
    const asked = Array.from({ length: LISTS_MAX }, (_, n) => lists.list({ ...page, search: `d${n}` }));
    const same = lists.list({ ...page, search: 'd0' });
    await expect(lists.list({ ...page, search: 'more' })).rejects.toThrow('32 lists are being made');
    await Promise.all([...asked, same]);
    expect(await lists.list({ ...page, search: 'more' })).toMatchObject({ total: 0 });
  });

  it('goes on after one that failed', async () => {
    const hub = new FakeHub();
    const lists = listsOf(hub);
    const { deviceIdIncludes } = hub.deps.presence;
    hub.device('a');
    hub.deps.presence.deviceIdIncludes = () => {
      throw new Error('a bug');
    };
    await expect(lists.list({ ...page, search: 'a' })).rejects.toThrow('a bug');
    hub.deps.presence.deviceIdIncludes = deviceIdIncludes;
    expect(named(await lists.list({ ...page, search: 'a' }))).toEqual(['a']);
  });
});

describe('the values of a live list', () => {
  const withValues = { ...page, values: true } as const;

  function receive(hub: FakeHub, device: string, json: object): void {
    const bytes = Buffer.from(JSON.stringify(json));
    const frame = createDeviceFrame();
    expect(parseDeviceText(bytes, frame)).toBeUndefined();
    hub.taps.event(device, bytes, frame, hub.clock.wallMs);
    bytes.fill(0);
  }

  it("are each device's newest message, from when they were first asked for", async () => {
    const hub = new FakeHub();
    hub.device('d');
    const lists = listsOf(hub);
    const value = async () => (await lists.list(withValues)).devices[0]?.value;
    expect(await value()).toBeNull();
    receive(hub, 'd', { type: 'message', data: 1 });
    receive(hub, 'd', { type: 'message', data: { t: 'ü' } });
    receive(hub, 'd', { type: 'status', status: 'busy' });
    expect(await value()).toEqual({
      at: hub.clock.wallMs,
      type: 'message',
      priority: 'normal',
      bytes: 10,
      json: '{"t":"ü"}',
    });
    const bytes = Buffer.from([2, 0, 255]);
    const frame = createDeviceFrame();
    parseDeviceBinary(bytes, frame);
    hub.taps.event('d', bytes, frame, hub.clock.wallMs);
    expect(await value()).toMatchObject({ bytes: 2, base64: 'AP8=' });
    receive(hub, 'd', { type: 'message', data: 'x'.repeat(1000) });
    expect(await value()).toMatchObject({ bytes: 1002, json: `"${'x'.repeat(VALUE_BYTES_MAX - 1)}` });
  });

  it('are looked at by nobody once no list asks for them', async () => {
    const hub = new FakeHub();
    hub.device('d');
    const lists = new LiveLists(hub.deps);
    await lists.list(page);
    expect(hub.taps.inUse).toBe(false);
    await lists.list(withValues);
    expect([hub.taps.inUse, lists.valuesKept]).toEqual([true, 1]);
    lists.close();
    expect([hub.taps.inUse, lists.valuesKept]).toEqual([false, 0]);
  });

  it('come from history where the hub keeps one, and then nobody looks at events', async () => {
    const hub = new FakeHub();
    const memory = createHistory(HISTORY_BYTES_MIN);
    const { devices } = hub.deps.presence;
    const log = new HistoryLog(attachHistory(memory), hub.registry.devices, 100);
    const limits = { eventsMax: 100, ttlMs: 1000 };
    const lists = new LiveLists({
      ...hub.deps,
      history: new HistoryReader(attachHistory(memory), devices, limits, hub.clock),
      historyUsage: () => historyUsage(attachHistory(memory)),
    });
    onTestFinished(() => lists.close());
    const slot = hub.device('d');
    hub.device('e');
    const keep = (seq: number, type: number, payload: string, flags: number): void => {
      const record = eventRecord({ at: 7, type, payload, flags });
      expect(log.append(slot, seq, record, 0, eventBytes(record, 0))).toBe(true);
      hub.registry.devices.rows.seq[slot] = seq;
    };
    log.begin(slot, 0);
    keep(1, EventType.message, '{"t":1}', EventFlag.payloadIsJson);
    keep(2, EventType.message, `"${'x'.repeat(1000)}"`, EventFlag.payloadIsJson);
    keep(3, EventType.status, '', 0);
    const [d, e] = (await lists.list(withValues)).devices;
    expect(d?.value).toEqual({
      at: 7,
      type: 'message',
      priority: 'normal',
      bytes: 1002,
      json: `"${'x'.repeat(VALUE_BYTES_MAX - 1)}`,
    });
    expect(e?.value).toBeNull();
    keep(4, EventType.message, '\0ÿ', 0);
    expect((await lists.list(withValues)).devices[0]?.value).toMatchObject({ bytes: 3, base64: 'AMO/' });
    expect(hub.taps.inUse).toBe(false);
  });
});
