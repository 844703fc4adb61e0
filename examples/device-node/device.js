// A device in Node that sends a temperature every second: node examples/device-node/device.js
import { connectDevice } from 'device-aggregator-tunnel/client';
import { WebSocket } from 'ws'; // Node 22 and later have their own

const device = connectDevice({
  url: process.env.DEVICE_URL ?? 'ws://127.0.0.1:7400',
  id: process.env.DEVICE_ID ?? 'thermometer-node',
  token: process.env.DEVICE_TOKEN, // if the hub requires one
  WebSocket,
});
device.on('state', ({ state, error }) => {
  console.log(error === undefined ? state : `${state}: ${error.message}`);
  if (state === 'closed') clearInterval(timer); // final: another connection uses this id, or an operator ended it
});
device.status('measuring');

const timer = setInterval(async () => {
  const temperature = Number((20 + 5 * Math.random()).toFixed(1));
  try {
    const { seq, skipped } = await device.message({ temperature }, { ack: true });
    console.log(`${temperature} °C`, skipped ? 'nobody listens' : `is event ${seq}`);
  } catch (error) {
    console.error(`${temperature} °C`, error.message);
  }
}, 1000);

process.once('SIGINT', () => {
  clearInterval(timer);
  device.close(); // a clean close: the device is offline at once
});
