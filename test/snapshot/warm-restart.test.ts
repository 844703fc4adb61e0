/** The built hub, ended and started again on its snapshot. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { calm } from '../conformance/harness.ts';
import { type AdminAnswer, admin, Metrics } from '../support/admin.ts';
import { firstOf } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import { type Ended, type Env, type HubProcess, runHub, startHub } from '../support/hub-process.ts';
import { Device, Subscriber } from '../support/peers.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { isAnonymous } from './refusal.ts';

const EXIT_CONFIG = 78;
const rules = [{ device: 'lab-*', subscriber: '*', access: 'deny' }];

/** Where a hub writes its snapshots, and hubs that do, one after the other. */
class Place {
  readonly file = join(temporaryDirectory(), 'snapshot');
  readonly env: Env;

  constructor(env: Env = {}) {
    this.env = { ...calm, DAT_SNAPSHOT_FILE: this.file, ...env };
  }

  async start(env: Env = {}): Promise<HubProcess> {
    const hub = await startHub({ ...this.env, ...env });
    onTestFinished(() => hub.kill());
    return hub;
  }

  /** A start that is to be refused. */
  refused(env: Env = {}): Promise<Ended> {
    return runHub({ ...this.env, ...env });
  }

  /** One that is refused by a hub that says its number in time. */
  refusedByNumber(): Promise<Ended> {
    return firstOf('the other hub did not answer in time', async () => {
      const ended = await this.refused();
      return isAnonymous(ended.stderr) ? undefined : ended;
    });
  }
}

function put(hub: HubProcess, path: string, body: unknown): Promise<AdminAnswer> {
  return admin(hub.adminPort, 'PUT', path, { body });
}

function setRow(hub: HubProcess, device: string, subscriber: string, change: object): Promise<AdminAnswer> {
  return put(hub, `/v1/devices/${device}/subscribers/${subscriber}`, change);
}

async function rowOf(hub: HubProcess, device: string, subscriber: string): Promise<unknown> {
  const { body } = await admin(hub.adminPort, 'GET', `/v1/devices/${device}/subscribers`);
  return (body as { subscribers: { subscriber: string }[] }).subscribers.find(
    (row) => row.subscriber === subscriber,
  );
}

async function follow(hub: HubProcess, id: string, ...devices: string[]): Promise<Subscriber> {
  const subscriber = await Subscriber.connect(hub.subscriberPort, `?id=${id}`);
  await subscriber.welcome();
  await subscriber.subscribe(...devices);
  return subscriber;
}

const metricsOf = async (hub: HubProcess) =>
  new Metrics((await admin(hub.adminPort, 'GET', '/metrics')).text);

/** Waits until a snapshot begun after this call has been written. */
async function nextSnapshot(hub: HubProcess): Promise<void> {
  const after = Date.now() / 1e3;
  await eventually('another snapshot', async () => {
    return (await metricsOf(hub)).value('dat_snapshot_written_timestamp_seconds') > after;
  });
}

function expectRefusal({ code, stderr }: Ended, ...words: readonly string[]): void {
  expect(code, stderr).toBe(EXIT_CONFIG);
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  expect(lines).toHaveLength(1);
  for (const word of words) expect(lines[0]).toContain(word);
}

/** A hub that denied a pair and ended, twice: a snapshot and one before it. */
async function endedTwice(place: Place): Promise<void> {
  for (const subscriber of ['s-1', 's-2']) {
    const hub = await place.start();
    await setRow(hub, 'dev-1', subscriber, { status: 'deny' });
    expect(await hub.stop()).toBe(0);
  }
}

