import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LiveNews } from '../../dashboard/src/live.ts';
import { LiveShare } from '../../dashboard/src/live-share.ts';
import { LIVE_TAPPED_MAX } from '../../src/limits.ts';
import { createDeviceFrame, parseDeviceText } from '../../src/wire/device-frames.ts';
import { type FakeHub, fakeHub } from '../admin/fake-hub.ts';
import { eventually } from '../support/eventually.ts';

/** Requests to the hub so far. */
let asked: string[] = [];
let hub: FakeHub;
/** Answers to changes of a stream wait for it, while there is one. */
let held: Promise<void> | undefined;
const shares: LiveShare[] = [];
const LINGER_MS = 200;

function newShare(token = ''): LiveShare {
  const share = new LiveShare(token, LINGER_MS);
  shares.push(share);
  return share;
}

beforeEach(async () => {
  hub = await fakeHub();
  asked = [];
  held = undefined;
  const real = fetch;
  vi.stubGlobal('fetch', async (path: string, init?: RequestInit) => {
    asked.push(`${init?.method ?? 'GET'} ${path.replace(/[0-9a-f]{8}-[0-9a-f-]+$/, 'ID')}`);
    const response = await real(`http://127.0.0.1:${hub.port}${path}`, init);
    if (init?.method === 'PUT') await held;
    return response;
  });
});

/** All have left, and nothing is asked for any more that the next test could take for its own. */
afterEach(async () => {
  for (const share of shares.splice(0)) await eventually('the share is unused', () => share.isUnused);
  vi.unstubAllGlobals();
});

class Viewer {
  readonly news: LiveNews[] = [];
  readonly tell = (news: LiveNews): void => void this.news.push(news);

  of<Kind extends LiveNews['kind']>(kind: Kind): Extract<LiveNews, { kind: Kind }>[] {
    return this.news.filter((each) => each.kind === kind) as Extract<LiveNews, { kind: Kind }>[];
  }

  live(): Promise<unknown> {
    return eventually('figures', () => this.of('figures').length > 0);
  }

  events(): readonly string[] {
    return this.of('events').flatMap(({ events }) => events.events.map(({ json = '' }) => json));
  }
}

function receive(device: string, data: unknown): void {
  const bytes = Buffer.from(JSON.stringify({ type: 'message', data }));
  const frame = createDeviceFrame();
  parseDeviceText(bytes, frame);
  hub.taps.event(device, bytes, frame, hub.clock.wallMs);
}

function gate(): { readonly promise: Promise<void>; readonly release: () => void } {
  let release = (): void => {};
  const promise = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { promise, release };
}

const streams = () => asked.filter((request) => request.startsWith('GET /v1/live')).length;

