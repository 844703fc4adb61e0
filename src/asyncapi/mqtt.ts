/** What the document says of MQTT: where it comes in, its topics, and what they carry. As `document.ts`. */
import { deviceStateNames, stateReasonNames } from '../presence/lifecycle.ts';
import { STATUS_CHARACTERS_MAX } from '../wire/device-frames.ts';
import { ID } from '../wire/id.ts';

type Json = Readonly<Record<string, unknown>>;

const MORE = 'docs/mqtt.md has topic filters, QoS, retained messages, wills, sessions and limits.';
const bindingVersion = '0.2.0';

export const mqttServers: Json = {
  mqtt: {
    host: '127.0.0.1:1883',
    protocol: 'mqtt',
    protocolVersion: '3.1.1, 5.0',
    description:
      'MQTT over TCP, where DAT_MQTT_PORT is set; mqtts if the hub has a certificate. The client id is the id of the ' +
      'device, subscriber or gateway; the password is the token.',
    security: [{ $ref: '#/components/securitySchemes/mqttPassword' }],
  },
};

export const mqttSecurity: Json = {
  mqttPassword: { type: 'userPassword', description: 'The password is the token; the user name is ignored.' },
};

export const mqttMessages: Json = {
  mqttEvent: {
    name: 'mqttEvent',
    summary: 'A message or a pong of a device',
    contentType: 'application/octet-stream',
    payload: {
      type: 'string',
      format: 'binary',
      description:
        'Valid JSON is data for JSON subscribers, anything else data64, nothing data: null. MQTT subscribers get the ' +
        'bytes as they were published.',
    },
  },
  mqttStatus: {
    name: 'mqttStatus',
    summary: 'A status of a device: its text, or an object with data',
    payload: {
      anyOf: [
        { type: 'string', minLength: 1, maxLength: STATUS_CHARACTERS_MAX },
        {
          type: 'object',
          properties: {
            status: { type: 'string', minLength: 1, maxLength: STATUS_CHARACTERS_MAX },
            data: {},
          },
          required: ['status'],
        },
      ],
    },
    examples: [{ payload: 'charging' }, { payload: { status: 'charging', data: { percent: 80 } } }],
  },
  mqttPresence: {
    name: 'mqttPresence',
    summary: 'What the hub says of a device',
    payload: {
      type: 'object',
      properties: {
        state: { type: 'string', enum: deviceStateNames.filter((name) => name !== 'free') },
        reason: { type: 'string', enum: stateReasonNames.filter((name) => name !== undefined) },
      },
      required: ['state'],
    },
    examples: [{ payload: { state: 'online', reason: 'connected' } }],
  },
  mqttInterest: {
    name: 'mqttInterest',
    summary: 'Whether anybody listens to the device; sent only to the device itself',
    payload: { type: 'string', enum: ['1', '0'] },
  },
};

const published = { mqttMessage: 'mqttEvent', mqttPong: 'mqttEvent', mqttStatus: 'mqttStatus' } as const;
const told = { mqttPresence: 'mqttPresence', mqttInterest: 'mqttInterest' } as const;
/** By channel: its type, and its message. */
const topics = { ...published, ...told };
const types = {
  mqttMessage: 'message',
  mqttPong: 'pong',
  mqttStatus: 'status',
  mqttPresence: 'presence',
  mqttInterest: 'interest',
} as const;

export const mqttChannels: Json = {
  ...Object.fromEntries(
    Object.entries(topics).map(([name, message]) => [
      name,
      {
        address: `devices/{device}/${types[name as keyof typeof types]}`,
        title: 'MQTT topic',
        description: `In the default layout; DAT_MQTT_TOPICS replaces it. ${MORE}`,
        servers: ['mqtt', 'devices', 'subscribers'].map((server) => ({ $ref: `#/servers/${server}` })),
        parameters: { device: { description: `The device's id: ${ID.source}` } },
        messages: { [message]: { $ref: `#/components/messages/${message}` } },
      },
    ]),
  ),
  mqttWebSocket: {
    address: '/mqtt',
    title: 'MQTT over WebSocket',
    description: `On both listeners: the MQTT packets of the topics above, in binary frames. ${MORE}`,
    servers: ['devices', 'subscribers'].map((server) => ({ $ref: `#/servers/${server}` })),
    bindings: {
      ws: {
        method: 'GET',
        headers: {
          type: 'object',
          properties: { 'Sec-WebSocket-Protocol': { type: 'string', const: 'mqtt' } },
        },
        bindingVersion: '0.1.0',
      },
    },
  },
};

export const mqttOperations: Json = Object.fromEntries([
  ...Object.keys(published).map((channel) => operation('receive', channel)),
  ...Object.keys(topics).map((channel) => operation('send', channel)),
]);

/** Events are taken at any QoS and delivered at QoS 0. */
function operation(action: 'receive' | 'send', channel: string): [string, Json] {
  const name = `${action}${channel[0]!.toUpperCase()}${channel.slice(1)}`;
  const mqtt = action === 'send' ? { qos: 0, bindingVersion } : { qos: 2, bindingVersion };
  return [name, { action, channel: { $ref: `#/channels/${channel}` }, bindings: { mqtt } }];
}
