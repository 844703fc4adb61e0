/** The hub itself, built, with its default settings but for the ports. */
import { fileURLToPath } from 'node:url';
import type { WireName } from '../load/wires/index.ts';
import { localTarget, type Peer } from './peer.ts';
import { jsonLine, start } from './processes.ts';

interface Listening {
  readonly devicePort: number;
  readonly subscriberPort: number;
  readonly adminPort: number;
}

/** @param env settings that differ from the defaults, to compare the hub with itself */
export function dat(
  name = 'dat',
  {
    env = {},
    wire = 'websocket',
    entry = mainFile,
  }: { env?: Record<string, string>; wire?: WireName; entry?: string } = {},
): Peer {
  return {
    name,
    isHub: true,
    cannot: () => undefined,
    async start() {
      const ports = { DAT_DEVICE_PORT: '0', DAT_SUBSCRIBER_PORT: '0', DAT_ADMIN_PORT: '0' };
      const spawned = start(process.execPath, [entry], { ...ports, ...env });
      const { devicePort, subscriberPort, adminPort } = await jsonLine<Listening>(spawned, 'listening');
      return {
        target: localTarget(wire, devicePort, subscriberPort),
        pids: () => [spawned.child.pid!],
        async makeVip(device, subscriber) {
          const answer = await fetch(
            `http://127.0.0.1:${adminPort}/v1/devices/${device}/subscribers/${subscriber}`,
            {
              method: 'PUT',
              headers: { 'content-type': 'application/json' },
              body: '{"vip":true}',
            },
          );
          if (!answer.ok) throw new Error(`vip: ${answer.status} ${await answer.text()}`);
        },
        stop: () => spawned.stop(),
      };
    },
  };
}

const mainFile = fileURLToPath(new URL('../../src/main.js', import.meta.url));
