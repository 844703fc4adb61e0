// A device over MQTT that sends a temperature every second: node examples/mqtt-js/device.js
// Needs the package mqtt: npm install mqtt. Over WebSocket: MQTT_URL=ws://127.0.0.1:7400/mqtt
import mqtt from 'mqtt';

const id = process.env.DEVICE_ID ?? 'thermometer-mqtt';
const topic = (type) => `devices/${id}/${type}`;

const client = mqtt.connect(process.env.MQTT_URL ?? 'mqtt://127.0.0.1:1883', {
  protocolVersion: 5,
  clientId: id, // the client id is the device's id
  username: 'device', // the hub ignores it, but MQTT 3.1.1 requires one with a password
  password: process.env.DEVICE_TOKEN,
  // The hub publishes it when this device is lost without a goodbye.
  will: { topic: topic('status'), payload: Buffer.from('lost'), qos: 1, retain: false },
});
client.on('error', (error) => console.error(error.message));
client.on('connect', () => client.publish(topic('status'), 'measuring', { qos: 1 }));

const timer = setInterval(async () => {
  const temperature = Number((20 + 5 * Math.random()).toFixed(1));
  try {
    // Resolves when the hub has the event; without a connection it waits for the next one.
    await client.publishAsync(topic('message'), JSON.stringify({ temperature }), { qos: 1 });
    console.log(`${temperature} °C is with the hub`);
  } catch (error) {
    console.error(`${temperature} °C`, error.message);
  }
}, 1000);

process.once('SIGINT', async () => {
  clearInterval(timer);
  await client.endAsync(); // a goodbye: the device is offline at once
});
