/** `npm run bench:smoke`: small loads on the hub; fails on wrong results only, never on a time. */
import { dat } from '../peers/dat.ts';
import type { Peer } from '../peers/peer.ts';
import { measure } from './measure.ts';
import { smokeShapes } from './shapes.ts';
import type { WireName } from './wires/index.ts';

/** A hub on a host that may be too slow for it: it must not turn peers away because it is late. */
const hub = (name: string, wire: WireName = 'websocket', env: Record<string, string> = {}): Peer =>
  dat(name, { wire, env: { DAT_OVERLOAD_LAG_MS: '0', ...env } });
const withWorkers = hub('dat');
const onMain = hub('dat, no workers', 'websocket', { DAT_FANOUT_WORKERS: '0' });
const binary = hub('dat, binary', 'websocket-binary');
const batched = hub('dat, batches', 'websocket-batch');
const binaryBatched = hub('dat, binary batches', 'websocket-binary-batch');
const mqtt = hub('dat, MQTT over TCP', 'mqtt-tcp');
const mqttWebSocket = hub('dat, MQTT over WebSocket', 'mqtt-websocket');
const hubs: Readonly<Record<string, readonly Peer[]>> = {
  'board-small': [withWorkers, onMain, binary, batched, binaryBatched, mqtt, mqttWebSocket],
  'hot-small': [withWorkers, binary],
  'churn-small': [withWorkers, onMain],
};
let wrong = 0;
for (const shape of smokeShapes) {
  for (const peer of hubs[shape.name] ?? [withWorkers]) {
    const run = await measure(peer, shape, () => {});
    const { lost, refused, duplicated, disordered, connectionsLost, receivedInAll, expected } = run;
    const bad = lost + refused + duplicated + disordered + connectionsLost;
    const enough = receivedInAll === expected && expected > 0;
    if (bad > 0 || !enough) wrong += 1;
    const verdict = bad > 0 || !enough ? 'WRONG' : 'ok';
    console.log(
      `${verdict} ${shape.name}, ${peer.name}: ${receivedInAll} of ${expected} deliveries, ${lost} lost, ${refused} refused, ${duplicated} doubled, ${disordered} out of order, ${connectionsLost} readers cut off`,
    );
  }
}
process.exitCode = wrong > 0 ? 1 : 0;
