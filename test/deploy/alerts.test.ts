/** Which of the alerts fire for which figures, as Prometheus evaluates them. Skipped without promtool. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { programPath } from '../support/programs.ts';

const rules = fileURLToPath(new URL('../../deploy/prometheus/alerts.yml', import.meta.url));
const promtool = programPath('promtool');

/** Minutes after which it is looked at. */
const AT = 30;

/** Values by series, one a minute, as promtool writes them: `5x30` stays 5, `0+60x30` grows by 60. */
type Series = Readonly<Record<string, string>>;

describe.skipIf(promtool === undefined)('the alerts that fire', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dat-alerts-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  interface Case {
    readonly series: Series;
    /** Names, each of one hub or of one job. */
    readonly firing: readonly string[];
  }

  /** All in one run: promtool takes longer to start than to evaluate. */
  function checkAll(cases: readonly Case[]): void {
    const tests = cases.map(({ series, firing }) => ({
      interval: '1m',
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      promql_expr_test: [
        {
          expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
          eval_time: `${AT}m`,
          exp_samples: firing.map((name) => ({ labels: `{alertname="${name}"}`, value: 1 })),
        },
      ],
    }));
    const file = join(folder, 'test.yml');
    writeFileSync(file, JSON.stringify({ rule_files: [rules], evaluation_interval: '1m', tests }));
    const { status, stderr, stdout } = spawnSync(promtool!, ['test', 'rules', file], { encoding: 'utf8' });
    expect(status, stderr + stdout).toBe(0);
  }

  /** @param series beside those of a hub that answers */
  function check(series: Series, firing: readonly string[], up: Series = { [one('up')]: `1x${AT}` }): void {
    checkAll([{ series: { ...up, ...series }, firing }]);
  }

  const hub = (name: string, instance: string, more = ''): string =>
    `${name}{job="dat",instance="${instance}"${more}}`;
  const one = (name: string, more?: string): string => hub(name, 'a', more);

  it('are all tried here', () => {
    const names = [...readFileSync(rules, 'utf8').matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);
    const here = readFileSync(fileURLToPath(import.meta.url), 'utf8');
    for (const name of names) expect(here).toContain(`'${name}'`);
  });

  it.each([
    ['the end of a drain only', 0, []],
    ['an hour', 3600, []],
    ['a minute', 60, ['DatSnapshotOld']],
  ] as const)('say that the newest snapshot is old by its interval: %s', (_, seconds, firing) => {
    check(
      {
        [one('dat_snapshot_written_timestamp_seconds')]: `0x${AT}`,
        [one('dat_snapshot_interval_seconds')]: `${seconds}x${AT}`,
      },
      firing,
    );
  });

  it.each([
    ['lagging', 'DatEventsDropped'],
    ['ingest_full', 'DatEventsDropped'],
    ['rate', 'DatPeersOverRate'],
    ['subscriber_rate', 'DatPeersOverRate'],
  ])('tell a hub that cannot carry its events from peers over their rate: %s', (reason, firing) => {
    check({ [one('dat_deliveries_dropped_total', `,reason="${reason}"`)]: `0+120x${AT}` }, [firing]);
  });

  it.each([
    ['answers no scrape', { [one('up')]: `0x${AT}` }, ['DatDown']],
    ['is no target of Prometheus any more', { [one('up')]: '1x5 _x25' }, ['DatAbsent']],
    ['has never been one', {}, ['DatAbsent']],
    ['answers', { [one('up')]: `1x${AT}` }, []],
  ] as const)('say of a hub whether it %s', (_, up, firing) => check({}, firing, up));

  it('say that a hub admits nobody, and when it soon will not', () => {
    check({ [one('dat_ready')]: `0x${AT}`, [hub('dat_ready', 'b')]: `1x${AT}` }, ['DatNotReady']);
    check({ [one('dat_connections_used_ratio')]: `0.95x${AT}` }, ['DatConnections']);
  });

  it.each([
    [8, []],
    [6, ['DatCertificateExpires']],
    [-1, ['DatCertificateExpires']],
  ] as const)('say a week before that the certificate expires: in %i days', (days, firing) => {
    const at = AT * 60 + days * 86_400;
    check({ [one('dat_tls_certificate_expires_timestamp_seconds')]: `${at}x${AT}` }, firing);
  });

  /** Of a hub that is well, and what each alert is for: one step further. */
  const limits: readonly (readonly [
    alert: string,
    name: string,
    labels: string,
    fine: string,
    wrong: string,
  ])[] = [
    ['DatThreadRestarted', 'dat_worker_restarts_total', ',role="owner"', '3x30', '3x25 4x5'],
    ['DatFramesFailed', 'dat_frames_failed_total', '', '3x30', '3x25 4x5'],
    ['DatEventLoopLag', 'dat_event_loop_lag_seconds', ',thread="owner"', '0.2x30', '0.3x30'],
    ['DatRingFull', 'dat_ring_used_ratio', ',ring="main"', '0.4x30', '0.6x30'],
    ['DatSlowSubscribersClosed', 'dat_slow_closes_total', ',reason="queue"', '0+0.5x30', '0+1x30'],
    ['DatCapacity', 'dat_capacity_used_ratio', ',table="devices"', '0.8x30', '0.95x30'],
    ['DatHistoryEvicted', 'dat_history_evicted_total', '', '5x30', '0+1x30'],
    ['DatPeersRefused', 'dat_upgrades_refused_total', ',reason="token"', '0+30x30', '0+120x30'],
    ['DatSnapshotFailed', 'dat_snapshot_failures_total', '', '3x30', '3x25 4x5'],
    ['DatLogLinesLost', 'dat_log_lines_lost_total', '', '3x30', '3x25 4x5'],
    ['DatWebhooksLate', 'dat_webhook_lag_seconds', '', '200x30', '0+60x30'],
    ['DatClusterNodeLost', 'dat_cluster_nodes_lost_total', '', '1x30', '1x25 2x5'],
    ['DatClusterFenced', 'dat_cluster_fences_total', '', '1x30', '1x25 2x5'],
    ['DatClusterStreamGaps', 'dat_cluster_stream_gaps_total', '', '0+30x30', '0+120x30'],
    ['DatClusterEventsShed', 'dat_cluster_events_shed_total', '', '0+30x30', '0+120x30'],
    ['DatClusterRoundTrip', 'dat_cluster_round_trip_seconds', '', '0.1x30', '0.3x30'],
    ['DatClusterUndecodable', 'dat_cluster_undecodable_total', '', '3x30', '3x25 4x5'],
  ];

  it('fire each for its own figure, and none for a hub that is well', () => {
    const up = { [one('up')]: `1x${AT}` };
    const fine = Object.fromEntries(limits.map(([, name, labels, value]) => [one(name, labels), value]));
    const wrong = limits.map(([alert, name, labels, , value]) => ({
      series: { ...up, ...fine, [one(name, labels)]: value },
      firing: [alert],
    }));
    checkAll([{ series: { ...up, ...fine }, firing: [] }, ...wrong]);
  });

  it.each([
    ['a tenth of a second', 0.1, []],
    ['half a second', 0.5, ['DatSlowDelivery']],
  ] as const)('say that delivery is slow by the time of one event in a hundred: %s', (_, le, firing) => {
    const bucket = (upTo: number | string) => one('dat_fanout_latency_seconds_bucket', `,le="${upTo}"`);
    const all = `0+1000x${AT}`;
    const below = Object.fromEntries(
      [0.1, 0.25, 0.5].map((upTo) => [bucket(upTo), upTo < le ? '0x30' : all]),
    );
    check({ ...below, [bucket('+Inf')]: all }, firing);
  });

  it.each([
    [800, []],
    [950, ['DatDescriptors']],
  ] as const)('say that files run out: %i of 1000', (open, firing) =>
    check({ [one('process_open_fds')]: `${open}x${AT}`, [one('process_max_fds')]: `1000x${AT}` }, firing),
  );

  it('say that a hub is not in the cluster, and that sessions end beyond what restarts explain', () => {
    const both = { [one('up')]: `1x${AT}`, [hub('up', 'b')]: `1x${AT}` };
    const nodes = (count: number): Series => ({
      [one('dat_cluster_nodes')]: `${count}x${AT}`,
      [hub('dat_cluster_nodes', 'b')]: `${count}x${AT}`,
    });
    const ended = (counts: string): Series => ({ [one('dat_cluster_resyncs_total')]: counts });
    checkAll([
      { series: { ...both, ...nodes(2) }, firing: [] },
      { series: { ...both, ...nodes(1) }, firing: ['DatClusterNodeMissing'] },
      { series: { ...both, ...nodes(2), ...ended('0x25 2x5') }, firing: [] },
      { series: { ...both, ...nodes(2), ...ended('0+1x30') }, firing: ['DatClusterResyncs'] },
    ]);
  });

  it('take a hub that waits for its cluster for one that is cut off, and not for a split', () => {
    const nodes = {
      [hub('dat_cluster_nodes', 'b')]: `3x${AT}`,
      [hub('dat_cluster_connected', 'b')]: `1x${AT}`,
    };
    const own = (count: number, connected: number): Series => ({
      [one('dat_cluster_nodes')]: `${count}x${AT}`,
      [one('dat_cluster_connected')]: `${connected}x${AT}`,
    });
    check({ ...nodes, ...own(1, 0) }, ['DatClusterDisconnected']);
    check({ ...nodes, ...own(2, 1) }, ['DatClusterSplit']);
    check({ ...nodes, ...own(3, 1) }, []);
  });
});
