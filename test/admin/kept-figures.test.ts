import { describe, expect, it } from 'vitest';
import { KeptFigures, type KeptSeries, keptSeries } from '../../src/admin/kept-figures.ts';
import { LookWatch } from '../../src/admin/looks.ts';
import { FIGURES_KEPT_SECONDS } from '../../src/limits.ts';
import { Counter } from '../../src/memory/counters.ts';
import { FakeHub, fakeHub, refusal } from './fake-hub.ts';

interface Answer {
  readonly intervalMs: number;
  readonly at: readonly number[];
  readonly series: Readonly<Record<KeptSeries, readonly (number | null)[]>>;
}

/** Figures of a hub whose seconds the test counts. */
function kept() {
  const hub = new FakeHub();
  const figures = new KeptFigures(hub.deps);
  const looks = new LookWatch(hub.deps, [figures]);
  const second = (): void => {
    hub.clock.advance(1000);
    looks.tick();
  };
  const read = async (seconds: number): Promise<Answer> => JSON.parse(await figures.json(seconds)) as Answer;
  return { hub, second, read };
}

describe('the kept figures', () => {
  it('have the times as the clock had them, in whole milliseconds', async () => {
    const { hub, second, read } = kept();
    hub.clock.wallMs = 1_795_731_645_634;
    second();
    second();
    expect((await read(900)).at).toEqual([1_795_731_646_634, 1_795_731_647_634]);
  });

  it('are none before the first second is over', async () => {
    const { read } = kept();
    const { intervalMs, at, series } = await read(900);
    expect({ intervalMs, at }).toEqual({ intervalMs: 1000, at: [] });
    expect(Object.keys(series)).toEqual(Object.keys(keptSeries));
    for (const values of Object.values(series)) expect(values).toEqual([]);
  });

  it('tell of each second how fast the hub was, and how much there was', async () => {
    const { hub, second, read } = kept();
    const start = hub.clock.wallMs;
    const { main, worker } = hub;
    hub.device('d');
    main.cells[Counter.receivedMessage]! += 10;
    main.cells[Counter.bytesReceived]! += 500;
    main.cells[Counter.deviceConnections] = 3;
    worker.cells[Counter.loopLagSeconds] = 0.25;
    second();
    worker.cells[Counter.deliveries]! += 7;
    worker.cells[Counter.droppedSlow]! += 2;
    worker.cells[Counter.droppedLagging]! += 1;
    worker.cells[Counter.droppedSubscriberRate]! += 9;
    worker.latency(0.2);
    second();
    second();
    const { at, series } = await read(900);
    expect(at).toEqual([start + 1000, start + 2000, start + 3000]);
    expect(series).toMatchObject({
      receivedMessage: [10, 0, 0],
      bytesReceived: [500, 0, 0],
      deliveries: [0, 7, 0],
      dropped: [0, 3, 0],
      deviceConnections: [3, 3, 3],
      devicesOffline: [1, 1, 1],
      loopLagSeconds: [0.25, 0.25, 0.25],
      p50Seconds: [null, 0.000175, 0.000175],
    });
    expect(series.residentBytes[0]).toBeGreaterThan(1e6);
  });

  it('give a rate per second where the thread was held up for several', async () => {
    const { hub, second, read } = kept();
    hub.main.cells[Counter.receivedMessage]! += 40;
    hub.clock.advance(3000);
    second();
    expect((await read(900)).series.receivedMessage).toEqual([10]);
  });

  it('are the newest ones, of an hour at most', async () => {
    const { hub, second, read } = kept();
    const start = hub.clock.wallMs;
    for (let n = 1; n <= 2 * FIGURES_KEPT_SECONDS; n++) {
      hub.main.cells[Counter.deviceConnections] = n;
      second();
    }
    const last = 2 * FIGURES_KEPT_SECONDS;
    expect((await read(3)).series.deviceConnections).toEqual([last - 2, last - 1, last]);
    const hour = await read(FIGURES_KEPT_SECONDS);
    expect(hour.at).toHaveLength(FIGURES_KEPT_SECONDS);
    expect(hour.at[0]).toBe(start + (FIGURES_KEPT_SECONDS + 1) * 1000);
    expect(hour.series.deviceConnections[0]).toBe(FIGURES_KEPT_SECONDS + 1);
    expect(hour.series.deviceConnections.at(-1)).toBe(last);
  });

  it('stay those of the moment they were asked for, while more come in', async () => {
    const { hub, second, read } = kept();
    for (let n = 0; n < FIGURES_KEPT_SECONDS; n++) second();
    const start = hub.clock.wallMs;
    const reading = read(FIGURES_KEPT_SECONDS);
    hub.main.cells[Counter.deviceConnections] = 9;
    for (let n = 0; n < 10; n++) second();
    const { at, series } = await reading;
    expect(at.at(-1)).toBe(start);
    for (const values of Object.values(series)) expect(values).toHaveLength(FIGURES_KEPT_SECONDS);
    expect(new Set(series.deviceConnections)).toEqual(new Set([0]));
  });
});

describe('GET /v1/stats/history', () => {
  it('answers JSON, of 15 minutes unless more or less is asked for', async () => {
    const hub = await fakeHub();
    const { status, headers, body } = await hub.ask('GET', '/v1/stats/history');
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    expect(body).toMatchObject({ intervalMs: 1000, at: expect.any(Array) });
    expect(Object.keys(body.series)).toEqual(Object.keys(keptSeries));
    const { body: openapi } = await hub.ask('GET', '/openapi.json');
    const { parameters } = openapi.paths['/v1/stats/history'].get;
    expect(parameters).toMatchObject([{ name: 'seconds', schema: { default: 900, maximum: 3600 } }]);
  });

  it.each(['0', '3601', '1.5', 'all'])('refuses %s seconds', async (seconds) => {
    const hub = await fakeHub();
    const message = /^query seconds is ".*", expected a whole number from 1 to 3600$/;
    refusal(400, 'bad_request', message)(await hub.ask('GET', `/v1/stats/history?seconds=${seconds}`));
  });
});
