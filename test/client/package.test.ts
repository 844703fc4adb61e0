/** The client as it is shipped: the built files, and the packages that they go into. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CLIENT = join(ROOT, 'clients/js');
const SOURCE = join(ROOT, 'dist/src');
const ENTRY = join(SOURCE, 'client/index.js');
const BYTES_MAX = 8 * 1024;

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${status}\n${stdout}\n${stderr}`);
  return `${stdout}${stderr}`;
}

describe('the client, bundled', () => {
  it('is under 8 KiB minified and compressed, and needs nothing else', async () => {
    const bundle = await rolldown({ input: ENTRY, platform: 'browser' });
    onTestFinished(() => bundle.close());
    const { output } = await bundle.generate({ format: 'esm', minify: true });
    expect(output).toHaveLength(1);
    const [{ code, imports, dynamicImports, moduleIds }] = output;
    expect([...imports, ...dynamicImports]).toEqual([]);
    const ofTheHub = moduleIds
      .map((id) => relative(SOURCE, id))
      .filter((id) => !id.startsWith('../clients/js/'));
    expect(ofTheHub).toEqual(['client/index.js']);
    expect(code).not.toMatch(/\bimport\(|\brequire\(|node:|\bprocess\b|\bBuffer\b/);
    expect(code).toContain('connectSubscriber');
    const bytes = gzipSync(code, { level: 9 }).length;
    expect(bytes).toBeLessThan(BYTES_MAX);
    expect(bytes).toBeGreaterThan(1024);
  });

  it.each(['index.js', 'index.min.js'])('is one file that stands alone: %s', (file) => {
    const folder = mkdtempSync(join(tmpdir(), 'client-file-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    cpSync(join(CLIENT, 'dist', file), join(folder, 'client.mjs'));
    const code = "console.log(typeof (await import('./client.mjs')).connectSubscriber)";
    expect(run(process.execPath, ['--input-type=module', '--eval', code], folder).trim()).toBe('function');
  });
});

/** What a project may write that uses the client. @param name of the package */
const use = (name: string): string => `
  import { connectDevice, connectGateway, connectSubscriber, TunnelError, type DeviceEvent } from '${name}';
  interface Telemetry { readonly t: number }
  const device = connectDevice({ url: 'ws://localhost', id: 'dev-1', WebSocket, token: async () => 'token', interest: true });
  const { seq }: { seq: number } = await device.message({ t: 1 }, { ack: true, priority: 'high' });
  const nothing: void = await device.status('charging', { data: seq });
  device.on('interest', (isListenedTo: boolean) => console.log(isListenedTo, nothing));
  const gateway = connectGateway({ url: 'ws://localhost', id: 'gw-1', WebSocket });
  gateway.on('closed', ({ device: id, code }) => console.log(id, code.toFixed()));
  const ack: { skipped: boolean } = await gateway.device('dev-2').message({ t: 2 }, { ack: true });
  const subscriber = connectSubscriber<Telemetry>({
    url: new URL('ws://localhost'), devices: ['dev-1', 'site-a.*'], types: ['message', 'status'], last: true, every: 1000, WebSocket,
  });
  subscriber.on('gap', ({ device, from, to }) => console.log(device, to - from, ack.skipped));
  subscriber.on('state', (state) => {
    if (state.state === 'closed' && state.error instanceof TunnelError) console.log(state.error.hubCode);
  });
  subscriber.on('change', (ids) => ids.map((id) => subscriber.state.get(id)?.lastMessage?.data.t.toFixed()));
  const { filters } = await subscriber.subscribe(['*'], { history: 20 });
  console.log(filters.map(({ filter, matched }) => filter + matched));
  for await (const event of subscriber) {
    const { device, status }: DeviceEvent<Telemetry> = event;
    if (event.source === 'device' && event.type === 'message') console.log(device, event.data.t.toFixed());
    else if (event.source === 'device' && event.type === 'status') console.log(event.status.length);
    else if (event.source === 'hub') console.log(event.data.state === 'stale', event.data.reason.length, status);
  }
`;

const react = (name: string): string => `
  import { connectSubscriber } from '${name}';
  import { SubscriberContext, useConnection, useDevice, useDevices } from '${name}/react';
  interface Telemetry { readonly t: number }
  export const provider = SubscriberContext.Provider({ value: connectSubscriber<Telemetry>({ url: 'ws://localhost' }), children: null });
  export function Device({ id }: { id: string }): string {
    const { state } = useConnection();
    const t: number | undefined = useDevice<Telemetry>(id)?.lastMessage?.data.t;
    const all: number = useDevices<Telemetry>('*').reduce((sum, { lastSeen }) => sum + lastSeen, 0);
    return [state, t, all].join();
  }
`;

interface Project {
  readonly lib: readonly string[];
  readonly packages: readonly string[];
  readonly module?: 'nodenext' | 'esnext';
}

/** A folder with a package in it, installed as npm does from the registry: unpacked from its tarball, nothing else. */
let consumer: string;
beforeAll(() => {
  consumer = mkdtempSync(join(tmpdir(), 'client-consumer-'));
  for (const folder of [CLIENT, ROOT]) {
    const packed = JSON.parse(
      run('npm', ['pack', '--json', '--silent', '--pack-destination', consumer], folder),
    );
    const [{ filename, name }] = packed as [{ readonly filename: string; readonly name: string }];
    const target = join(consumer, 'node_modules', name);
    mkdirSync(target, { recursive: true });
    run('tar', ['-xzf', join(consumer, filename), '-C', target, '--strip-components=1'], consumer);
  }
  writeFileSync(join(consumer, 'package.json'), '{"type":"module"}');
  return () => rmSync(consumer, { recursive: true });
});

