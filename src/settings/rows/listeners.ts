/** Settings of the group Listeners: addresses, ports, transports and TLS. */
import { DEFAULT_TEMPLATES } from '../../wire/mqtt/templates.ts';
import { hostAddress, oneOf, text, topicTemplates, wholeNumber, wordOrNumber } from '../kinds.ts';
import { row } from '../row.ts';

const port = wholeNumber(0, 65535, 'port');

export const listenersRows = {
  host: row({
    kind: hostAddress,
    default: '127.0.0.1',
    group: 'Listeners',
    meaning:
      'Address that all listeners bind to. An address that other machines can reach needs ' +
      '`DAT_ADMIN_TOKEN`, and also authentication or `DAT_INSECURE=true`.',
  }),
  devicePort: row({
    kind: port,
    default: 7400,
    group: 'Listeners',
    meaning:
      'Port for devices (WebSocket, `/v1/device`). 0 picks any free port. Each listener needs a port of its own.',
  }),
  subscriberPort: row({
    kind: port,
    default: 7401,
    group: 'Listeners',
    meaning: 'Port for subscribers (WebSocket, `/v1/subscribe`). 0 picks any free port.',
  }),
  adminPort: row({
    kind: port,
    default: 7402,
    group: 'Listeners',
    meaning:
      'Port for the admin API, metrics, health checks and the dashboard (HTTP). 0 picks any free port.',
  }),
  mqttPort: row({
    kind: wordOrNumber('off', 0, 65535),
    default: 'off',
    group: 'Listeners',
    meaning:
      'Port for MQTT over TCP, and over TLS if the hub has a certificate. `off`: no such listener; MQTT over WebSocket ' +
      'is served on the other ports at `/mqtt`. 0 picks any free port.',
  }),
  mqttTopics: row({
    kind: topicTemplates,
    default: DEFAULT_TEMPLATES as readonly string[],
    group: 'Listeners',
    meaning:
      'Topics of MQTT clients, as a list of `TEMPLATE=TYPE`, such as `factory/{device}/telemetry=message`. `{device+}` ' +
      'stands for one or more levels, joined by dots in the id; `{type}` for each type.',
  }),
  transport: row({
    kind: oneOf('auto', 'uws', 'ws'),
    default: 'auto',
    group: 'Listeners',
    meaning:
      'WebSocket library. `uws` is uWebSockets.js; the hub does not start if its binary does not load. ' +
      '`ws` is slower and runs everywhere. `auto` takes uWebSockets.js if it loads, otherwise `ws`, and ' +
      'logs which.',
  }),
  tlsCertFile: row({
    kind: text('the path of a PEM file', 'file'),
    default: '',
    defaultText: 'none',
    group: 'Listeners',
    reloadable: true,
    meaning:
      "TLS certificate for all listeners, in PEM form: the server's own certificate first, then the " +
      'intermediates. With it and `DAT_TLS_KEY_FILE`, the hub accepts only wss and https.',
  }),
  tlsKeyFile: row({
    kind: text('the path of a PEM file', 'file'),
    default: '',
    defaultText: 'none',
    group: 'Listeners',
    reloadable: true,
    meaning: 'Private key of the certificate, in PEM form, without a passphrase.',
  }),
  tlsEnd: row({
    kind: oneOf('front', 'uws'),
    default: 'front',
    group: 'Listeners',
    meaning:
      'Where TLS ends when uWebSockets.js carries the connections. `front`: in two threads in front of it; a ' +
      'connection takes three open files. `uws`: in the library, with less CPU and memory. The library loses what a ' +
      'peer sends together with the end of TLS, such as its last event, and some clients report 1006 for every close.',
  }),
} as const;
