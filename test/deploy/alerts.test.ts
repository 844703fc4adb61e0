/** Which of the alerts fire for which figures, as Prometheus evaluates them. Skipped without promtool. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

  /** @param firing names; each of one hub, or of one job */
  function check(series: Series, firing: readonly string[]): void {
    const test = {
      rule_files: [rules],
      evaluation_interval: '1m',
      tests: [
        {
          interval: '1m',
          input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
          promql_expr_test: [
            {
              expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
              eval_time: `${AT}m`,
              exp_samples: firing.map((name) => ({ labels: `{alertname="${name}"}`, value: 1 })),
            },
          ],
        },
      ],
    };
    const file = join(folder, 'test.yml');
    writeFileSync(file, JSON.stringify(test));
    const { status, stderr, stdout } = spawnSync(promtool!, ['test', 'rules', file], { encoding: 'utf8' });
    expect(status, stderr + stdout).toBe(0);
  }

  const hub = (name: string, instance: string, more = ''): string =>
    `${name}{job="dat",instance="${instance}"${more}}`;
  const one = (name: string, more?: string): string => hub(name, 'a', more);

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
