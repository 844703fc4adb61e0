/** What docs/mqtt.md shows, built and run. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readTemplates } from '../../src/wire/mqtt/templates.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { WAIT_MS } from '../support/waits.ts';
import { connect } from './client.ts';
import { startMqttHub } from './harness.ts';

const page = readFileSync(new URL('../../docs/mqtt.md', import.meta.url), 'utf8');
const blockOf = (language: string): string => page.split(`\`\`\`${language}\n`)[1]?.split('```')[0] ?? '';
const hasCompiler = spawnSync('cc', ['--version']).status === 0;
const hasPaho = hasCompiler && existsSync('/usr/include/MQTTClient.h');

describe('docs/mqtt.md', () => {
  it('shows layouts that are accepted', () => {
    const section = page.split('## Existing topic layouts')[1]?.split('\n## ')[0] ?? '';
    const layouts = [...section.matchAll(/`([^`]*=(?:message|status)[^`]*)`/g)].map(
      ([, layout = '']) => layout,
    );
    expect(layouts.length).toBeGreaterThanOrEqual(5);
    for (const layout of layouts)
      expect(readTemplates(layout.split(',')), layout).toMatchObject({ ok: true });
  });

  it.skipIf(!hasPaho)('shows a device in C that runs (libpaho-mqtt-dev)', async () => {
    const directory = temporaryDirectory();
    const [source, program] = [join(directory, 'device.c'), join(directory, 'device')];
    // It gives up after ten seconds, which a busy host may need.
    writeFileSync(source, blockOf('c').replace('WAIT_MS 10000L', `WAIT_MS ${WAIT_MS}L`));
    const warnings = ['-std=gnu11', '-Wall', '-Wextra', '-Werror'];
    await promisify(execFile)('cc', [...warnings, source, '-o', program, '-lpaho-mqtt3c']);
    const hub = await startMqttHub({ needsTokens: true });
    onTestFinished(() => hub.stop());
    const subscriber = await connect(hub, {
      clientId: 'sub',
      username: 'any',
      password: await hub.token({ sub: 'sub', role: 'subscriber' }),
    });
    await subscriber.subscribe('devices/pump-3/#');
    const run = promisify(execFile);
    const token = await hub.token({ sub: 'pump-3', role: 'device' });
    const { stdout } = await run(program, [`tcp://127.0.0.1:${hub.tcpPort}`, 'pump-3', token]);
    expect(stdout.match(/the hub has \{"pressure":\d+\}/g)).toHaveLength(5);
    const texts = await subscriber.texts(7);
    expect(texts[0]).toContain('"online"');
    // A state is urgent: it may come before earlier messages.
    const messages = texts.filter((text) => /^devices\/pump-3\/message \{"pressure":\d+\}$/.test(text));
    expect(messages).toHaveLength(5);
    expect(texts.filter((text) => text.includes('"offline"'))).toHaveLength(1);
    const wrong = run(program, [`tcp://127.0.0.1:${hub.tcpPort}`, 'pump-3', 'wrong']);
    await expect(wrong).rejects.toMatchObject({ code: 1, stderr: 'not connected: 4\n' });
  });
});
