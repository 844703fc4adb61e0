/** `npm run bench:smoke`: small loads on the hub; fails on wrong results only, never on a time. */
import { dat } from '../peers/dat.ts';
import type { Peer } from '../peers/peer.ts';
import { measure } from './measure.ts';
import { smokeShapes } from './shapes.ts';

const withWorkers = dat();
const onMain = dat('dat, no workers', { env: { DAT_FANOUT_WORKERS: '0' } });
const binary = dat('dat, binary', { wire: 'websocket-binary' });
const batched = dat('dat, batches', { wire: 'websocket-batch' });
const binaryBatched = dat('dat, binary batches', { wire: 'websocket-binary-batch' });
const mqtt = dat('dat, MQTT over TCP', { wire: 'mqtt-tcp' });
const mqttWebSocket = dat('dat, MQTT over WebSocket', { wire: 'mqtt-websocket' });
const hubs: Readonly<Record<string, readonly Peer[]>> = {
  'board-small': [withWorkers, onMain, binary, batched, binaryBatched, mqtt, mqttWebSocket],
  'hot-small': [withWorkers, binary],
  'churn-small': [withWorkers, onMain],
};
let wrong = 0;
for (const shape of smokeShapes) {
  for (const hub of hubs[shape.name] ?? [withWorkers]) {
    const run = await measure(hub, shape, () => {});
    const { lost, refused, duplicated, disordered, connectionsLost, receivedInAll, expected } = run;
    const bad = lost + refused + duplicated + disordered + connectionsLost;
    const enough = receivedInAll === expected && expected > 0;
    if (bad > 0 || !enough) wrong += 1;
    const verdict = bad > 0 || !enough ? 'WRONG' : 'ok';
    console.log(
      `${verdict} ${shape.name}, ${hub.name}: ${receivedInAll} of ${expected} deliveries, ${lost} lost, ${refused} refused, ${duplicated} doubled, ${disordered} out of order, ${connectionsLost} readers cut off`,
    );
  }
}
process.exitCode = wrong > 0 ? 1 : 0;
