// Follows every device over MQTT: node examples/mqtt-js/follow.js ['devices/site-a.1/#' ...]
// Needs the package mqtt: npm install mqtt. Over WebSocket: MQTT_URL=ws://127.0.0.1:7401/mqtt
import mqtt from 'mqtt';

const filters = process.argv.slice(2);
if (filters.length === 0) filters.push('devices/+/message', 'devices/+/status', 'devices/+/presence');

const client = mqtt.connect(process.env.MQTT_URL ?? 'mqtt://127.0.0.1:1883', {
  protocolVersion: 5,
  clientId: process.env.SUBSCRIBER_ID ?? '', // empty: the hub generates one
  username: 'subscriber',
  password: process.env.SUBSCRIBER_TOKEN,
});
client.on('error', (error) => console.error(error.message));
client.on('message', (topic, payload, { retain }) => {
  console.log(retain ? 'kept' : 'live', topic, payload.toString());
});
client.on('connect', async () => {
  for (const filter of filters) {
    try {
      await client.subscribeAsync(filter, { qos: 0 });
    } catch (error) {
      console.error(`${filter}: ${error.message}`); // not a topic of this hub, or not allowed
    }
  }
  console.log('following', filters.join(' '));
});
process.once('SIGINT', () => client.end());