/** Type-checks a file in a strict project that has only these packages beside the client. @returns what tsc says */
function typeCheck(source: string, { lib, packages, module = 'nodenext' }: Project): string {
  const folder = mkdtempSync(join(tmpdir(), 'client-types-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
  const link = (from: string, name: string): void =>
    symlinkSync(join(from, 'node_modules', name), join(folder, 'node_modules', name));
  for (const name of readdirSync(join(consumer, 'node_modules'))) link(consumer, name);
  for (const name of packages) link(ROOT, name);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'use.ts'), source);
  const compilerOptions = {
    target: 'es2022',
    module,
    moduleResolution: module === 'esnext' ? 'bundler' : 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    verbatimModuleSyntax: true,
    isolatedModules: true,
    skipLibCheck: false,
    preserveSymlinks: true,
    noEmit: true,
    lib,
    types: packages.includes('@types/node') ? ['node'] : [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  return spawnSync(process.execPath, [tsc, '-p', '.'], { cwd: folder, encoding: 'utf8' }).stdout;
}

const names = ['device-aggregator-tunnel-client', 'device-aggregator-tunnel/client'];
const page = { lib: ['es2022', 'dom'], packages: [] };

describe.each(names)('the types of %s, in a strict project', (name) => {
  it.each(['nodenext', 'esnext'] as const)('fit a page, with its WebSocket (%s)', (module) => {
    expect(typeCheck(use(name), { ...page, module })).toBe('');
  });

  it('fit Node, with the WebSocket of ws', () => {
    const packages = ['@types/node', '@types/ws', 'ws', 'undici-types'];
    const project = { lib: ['es2022'], packages };
    expect(typeCheck(`import { WebSocket } from 'ws';\n${use(name)}`, project)).toBe('');
  });

  it('refuse what is wrong', () => {
    const wrong = [
      "subscriber.on('gaps', () => {});",
      "device.message(1, { priority: 'urgent' });",
      'export const ack1: { seq: number } = await device.message(1);',
      "subscriber.subscribe('dev-1');",
      "subscriber.subscribe(['dev-1'], { types: ['news'] });",
      "subscriber.on('event', (event) => event.data.t);",
      "subscriber.on('event', (event) => event.type === 'message' && event.data.u);",
    ];
    const source = `${use(name)}\n${wrong.join('\n')}`;
    const firstLine = source.split('\n').length - wrong.length + 1;
    const said = typeCheck(source, page);
    const lines = [...said.matchAll(/^use\.ts\((\d+),/gm)].map(([, line]) => Number(line) - firstLine);
    expect([...new Set(lines)].map((line) => wrong[line])).toEqual(wrong);
  });
});

describe('the types of the hooks, in a strict project', () => {
  it('fit React 19', () => {
    const packages = ['@types/react', 'csstype', 'react'];
    expect(typeCheck(react(names[0]!), { ...page, packages, module: 'esnext' })).toBe('');
  });
});

describe('the packages', () => {
  it('the client needs no other, and no newer Node than the hub', () => {
    const read = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const { dependencies, engines, peerDependenciesMeta } = read(CLIENT);
    expect(dependencies).toBeUndefined();
    expect(engines).toEqual({ node: '>=20' });
    expect(peerDependenciesMeta).toEqual({ react: { optional: true } });
    expect(read(ROOT).dependencies).not.toHaveProperty('device-aggregator-tunnel-client');
  });

  it.each(names)('%s can be imported with nothing else installed', (name) => {
    const code = `console.log(Object.keys(await import('${name}')).join())`;
    expect(run(process.execPath, ['--input-type=module', '--eval', code], consumer).trim()).toBe(
      'TunnelError,connectDevice,connectGateway,connectSubscriber',
    );
  });

  it('the client is installed without a word about the Node that runs it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'client-install-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const tarball = readdirSync(consumer).find((file) => file.startsWith('device-aggregator-tunnel-client-'));
    const said = run(
      'npm',
      ['install', '--offline', '--no-audit', '--no-fund', '--engine-strict', join(consumer, tarball ?? '')],
      folder,
    );
    expect(said).not.toContain('EBADENGINE');
    expect(readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
      names[0],
    ]);
  });

  it('the hub brings nothing that needs a newer Node than it does itself', () => {
    // What npm gives a consumer is what the lock file has: nothing in it hangs on an override of this project's.
    const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
      readonly packages: Readonly<
        Record<
          string,
          {
            readonly dev?: boolean;
            readonly optional?: boolean;
            readonly engines?: { readonly node?: string };
          }
        >
      >;
    };
    expect(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))).not.toHaveProperty('overrides');
    const needed = Object.entries(lock.packages).filter(([, { dev, optional }]) => !dev && !optional);
    const oldestOf = (range = '>=0'): number => Number(/\d+/.exec(range)?.[0]);
    const tooNew = needed.filter(([, { engines }]) => oldestOf(engines?.node) > 20).map(([path]) => path);
    expect(tooNew).toEqual([]);
  });
});
