/** Paho for Python, as Debian has it, against the hub. */
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { TEST_MS } from '../support/waits.ts';
import { type MqttHub, startMqttHub } from './harness.ts';

/** Debian's has Debian's packages, whatever other Python comes first. */
const pythons = ['python3', '/usr/bin/python3'];
const python = pythons.find((command) => spawnSync(command, ['-c', 'import paho.mqtt']).status === 0);
const SCRIPT = fileURLToPath(new URL('paho-client.py', import.meta.url));

const ways = ['tcp', 'websockets'] as const;
const matrix = ways.flatMap((way) => ([4, 5] as const).map((version) => ({ way, version })));

describe.skipIf(python === undefined)('Paho for Python (python3-paho-mqtt)', () => {
  let hub: MqttHub;
  beforeAll(async () => {
    hub = await startMqttHub({ leaveGraceMs: 300 });
    return () => hub.stop();
  });

  it.each(matrix)(
    'publishes, follows, comes back and has its will, $way, version $version',
    async ({ way, version }) => {
      const port = way === 'tcp' ? hub.tcpPort : hub.subscriberPort;
      const args = ['-u', SCRIPT, String(port), way, String(version)];
      const { stdout } = await promisify(execFile)(python ?? '', args, { timeout: TEST_MS });
      const said = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { step: string; value: unknown });
      const dev = `paho-${way}-${version}`;
      const refused = version === 5 ? 0x8f : 0x80;
      const flag = (present: boolean): number => Number(present);
      expect(said).toEqual([
        { step: 'session', value: flag(false) },
        { step: 'granted', value: [0, refused] },
        {
          step: 'online',
          value: [`devices/${dev}/presence`, '{"state":"online","reason":"connected"}', false],
        },
        ...[0, 1, 2].map((qos) => ({
          step: 'message',
          value: [`devices/${dev}/message`, `{"qos": ${qos}}`, false],
        })),
        { step: 'retained', value: [`devices/${dev}/message`, '{"qos": 2}', true] },
        { step: 'session', value: flag(true) },
        { step: 'will', value: [`devices/${dev}/status`, 'gone', false] },
        {
          step: 'offline',
          value: [`devices/${dev}/presence`, expect.stringContaining('"state":"offline"'), false],
        },
      ]);
    },
  );
});
