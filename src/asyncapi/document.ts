/** The AsyncAPI 3 document of the WebSocket side, made of the schemas in `frames.ts`. Not loaded by a running hub. */
import { z } from 'zod';
import { closes } from '../codes.ts';
import { packageVersion } from '../settings/version.ts';
import { Subprotocol } from '../wire/events.ts';
import { ID } from '../wire/id.ts';
import { type FrameDescription, fromDevice, fromSubscriber, toDevice, toSubscriber } from './frames.ts';

type Json = Readonly<Record<string, unknown>>;
type Frames = Readonly<Record<string, FrameDescription>>;

const closeText = Object.values(closes)
  .map(({ code, reason }) => `${code} ${reason}`)
  .join('; ');

const description = `A hub for fleets of devices: devices send events, subscribers get those of the devices that they \
follow. Text frames are one JSON object each; members of the hub's frames that a client does not know are to be ignored.

Close codes: ${closeText}. 4000 to 4099 mean not to reconnect, 4100 to 4199 to reconnect backing off, 4200 to 4299 to \
reconnect, after reconnectAfterMs where given.`;

export function asyncApiDocument(): Json {
  const messages: Frames = { ...fromDevice, ...toDevice, ...fromSubscriber, ...toSubscriber };
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
      devices: server('127.0.0.1:7400', 'Where devices connect; wss where the hub has a certificate.'),
      subscribers: server(
        '127.0.0.1:7401',
        'Where subscribers connect; wss where the hub has a certificate.',
      ),
    },
    channels: {
      device: channel(
        '/v1/device',
        'devices',
        { ...fromDevice, ...toDevice },
        {
          id: idText("The device's id; with a token it may be left out."),
          token: { type: 'string', description: 'Where no Authorization header can be sent.' },
        },
      ),
      subscriber: channel(
        '/v1/subscribe',
        'subscribers',
        { ...fromSubscriber, ...toSubscriber },
        {
          id: idText("The subscriber's id; without one the hub makes one up."),
          devices: { type: 'string', description: 'Devices to follow at once: ids separated by commas.' },
          batch: {
            type: 'string',
            enum: ['true', 'false'],
            description: 'true: events that leave together come in one frame.',
          },
          token: { type: 'string', description: 'Where no Authorization header can be sent.' },
        },
        {
          'Sec-WebSocket-Protocol': { type: 'string', enum: Object.values(Subprotocol) },
        },
      ),
    },
    operations: {
      receiveFromDevice: operation('receive', 'device', fromDevice),
      sendToDevice: operation('send', 'device', toDevice),
      receiveFromSubscriber: operation('receive', 'subscriber', fromSubscriber),
      sendToSubscriber: operation('send', 'subscriber', toSubscriber),
    },
    components: {
      messages: Object.fromEntries(
        Object.entries(messages).map(([name, frame]) => [name, message(name, frame)]),
      ),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'Needed where the hub has keys for tokens; ?token= does as well.',
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

function channel(address: string, at: string, frames: Frames, query: Json, headers?: Json): Json {
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
        ...(headers === undefined ? {} : { headers: { type: 'object', properties: headers } }),
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
    // A later hub may say more in a frame; the tests alone hold this one to what is written here.
    override: ({ jsonSchema }) => void delete jsonSchema.additionalProperties,
  });
  return { name, summary, payload, ...(example === undefined ? {} : { examples: [{ payload: example }] }) };
}