describe('a hub that was drained and started again', () => {
  it.each([
    ['uws with 2 workers', { DAT_TRANSPORT: 'auto', DAT_FANOUT_WORKERS: '2' }],
    ['ws', { DAT_TRANSPORT: 'ws' }],
  ])('knows what operators set and where each device was, on %s', async (_, env) => {
    const place = new Place(env);
    const first = await place.start();
    const device = await Device.connect(first.devicePort, '?id=dev-1');
    await device.welcome();
    const subscriber = await follow(first, 's-1', 'dev-1');
    for (let n = 0; n < 3; n++) await device.message(n);
    await device.publish({ type: 'status', status: 'lädt' });
    await setRow(first, 'dev-1', 's-1', { vip: true });
    await setRow(first, 'dev-1', 's-2', { status: 'deny' });
    await setRow(first, 'dev-2', 's-3', { status: 'allow' });
    await put(first, '/v1/access/rules', { rules });
    expect(await first.stop()).toBe(0);
    const lastSeq = Math.max(...subscriber.events('dev-1').map(({ seq }) => seq));
    expect(lastSeq).toBeGreaterThanOrEqual(4);
    expect(statSync(place.file).mode & 0o777).toBe(0o600);

    const second = await place.start();
    expect(second.logs.find(({ msg }) => msg === 'snapshot restored')).toMatchObject({ from: place.file });
    expect((await admin(second.adminPort, 'GET', '/v1/access/rules')).body).toEqual({ rules });
    expect(await rowOf(second, 'dev-1', 's-2')).toMatchObject({ status: 'deny', connected: false });
    expect(await rowOf(second, 'dev-2', 's-3')).toMatchObject({ status: 'allow' });
    expect(await rowOf(second, 'dev-1', 's-1')).toBeUndefined();
    expect((await admin(second.adminPort, 'GET', '/v1/subscribers/s-1')).body).toMatchObject({ vip: true });

    const denied = await Subscriber.connect(second.subscriberPort, '?id=s-2');
    expect((await denied.subscribe('dev-1', 'lab-1')).errors).toMatchObject([
      { device: 'dev-1', code: 103 },
      { device: 'lab-1', code: 103 },
    ]);
    const again = await Subscriber.connect(second.subscriberPort, '?id=s-1');
    expect((await again.welcome()).resumed).toEqual([]);
    const [snapshot] = (await again.subscribe('dev-1')).devices;
    expect(snapshot).toMatchObject({ state: 'offline', deviceStatus: 'lädt' });
    expect(snapshot?.seq).toBeGreaterThanOrEqual(lastSeq);
    expect(snapshot?.lastSeen).toBeGreaterThan(Date.now() - 120_000);
    expect(snapshot?.lastSeen).toBeLessThanOrEqual(Date.now());
    const back = await Device.connect(second.devicePort, '?id=dev-1');
    await back.welcome();
    expect(await again.event('dev-1')).toMatchObject({ source: 'hub', seq: (snapshot?.seq ?? 0) + 1 });
    expect(await back.message('on')).toMatchObject({ seq: (snapshot?.seq ?? 0) + 2 });
    expect(await second.stop()).toBe(0);
  });

  it('goes on numbering the events of a device, and begins anew after a crash', async () => {
    const place = new Place();
    const follows = async (hub: HubProcess): Promise<{ seq: number; epoch: string }> => {
      const device = await Device.connect(hub.devicePort, '?id=dev-1');
      await device.welcome();
      const subscriber = await follow(hub, 's-1', 'dev-1');
      await device.message('one more');
      return (await subscriber.subscribe('dev-1')).devices[0] as never;
    };
    const env = { DAT_HISTORY_BYTES: '1048576', DAT_SNAPSHOT_INTERVAL_MS: '1000' };
    const first = await place.start(env);
    const before = await follows(first);
    expect(await first.stop()).toBe(0);
    const second = await place.start(env);
    const restarted = await follows(second);
    expect(restarted.epoch).toBe(before.epoch);
    expect(restarted.seq).toBeGreaterThan(before.seq);
    await second.kill();
    const crashed = await follows(await place.start(env));
    expect(crashed.epoch).not.toBe(before.epoch);
  });

  it('starts with nothing when there is no snapshot, and writes one when it ends', async () => {
    const place = new Place({ DAT_SNAPSHOT_INTERVAL_MS: '0' });
    const hub = await place.start();
    expect((await metricsOf(hub)).of('dat_snapshot_written_timestamp_seconds')).toEqual([]);
    expect(existsSync(place.file)).toBe(false);
    expect(await hub.stop()).toBe(0);
    expect(existsSync(place.file)).toBe(true);
  });

  it('forgets a device in time, but none that an operator pinned', async () => {
    const place = new Place();
    const first = await place.start();
    for (const id of ['dev-1', 'dev-2']) {
      const device = await Device.connect(first.devicePort, `?id=${id}`);
      await device.welcome();
    }
    await setRow(first, 'dev-2', 's-1', { status: 'deny' });
    await first.stop();
    const second = await place.start({ DAT_DEVICE_REMOVE_AFTER_MS: '500' });
    await eventually('dev-1 is gone', async () => {
      return (await admin(second.adminPort, 'GET', '/v1/devices/dev-1')).status === 404;
    });
    expect((await admin(second.adminPort, 'GET', '/v1/devices/dev-2')).status).toBe(200);
  });

  it('leaves the file alone when it cannot start', async () => {
    const place = new Place();
    await endedTwice(place);
    const before = [place.file, `${place.file}.prev`].map((path) => readFileSync(path, 'utf8'));
    const other = await startHub(calm);
    onTestFinished(() => other.kill());
    const { code } = await place.refused({ DAT_SUBSCRIBER_PORT: `${other.subscriberPort}` });
    expect(code).toBe(69);
    expect([place.file, `${place.file}.prev`].map((path) => readFileSync(path, 'utf8'))).toEqual(before);
  });
});

describe('a snapshot file that a hub uses', () => {
  it('is refused to another with 78, until the first has ended, in whatever way', async () => {
    const place = new Place();
    const first = await place.start();
    expectRefusal(await place.refusedByNumber(), place.file, `another hub (process ${first.pid})`);
    await first.kill();
    const second = await place.start();
    expectRefusal(await place.refusedByNumber(), `another hub (process ${second.pid})`);
    expect(await second.stop()).toBe(0);
    const third = await place.start();
    expect(await third.stop()).toBe(0);
  });
});