describe('a shared live stream', () => {
  it('is one for all viewers, and each gets what it looks at', async () => {
    hub.device('a');
    hub.device('b');
    const share = newShare();
    const [one, other] = [new Viewer(), new Viewer()];
    share.look(one.tell, { devices: ['a'], watch: ['a'] });
    await one.live();
    share.look(other.tell, { devices: ['b'], watch: ['b', 'c'] });
    expect(other.of('figures')).toHaveLength(1); // at once
    await eventually('b', () => other.of('devices').length > 0);
    receive('a', 1);
    receive('b', 2);
    await eventually('both events', () => one.events().length + other.events().length === 2);
    expect([one.events(), other.events()]).toEqual([['1'], ['2']]);
    expect(other.of('devices')[0]?.devices).toMatchObject({ devices: [{ device: 'b' }], gone: ['c'] });
    expect(asked).toEqual(['GET /v1/live?device=a&watch=a', 'PUT /v1/live/streams/ID']);
    share.leave(one.tell);
    share.leave(other.tell);
  });

  it('tells whoever comes later what the others have heard of a device', async () => {
    hub.device('a');
    const share = newShare();
    const [one, other] = [new Viewer(), new Viewer()];
    share.look(one.tell, { devices: [], watch: ['a', 'gone'] });
    await eventually('a', () => one.of('devices').length > 0);
    share.look(other.tell, { devices: [], watch: ['a', 'gone'] });
    expect(other.of('devices')[0]?.devices).toMatchObject({ devices: [{ device: 'a' }], gone: ['gone'] });
    expect(streams()).toBe(1);
    share.leave(one.tell);
    share.leave(other.tell);
  });

  it('tells whoever looks away and back before the hub has heard of it', async () => {
    hub.device('a');
    const share = newShare();
    const [one, other] = [new Viewer(), new Viewer()];
    share.look(one.tell, { devices: [], watch: ['a'] });
    share.look(other.tell, { devices: [], watch: [] });
    await eventually('a', () => one.of('devices').length > 0);
    share.look(one.tell, { devices: [], watch: [] });
    share.look(one.tell, { devices: [], watch: ['a'] });
    expect(one.of('devices')).toHaveLength(2);
    share.leave(one.tell);
    share.look(one.tell, { devices: [], watch: ['a'] });
    expect(one.of('devices')).toHaveLength(3);
    share.leave(one.tell);
    share.leave(other.tell);
  });

  it('tells whoever looks back while the hub lets go once the hub shows it again', async () => {
    hub.device('a');
    const share = newShare();
    const [one, other] = [new Viewer(), new Viewer()];
    share.look(one.tell, { devices: ['a'], watch: ['a'] });
    share.look(other.tell, { devices: [], watch: [] });
    await eventually('a', () => one.of('devices').length > 0);
    const { promise, release } = gate();
    held = promise;
    share.leave(one.tell);
    await eventually('the hub has let go', () => !hub.taps.inUse); // but nobody has heard so
    share.look(one.tell, { devices: ['a'], watch: ['a'] });
    expect(one.of('devices')).toHaveLength(1); // nothing is shown of it now: whoever was told so would miss events
    release();
    await eventually('a again', () => one.of('devices').length > 1);
    receive('a', 'back');
    await eventually('the event', () => one.events().includes('"back"'));
    share.leave(one.tell);
    share.leave(other.tell);
  });

  it('ends when nobody looks for a while, and starts again when somebody does', async () => {
    const share = newShare();
    const viewer = new Viewer();
    share.look(viewer.tell, { devices: ['d'], watch: [] });
    await viewer.live();
    share.leave(viewer.tell);
    share.look(viewer.tell, { devices: ['d'], watch: [] });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(streams()).toBe(1); // it was not away for long
    share.leave(viewer.tell);
    await eventually('nobody looks at the device', () => !hub.taps.inUse);
    expect(share.isUnused).toBe(true);
    share.look(viewer.tell, { devices: [], watch: [] });
    await eventually('another stream', () => streams() === 2);
    share.leave(viewer.tell);
  });

  it('shows those who came last, where more is wanted than a stream may show', async () => {
    const share = newShare();
    const viewers = Array.from({ length: LIVE_TAPPED_MAX + 1 }, () => new Viewer());
    for (const [n, viewer] of viewers.entries()) share.look(viewer.tell, { devices: [`d${n}`], watch: [] });
    await viewers.at(-1)!.live();
    for (const n of viewers.keys()) receive(`d${n}`, n);
    await eventually('events', () => viewers.at(-1)!.events().length > 0);
    expect(viewers[0]?.events()).toEqual([]);
    expect(viewers[1]?.events()).toEqual(['1']);
    for (const viewer of viewers) share.leave(viewer.tell);
  });

  it('says that the token was refused, and asks again when somebody comes anew', async () => {
    const guarded = await fakeHub({ options: { adminToken: 'secret' } });
    hub = guarded;
    const share = newShare('wrong');
    const viewer = new Viewer();
    share.look(viewer.tell, { devices: [], watch: [] });
    await eventually('a refusal', () => viewer.of('state').at(-1)?.state.phase === 'unauthorized');
    share.look(viewer.tell, { devices: [], watch: [] });
    expect(streams()).toBe(1);
    share.leave(viewer.tell);
    share.look(viewer.tell, { devices: [], watch: [] });
    await eventually('another try', () => streams() === 2);
    share.leave(viewer.tell);
  });
});
