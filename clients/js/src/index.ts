/**
 * The client for devices and subscribers, in browsers and Node: `import { … } from 'device-aggregator-tunnel/client'`.
 * No dependency, and nothing of the hub but a few constants of the wire. docs/client.md is its guide.
 * @module
 */
export type { ReconnectOptions } from './backoff.ts';
export type { ConnectionEvents, ConnectionState, ConnectOptions } from './connection.ts';
export {
  type AckOptions,
  connectDevice,
  type Device,
  type DeviceOptions,
  type EventOptions,
  type StatusData,
} from './device.ts';
export { TunnelError, type TunnelErrorCode } from './errors.ts';
export type { EventStream } from './event-stream.ts';
export type {
  Ack,
  Changed,
  DeviceEvent,
  Gap,
  ListedSubscription,
  Refusal,
  Removal,
  Snapshot,
  StatusNotice,
  Subscribed,
} from './frames.ts';
export type { SocketConstructor, SocketEvent, SocketLike } from './socket.ts';
export {
  connectSubscriber,
  type Subscriber,
  type SubscriberEvents,
  type SubscriberOptions,
} from './subscriber.ts';