describe('a hub that was killed and started again', () => {
  it('knows what the last snapshot had', async () => {
    const place = new Place({ DAT_SNAPSHOT_INTERVAL_MS: '50' });
    const first = await place.start();
    const device = await Device.connect(first.devicePort, '?id=dev-1');
    await device.welcome();
    await follow(first, 's-1', 'dev-1');
    for (let n = 0; n < 5; n++) await device.message(n);
    await setRow(first, 'dev-1', 's-2', { status: 'deny' });
    await put(first, '/v1/access/rules', { rules });
    await nextSnapshot(first);
    await first.kill();
    const second = await place.start();
    expect(await rowOf(second, 'dev-1', 's-2')).toMatchObject({ status: 'deny' });
    expect((await admin(second.adminPort, 'GET', '/v1/access/rules')).body).toEqual({ rules });
    expect((await admin(second.adminPort, 'GET', '/v1/devices/dev-1')).body).toMatchObject({ seq: 5 });
  });
});

describe('a snapshot that cannot be read', () => {
  it('makes room for the one before it, with a warning that says what was wrong', async () => {
    const place = new Place({ DAT_SNAPSHOT_INTERVAL_MS: '0' });
    await endedTwice(place);
    const whole = readFileSync(place.file);
    writeFileSync(place.file, whole.subarray(0, whole.length - 10));
    const hub = await place.start();
    const warnings = hub.logs.filter(({ level }) => String(level) === 'warn');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.msg).toContain(`${place.file} is cut off`);
    expect(warnings[0]?.msg).toContain(`${place.file}.prev`);
    expect(await rowOf(hub, 'dev-1', 's-1')).toMatchObject({ status: 'deny' });
    expect(readFileSync(`${place.file}.corrupt`)).toEqual(whole.subarray(0, whole.length - 10));
    expect(await hub.stop()).toBe(0);
  });

  it('ends the start with 78 and one line when the one before it cannot be read either', async () => {
    const place = new Place();
    await endedTwice(place);
    const [file, previous] = [place.file, `${place.file}.prev`];
    for (const path of [file, previous])
      writeFileSync(path, readFileSync(path, 'utf8').replace('deny', 'dent'));
    expectRefusal(
      await place.refused(),
      `${file} does not match its checksum`,
      `${previous} does not match its checksum`,
      'DAT_SNAPSHOT_ON_CORRUPT',
    );
    const hub = await place.start({ DAT_SNAPSHOT_ON_CORRUPT: 'empty' });
    const warnings = hub.logs.filter(({ level }) => String(level) === 'warn');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.msg).toContain('starting empty');
    expect((await admin(hub.adminPort, 'GET', '/v1/devices')).body).toMatchObject({ devices: [] });
    expect(await hub.stop()).toBe(0);
    expect(await (await place.start()).stop()).toBe(0);
  });

  it('ends the start with 78 when the table has no room for it, whatever is set for others', async () => {
    const place = new Place();
    await endedTwice(place);
    for (const mode of ['refuse', 'empty']) {
      const env = { DAT_MAX_SUBSCRIPTIONS: '1', DAT_SNAPSHOT_ON_CORRUPT: mode };
      expectRefusal(await place.refused(env), place.file, 'DAT_MAX_SUBSCRIPTIONS is 1');
    }
  });
});

describe('a snapshot that cannot be written', () => {
  it.each([
    ['nowhere/snapshot', 'does not exist'],
    ['file/snapshot', 'cannot be written'],
    ['folder', 'is a directory'],
  ])('ends the start with 78 and one line for %s', async (path, why) => {
    const place = new Place();
    const directory = join(place.file, '..');
    writeFileSync(join(directory, 'file'), '');
    mkdirSync(join(directory, 'folder'));
    const file = join(directory, path);
    expectRefusal(await place.refused({ DAT_SNAPSHOT_FILE: file }), file, why);
  });

  it('is logged and counted, and the hub goes on and writes again when it can', async () => {
    const place = new Place({ DAT_SNAPSHOT_INTERVAL_MS: '50' });
    const hub = await place.start();
    await nextSnapshot(hub);
    expect((await metricsOf(hub)).value('dat_snapshot_failures_total')).toBe(0);
    const directory = join(place.file, '..');
    renameSync(directory, `${directory}-away`);
    onTestFinished(() => rmSync(`${directory}-away`, { recursive: true, force: true }));
    await eventually('a failure is counted', async () => {
      return (await metricsOf(hub)).value('dat_snapshot_failures_total') > 0;
    });
    await eventually('it is logged', () =>
      hub.logs.some(({ msg }) => msg === 'a snapshot could not be written'),
    );
    const device = await Device.connect(hub.devicePort, '?id=dev-1');
    await follow(hub, 's-1', 'dev-1');
    expect(await device.message('still here')).toMatchObject({ op: 'ack' });
    renameSync(`${directory}-away`, directory);
    await nextSnapshot(hub);
    expect(await hub.stop()).toBe(0);
    expect(readFileSync(place.file, 'utf8')).toContain('"dev-1"');
  });
});
