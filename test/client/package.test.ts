/** The client as it is shipped: the built modules. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { describe, expect, it, onTestFinished } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SOURCE = join(ROOT, 'dist/src');
const ENTRY = join(SOURCE, 'client/index.js');
const BYTES_MAX = 8 * 1024;

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
});

/** Type-checks a file that uses the package by its name, in a folder that has no other types. */
function typeCheck(source: string, lib: readonly string[], packages: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'client-types-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
  symlinkSync(ROOT, join(folder, 'node_modules/device-aggregator-tunnel'));
  for (const name of packages)
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'use.ts'), source);
  const compilerOptions = {
    target: 'es2022',
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    lib,
    types: packages.includes('@types/node') ? ['node'] : [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));
  const { stdout } = spawnSync(
    process.execPath,
    [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder],
    {
      encoding: 'utf8',
    },
  );
  return stdout;
}

const use = `
  import { connectDevice, connectSubscriber, TunnelError, type DeviceEvent } from 'device-aggregator-tunnel/client';
  const device = connectDevice({ url: 'ws://localhost', id: 'dev-1', WebSocket, token: async () => 'token' });
  const { seq }: { seq: number } = await device.message({ t: 1 }, { ack: true, priority: 'high' });
  const nothing: void = await device.status('charging', { data: seq });
  const subscriber = connectSubscriber({ url: new URL('ws://localhost'), devices: ['dev-1'], WebSocket });
  subscriber.on('gap', ({ device, from, to }) => console.log(device, to - from));
  subscriber.on('state', (state) => {
    if (state.state === 'closed' && state.error instanceof TunnelError) console.log(state.error.hubCode);
  });
  for await (const event of subscriber) {
    const { device, data }: DeviceEvent = event;
    console.log(device, data);
  }
`;

describe('the types of the client', () => {
  it('fit a page, with its WebSocket', () => {
    expect(typeCheck(use, ['es2022', 'dom'], [])).toBe('');
  });

  it('fit Node, with the WebSocket of ws', () => {
    const packages = ['@types/node', '@types/ws', 'ws', 'undici-types'];
    expect(typeCheck(`import { WebSocket } from 'ws';\n${use}`, ['es2022'], packages)).toBe('');
  });

  it('refuse what is wrong', () => {
    const wrong = (line: string): string => typeCheck(`${use}\n${line}`, ['es2022', 'dom'], []);
    expect(wrong("subscriber.on('gaps', () => {});")).toContain('TS2345');
    expect(wrong("device.message(1, { priority: 'urgent' });")).toContain('TS2769');
    expect(wrong('const ack: { seq: number } = await device.message(1);')).toContain('TS2322');
  });
});
