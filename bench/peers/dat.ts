/** The hub itself, built, with its default settings but for the ports. */
import { fileURLToPath } from 'node:url';
import type { Shape } from '../load/shapes.ts';
import type { WireName } from '../load/wires/index.ts';
import { localTarget, type Peer } from './peer.ts';
import { jsonLine, start } from './processes.ts';

interface Listening {
  readonly devicePort: number;
  readonly subscriberPort: number;
  readonly adminPort: number;
  readonly mqttPort?: number;
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
    cannot: (shape) =>
      wire.startsWith('mqtt') && isOfOwnProtocol(shape) ? 'MQTT has no such form' : undefined,
    async start() {
      const ports = { DAT_DEVICE_PORT: '0', DAT_SUBSCRIBER_PORT: '0', DAT_ADMIN_PORT: '0' };
      const mqtt = wire === 'mqtt-tcp' ? { DAT_MQTT_PORT: '0' } : {};
      const spawned = start(process.execPath, [entry], { ...ports, ...mqtt, ...env });
      const { devicePort, subscriberPort, adminPort, mqttPort } = await jsonLine<Listening>(
        spawned,
        'listening',
      );
      return {
        target:
          mqttPort === undefined
            ? localTarget(wire, devicePort, subscriberPort)
            : localTarget(wire, mqttPort),
        adminUrl: `http://127.0.0.1:${adminPort}`,
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

/** Paces, batches and replays are of the hub's own protocol. */
const isOfOwnProtocol = ({ wire, disturbance }: Shape): boolean =>
  wire !== undefined || disturbance?.replays !== undefined || disturbance?.filterOver !== undefined;

const mainFile = fileURLToPath(new URL('../../src/main.js', import.meta.url));
