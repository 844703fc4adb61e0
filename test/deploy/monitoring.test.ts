/** What the dashboard and the alerts ask for is on the page of metrics that a running hub serves. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { NatsServer, natsServerPath } from '../cluster/support/nats-server.ts';
import { admin, Metrics } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { startHub } from '../support/hub-process.ts';
import { Device } from '../support/peers.ts';
import { programPath } from '../support/programs.ts';

const deploy = fileURLToPath(new URL('../../deploy/', import.meta.url));
const read = (path: string): string => readFileSync(join(deploy, path), 'utf8');

/** The anchors of a page's headings, as forges make them. */
function anchorsOf(markdown: string): string[] {
  const headings = [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => text);
  return headings.map((text) =>
    text
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

interface Panel {
  readonly title: string;
  readonly description: string;
  readonly targets: readonly { readonly expr: string }[];
}
interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: {
    readonly summary: string;
    readonly description: string;
    readonly runbook_url: string;
  };
}

const { panels } = JSON.parse(read('grafana/dashboards/dat.json')) as { panels: readonly Panel[] };
const { groups } = parse(read('prometheus/alerts.yml')) as {
  groups: readonly { rules: readonly Alert[] }[];
};
const alerts = groups.flatMap(({ rules }) => rules);
const expressions = [
  ...panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [`panel ${title}`, expr] as const)),
  ...alerts.map(({ alert, expr }) => [`alert ${alert}`, expr] as const),
];

/** Told only once there is a snapshot, and where there is a certificate. */
const sometimes = ['dat_snapshot_written_timestamp_seconds', 'dat_tls_certificate_expires_timestamp_seconds'];

/** Labels that Prometheus adds by itself. */
const OWN_LABELS = ['instance', 'job'];

describe('the dashboard and the alerts', () => {
  let metrics: Metrics;
  beforeAll(async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dat-test-'));
    const nats = natsServerPath === undefined ? undefined : await NatsServer.start(directory);
    const hub = await startHub({
      DAT_CLUSTER_NATS_URL: nats?.url,
      DAT_SNAPSHOT_FILE: join(directory, 'snapshot'),
      DAT_WEBHOOK_URL: 'http://127.0.0.1:9/',
      DAT_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
    });
    const device = await Device.connect(hub.devicePort, '?id=dev-1');
    await device.close(1000);
    const page = async () => new Metrics((await admin(hub.adminPort, 'GET', '/metrics')).text);
    metrics = await eventually('a disconnect and the CPU time of a thread are counted', async () => {
      const scraped = await page();
      const isTold = process.platform !== 'linux' || scraped.types.has('dat_thread_cpu_seconds_total');
      const isLinked = nats === undefined || scraped.types.has('dat_cluster_nodes');
      return isTold && isLinked && scraped.value('dat_disconnects_total') > 0 ? scraped : undefined;
    });
    expect(await hub.stop()).toBe(0);
    await nats?.kill();
    rmSync(directory, { recursive: true });
  });

  it.each(expressions)('ask for metrics and labels that there are: %s', (_where, expr) => {
    const names = expr.match(/\b(?:dat|process)_[a-z_]+\b/g) ?? [];
    if (names.length === 0) expect(expr).toContain('up{job="dat"}');
    for (const name of names) {
      const family = name.replace(/_(bucket|sum|count)$/, '');
      if (sometimes.includes(family)) continue;
      // Of the cluster only in one: not where there is no nats-server.
      if (natsServerPath === undefined && name.startsWith('dat_cluster_')) continue;
      expect([...metrics.types.keys()], name).toContain(family);
      const known = new Set([
        ...OWN_LABELS,
        ...metrics.of(name).flatMap(({ labels }) => Object.keys(labels)),
      ]);
      for (const [, list = ''] of expr.matchAll(/by \(([^)]*)\)/g))
        for (const label of list.split(', ')) expect(known, `${label} of ${name}`).toContain(label);
    }
  });

  it('ask for what is not always there by the name that it has in the code', () => {
    const source = readFileSync(new URL('../../src/admin/metrics.ts', import.meta.url), 'utf8');
    for (const name of sometimes) expect(source).toContain(`'${name}'`);
  });

  it('say in each alert what is wrong, with labels that its metric has', () => {
    for (const { alert, expr, annotations } of alerts) {
      expect(annotations.summary, alert).toBeTruthy();
      const aggregated = /by \(([^)]*)\)/.exec(expr)?.[1]?.split(', ');
      const name = /\bdat_[a-z_]+\b/.exec(expr)?.[0] ?? '';
      const ofMetric = metrics.of(name).flatMap(({ labels }) => Object.keys(labels));
      const known = aggregated ?? [...OWN_LABELS, ...ofMetric];
      const named = annotations.description.matchAll(/\$labels\.(\w+)/g);
      for (const [, label] of named) expect(known, alert).toContain(label);
    }
  });

  it('link each alert to what to do about it', () => {
    const anchors = anchorsOf(read('../docs/operations.md'));
    for (const { alert, annotations } of alerts) {
      const [page, anchor] = annotations.runbook_url.split('#');
      expect(page, alert).toBe('docs/operations.md');
      expect(anchors, alert).toContain(anchor);
    }
  });

  it('say in each panel what is shown', () => {
    for (const { title, description } of panels) expect(description, title).toBeTruthy();
  });

  const promtool = programPath('promtool');
  it.skipIf(promtool === undefined)('are rules that promtool accepts (skipped without promtool)', () => {
    const checked = spawnSync(promtool!, ['check', 'rules', join(deploy, 'prometheus/alerts.yml')], {
      encoding: 'utf8',
    });
    expect(checked.status, checked.stderr + checked.stdout).toBe(0);
  });
});
