/**
 * Devices, subscribers and gateways of a Device Aggregator Tunnel, in browsers and Node:
 * `import { … } from 'device-aggregator-tunnel-client'`. No dependencies. docs/client.md is the guide.
 * @module
 */
export type { ReconnectOptions } from './backoff.ts';
export type { FollowOptions } from './checks.ts';
export type { ConnectionEvents, ConnectionState, ConnectOptions } from './connection.ts';
export { connectDevice, type Device, type DeviceEvents, type DeviceOptions } from './device.ts';
export type { Emitter } from './emitter.ts';
export { TunnelError, type TunnelErrorCode } from './errors.ts';
export type { EventStream } from './event-stream.ts';
export type {
  Ack,
  Changed,
  DeviceEvent,
  DeviceMessage,
  DevicePong,
  DeviceState,
  DeviceStatus,
  EventBase,
  FilterMatch,
  Gap,
  ListedSubscription,
  Presence,
  PresenceChange,
  Refusal,
  Removal,
  Snapshot,
  StatusNotice,
  Subscribed,
} from './frames.ts';
export {
  connectGateway,
  type Gateway,
  type GatewayClosure,
  type GatewayDevice,
  type GatewayDeviceEvents,
  type GatewayEvents,
  type GatewayOptions,
} from './gateway.ts';
export type { AckOptions, EventOptions, Sender, StatusData } from './sender.ts';
export type { SocketConstructor, SocketEvent, SocketLike } from './socket.ts';
export { connectSubscriber, type Subscriber } from './subscriber.ts';
export type { SubscriberEvents, SubscriberOptions } from './subscriber-options.ts';
export type { EventTypeName, PriorityName } from './wire.ts';
