/** The chart: what can be told without a cluster, and what helm renders where it is installed. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { programPath } from '../support/programs.ts';

const CHART = fileURLToPath(new URL('../../deploy/helm/dat/', import.meta.url));
const read = (path: string): string => readFileSync(join(CHART, path), 'utf8');
const templates = readdirSync(join(CHART, 'templates')).map((name) => join('templates', name));
const text = templates.map(read).join('\n');

type Values = { readonly [name: string]: unknown };

/** Paths of values, such as `service.type`, as far down as templates may name them. */
function pathsOf(values: Values, above = ''): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const path = above + name;
    const isGroup = value !== null && typeof value === 'object' && !Array.isArray(value);
    return isGroup ? [path, ...pathsOf(value as Values, `${path}.`)] : [path];
  });
}

describe('the chart', () => {
  const values = parse(read('values.yaml')) as Values;
  const used = new Set([...text.matchAll(/\.Values\.([\w.]+)/g)].map(([, path = '']) => path));

  it('uses no value that values.yaml does not have', () => {
    const known = pathsOf(values);
    for (const path of used) expect(known, path).toContain(path);
  });

  it('has no value that nothing uses', () => {
    const isUsed = (path: string) =>
      [...used].some((name) => name === path || name.startsWith(`${path}.`) || path.startsWith(`${name}.`));
    for (const path of pathsOf(values)) expect(isUsed(path), path).toBe(true);
  });

  it('is of the version of the package', () => {
    const { version } = JSON.parse(read('../../../package.json')) as { version: string };
    expect(parse(read('Chart.yaml'))).toMatchObject({ version, appVersion: version });
  });

  it('gives everything that it creates the name that was asked for', () => {
    for (const template of templates.filter((path) => !path.endsWith('_helpers.tpl'))) {
      const names = [...read(template).matchAll(/^ {0,2}(?:name|serviceName): (.+)$/gm)].map(
        ([, name]) => name,
      );
      for (const name of names)
        expect(name, template).toMatch(/^\{\{ include "dat\.fullname" \. \}\}(-\w+)?$/);
    }
    expect(text.match(/\.Release\.Name\b(?!space)/g)).toHaveLength(2); // in the helpers
  });

  it.each(['deployment', 'statefulset'])(
    'waits for a slow start, and rolls when the Secret has changed, in a %s',
    (workload) => {
      const template = read(`templates/${workload}.yaml`);
      for (const part of ['startupProbe:', 'livenessProbe:', 'readinessProbe:', 'checksum/secret:'])
        expect(template.split(part), part).toHaveLength(2);
    },
  );

  it('lets in from outside only the paths of devices and subscribers', () => {
    const ingress = read('templates/ingress.yaml');
    expect([...ingress.matchAll(/name: (device|subscriber|admin)$/gm)].map(([, port]) => port)).toEqual([
      'device',
      'subscriber',
      'subscriber', // of the host for MQTT
    ]);
    expect(values).toMatchObject({
      ingress: { devicePaths: ['/v1/device', '/v1/gateway', '/mqtt'], subscriberPaths: ['/v1/subscribe'] },
    });
  });
});

describe('the chart of a cluster', () => {
  const nodes = read('templates/statefulset.yaml');

  it('gives each node an id that stays the same, and the name of the release to all that it makes', () => {
    expect(nodes).toMatch(/name: DAT_NODE_ID\s+valueFrom:\s+fieldRef:\s+fieldPath: metadata\.name/);
    for (const [, name] of nodes.matchAll(/^ {2}name: (.+)$/gm)) expect(name).toContain('dat.fullname');
  });

  it('has what the single hub has: probes, and a restart when the secret changes', () => {
    const single = read('templates/deployment.yaml');
    for (const part of ['startupProbe:', 'livenessProbe:', 'readinessProbe:', 'checksum/secret:'])
      for (const template of [single, nodes]) expect(template).toContain(part);
  });

  it('has its pods scraped once, though two services have them', () => {
    const component = 'app.kubernetes.io/component';
    expect(nodes).toContain(`${component}: nodes`);
    expect(read('templates/servicemonitor.yaml')).toMatch(
      new RegExp(`${component}\\s+operator: DoesNotExist`),
    );
  });
});

const helm = programPath('helm');

describe.skipIf(helm === undefined)('what helm renders (skipped without helm)', () => {
  interface Rendered {
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  }

  function render(...set: string[]): Rendered[] {
    const flags = set.flatMap((value) => ['--set', value]);
    const { status, stdout, stderr } = spawnSync(helm!, ['template', 'rel', CHART, ...flags], {
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    return parseAllDocuments(stdout).map((document) => document.toJS() as Rendered);
  }

  it('is a deployment and a service that are named as the release', () => {
    expect(render().map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'Service rel',
      'Deployment rel',
    ]);
  });

  it('has the names that are given', () => {
    const all = render(
      'fullnameOverride=hub',
      'nameOverride=x',
      'snapshot.enabled=true',
      'ingress.enabled=true',
    );
    expect(all).toHaveLength(4);
    for (const { metadata } of all) {
      expect(metadata.name).toMatch(/^hub(-state)?$/);
      expect(metadata.labels).toMatchObject({
        'app.kubernetes.io/name': 'x',
        'app.kubernetes.io/instance': 'rel',
      });
    }
  });

  it('shortens the name of nodes, so that Kubernetes can put a hash behind it', () => {
    const name = 'n'.repeat(60);
    const nameOf = (...set: string[]) =>
      render(`fullnameOverride=${name}`, ...set).find(({ kind }) => kind !== 'Service')?.metadata.name;
    expect(nameOf()).toHaveLength(57);
    expect(nameOf('cluster.enabled=true')).toHaveLength(52);
  });

  it('has MQTT where it is asked for: over TCP, and for subscribers on a host of their own', () => {
    const all = JSON.stringify(render('service.mqttPort=8883'));
    expect(all).toContain('"name":"mqtt","port":8883,"targetPort":"mqtt"');
    expect(all).toContain('{"name":"DAT_MQTT_PORT","value":"1883"}');
    expect(JSON.stringify(render())).not.toContain('mqtt');
    const hosts = [
      'ingress.enabled=true',
      'ingress.host=hub.example',
      'ingress.mqttSubscriberHost=mqtt.example',
    ];
    const ingress = render(...hosts, 'ingress.tlsSecret=tls').find(({ kind }) => kind === 'Ingress');
    expect(ingress).toMatchObject({
      spec: {
        tls: [{ hosts: ['hub.example', 'mqtt.example'] }],
        rules: [{ host: 'hub.example' }, { host: 'mqtt.example', http: { paths: [{ path: '/mqtt' }] } }],
      },
    });
  });

  it('is nodes with names of their own in a cluster', () => {
    const all = render('cluster.enabled=true', 'snapshot.enabled=true', 'serviceMonitor.enabled=true');
    expect(all.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort()).toEqual([
      'PodDisruptionBudget rel',
      'Service rel',
      'Service rel-nodes',
      'ServiceMonitor rel',
      'StatefulSet rel',
    ]);
  });
});
