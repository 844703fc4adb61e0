/** The AsyncAPI 3 document of what peers speak, made from the schemas beside this file. Not loaded by a running hub. */
import { z } from 'zod';
import { closes } from '../codes.ts';
import { EVERY_MS_MAX, EVERY_MS_MIN } from '../limits.ts';
import { packageVersion } from '../settings/version.ts';
import { Subprotocol } from '../wire/events.ts';
import { ID } from '../wire/id.ts';
import { fromDevice, toDevice } from './device-frames.ts';
import type { FrameDescription } from './frames.ts';
import { fromGateway, toGateway } from './gateway-frames.ts';
import { mqttChannels, mqttMessages, mqttOperations, mqttSecurity, mqttServers } from './mqtt.ts';
import { fromSubscriber, toSubscriber } from './subscriber-frames.ts';

type Json = Readonly<Record<string, unknown>>;
type Frames = Readonly<Record<string, FrameDescription>>;

/** Of the query string. */
const token: Json = { type: 'string', description: 'For clients that cannot send an Authorization header.' };
const flag = (description: string): Json => ({ type: 'string', enum: ['true', 'false'], description });

const closeText = Object.values(closes)
  .map(({ code, reason }) => `${code} ${reason}`)
  .join('; ');

const description = `A hub for device fleets: devices send events, and subscribers get the events of the devices they \
follow. Each text frame is one JSON object. Clients must ignore members that they do not know. Clients that exist may \
speak MQTT 3.1.1 or 5 instead: over TCP (the server mqtt), and over WebSocket at /mqtt of both listeners; docs/mqtt.md has \
the details.

Close codes: ${closeText}. After 4000 to 4099 do not reconnect; after 4100 to 4199 reconnect with backoff; after 4200 to \
4299 reconnect, after reconnectAfterMs if it was given.`;

/** The wire contract as an AsyncAPI document. */
export function asyncApiDocument(): Json {
  const messages: Frames = {
    ...fromDevice,
    ...toDevice,
    ...fromGateway,
    ...toGateway,
    ...fromSubscriber,
    ...toSubscriber,
  };
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Device Aggregator Tunnel',
      version: packageVersion(),
      description,
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    servers: {
      devices: server('127.0.0.1:7400', 'Where devices connect; wss if the hub has a certificate.'),
      subscribers: server('127.0.0.1:7401', 'Where subscribers connect; wss if the hub has a certificate.'),
      ...mqttServers,
    },
    channels: {
      device: channel(
        '/v1/device',
        'devices',
        { ...fromDevice, ...toDevice },
        {
          id: idText("The device's id; optional with a token."),
          interest: flag('true: the device is told whether anybody listens to it.'),
          token,
        },
        subprotocols(Subprotocol.json),
      ),
      gateway: channel(
        '/v1/gateway',
        'devices',
        { ...fromGateway, ...toGateway },
        {
          id: idText("The gateway's id; optional with a token."),
          interest: flag('true: the gateway is told whether anybody listens to its devices.'),
          token,
        },
        subprotocols(Subprotocol.json),
      ),
      subscriber: channel(
        '/v1/subscribe',
        'subscribers',
        { ...fromSubscriber, ...toSubscriber },
        {
          id: idText("The subscriber's id; without one the hub generates it."),
          devices: {
            type: 'string',
            description: 'What to follow at once: ids and filters, separated by commas.',
          },
          types: {
            type: 'string',
            description: 'Only events of these types (message, status, pong), separated by commas.',
          },
          every: {
            type: 'string',
            description: `The newest message and pong of each device once per so many ms: ${EVERY_MS_MIN} to ${EVERY_MS_MAX}.`,
          },
          batch: flag('true: events that leave together arrive in one frame.'),
          hold: flag(
            'true: kept subscriptions wait until they are subscribed to again, for recovery with since.',
          ),
          token,
        },
        subprotocols(...Object.values(Subprotocol)),
      ),
      ...mqttChannels,
    },
    operations: {
      receiveFromDevice: operation('receive', 'device', fromDevice),
      sendToDevice: operation('send', 'device', toDevice),
      receiveFromGateway: operation('receive', 'gateway', fromGateway),
      sendToGateway: operation('send', 'gateway', toGateway),
      receiveFromSubscriber: operation('receive', 'subscriber', fromSubscriber),
      sendToSubscriber: operation('send', 'subscriber', toSubscriber),
      ...mqttOperations,
    },
    components: {
      messages: {
        ...Object.fromEntries(Object.entries(messages).map(([name, frame]) => [name, message(name, frame)])),
        ...mqttMessages,
      },
      securitySchemes: {
        ...mqttSecurity,
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'Required if the hub has keys for tokens; ?token= works too.',
        },
      },
    },
  };
}

function server(host: string, text: string): Json {
  return {
    host,
    protocol: 'ws',
    description: text,
    security: [{ $ref: '#/components/securitySchemes/bearer' }],
  };
}

function idText(text: string): Json {
  return { type: 'string', pattern: ID.source, description: text };
}

/** Of the headers. */
function subprotocols(...names: readonly string[]): Json {
  return { 'Sec-WebSocket-Protocol': { type: 'string', enum: names } };
}

function channel(address: string, at: string, frames: Frames, query: Json, headers: Json): Json {
  return {
    address,
    servers: [{ $ref: `#/servers/${at}` }],
    messages: Object.fromEntries(
      Object.keys(frames).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
    ),
    bindings: {
      ws: {
        method: 'GET',
        query: { type: 'object', properties: query },
        headers: { type: 'object', properties: headers },
        bindingVersion: '0.1.0',
      },
    },
  };
}

function operation(action: 'send' | 'receive', on: string, frames: Frames): Json {
  return {
    action,
    channel: { $ref: `#/channels/${on}` },
    messages: Object.keys(frames).map((name) => ({ $ref: `#/channels/${on}/messages/${name}` })),
  };
}

function message(name: string, { summary, schema, layout, example }: FrameDescription): Json {
  if (schema === undefined)
    return {
      name,
      summary,
      contentType: 'application/octet-stream',
      payload: { type: 'string', format: 'binary', description: layout },
    };
  const { $schema: _, ...payload } = z.toJSONSchema(schema, {
    target: 'draft-7',
    override: openToMembers,
  });
  return { name, summary, payload, ...(example === undefined ? {} : { examples: [{ payload: example }] }) };
}

/** A later hub may add members: only the tests hold this version to exactly these. What a map's values are is kept. */
function openToMembers({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.properties !== undefined) delete jsonSchema.additionalProperties;
}
