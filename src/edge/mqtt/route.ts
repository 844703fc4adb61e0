/** `/mqtt` on a WebSocket listener, and plain TCP: the transport's side of MQTT connections. */
import type { Admission } from '../../access/admission.ts';
import type { Upgrades } from '../../access/upgrades.ts';
import { TRANSPORT_FRAME_FACTOR } from '../../limits.ts';
import { Counter, type Counters } from '../../memory/counters.ts';
import type { Arrivals } from '../../transport/arrivals.ts';
import type { TcpOptions } from '../../transport/tcp.ts';
import type {
  Connection,
  ListenerHandlers,
  Route,
  UpgradeAnswer,
  UpgradeRequest,
} from '../../transport/transport.ts';
import { Reason } from '../../wire/mqtt/constants.ts';
import { connackFor } from '../../wire/mqtt/first-bytes.ts';
import type { MqttHost } from '../../wire/mqtt/host.ts';
import { CONNECT_MS_MAX } from '../../wire/mqtt/limits.ts';
import { containedHandlers } from '../contained.ts';
import type { Edge } from '../edge.ts';
import { streamsInTurns } from '../in-turns.ts';
import type { MqttPeer } from './peer.ts';

const MQTT_PATH = '/mqtt';
/** Of a connection whose address has or does too much. */
const QUOTA_STATUS = 429;

type MqttConnection = Connection<MqttPeer>;

export interface MqttRouteDeps {
  readonly edge: Edge;
  readonly admission: Admission;
  readonly counters: Counters;
  /** A packet met a bug; its connection ends. */
  readonly frameFailed: (failure: Error) => void;
  /** A connection was refused for its address, or for what its upgrade lacks. */
  readonly refused: (refusal: ReturnType<Admission['refuse']>, address: string) => void;
}

export class MqttRoute implements ListenerHandlers<MqttPeer> {
  readonly #listener: MqttHost['listener'];
  readonly #deps: MqttRouteDeps;
  /** undefined: connections come without an HTTP upgrade. */
  readonly #upgrades: Upgrades | undefined;

  constructor(listener: MqttHost['listener'], deps: MqttRouteDeps, upgrades: Upgrades | undefined) {
    this.#listener = listener;
    this.#deps = deps;
    this.#upgrades = upgrades;
  }

  /** Of a WebSocket listener. */
  route(): Route<MqttPeer> {
    const { edge } = this.#deps;
    return {
      path: MQTT_PATH,
      frameBytesMax: edge.settings.maxMessageBytes * TRANSPORT_FRAME_FACTOR,
      queueBytesMax: edge.queueLimits.transportBytesMax,
      handlers: this.#contained(),
    };
  }

  tcp(arrivals: Arrivals): TcpOptions<MqttPeer> {
    return {
      firstBytesMsMax: CONNECT_MS_MAX,
      silent: () => this.#deps.counters.add(Counter.upgradesTimeout),
      queueBytesMax: this.#deps.edge.queueLimits.transportBytesMax,
      arrivals,
      handlers: this.#contained(),
      refusal: ({ status }, sent) => connackFor(sent, status === QUOTA_STATUS ? 'quota' : 'unavailable'),
    };
  }

  #contained(): ListenerHandlers<MqttPeer> {
    const { edge, counters, frameFailed } = this.#deps;
    const handlers = containedHandlers(this, counters, frameFailed, ({ session }) =>
      edge.mqtt.failed(session),
    );
    return streamsInTurns(
      handlers,
      ({ isGateway }) => isGateway,
      () => edge.gateways.isHeld,
    );
  }

  upgrade(request: UpgradeRequest): UpgradeAnswer<MqttPeer> {
    const { edge, admission, refused } = this.#deps;
    if (this.#upgrades === undefined) {
      const arrived = admission.arrive(request.remoteAddress);
      if (!arrived.ok) refused(arrived, request.remoteAddress);
      return arrived.ok ? { session: edge.mqtt.make(this.#listener, arrived.address) } : arrived;
    }
    const checked = this.#upgrades.check(request);
    if (!checked.ok) return checked;
    if (checked.protocol === undefined) {
      const refusal = admission.refuse('request', 400, 'Sec-WebSocket-Protocol: mqtt is needed');
      refused(refusal, request.remoteAddress);
      return refusal;
    }
    return { session: edge.mqtt.make(this.#listener, checked.address), protocol: checked.protocol };
  }

  open(connection: MqttConnection): void {
    connection.session.opened(connection);
    this.#deps.edge.mqtt.opened(connection.session);
  }

  message({ session }: MqttConnection, bytes: Uint8Array, binary: boolean): void {
    if (binary) session.receive(bytes);
    else session.session.fail({ reason: Reason.malformedPacket, message: 'a text frame; MQTT is binary' });
  }

  /** Keep-alive is MQTT's own; pings of WebSocket keep nothing alive. */
  controlPong(): void {}

  controlPing({ session }: MqttConnection): void {
    if (session.session.isOpen) session.charge(1);
  }

  writable({ session }: MqttConnection): void {
    session.writable();
  }

  dropped({ session }: MqttConnection): void {
    session.dropped();
  }

  closing({ session }: MqttConnection): void {
    session.closing();
  }

  close({ session }: MqttConnection, code: number): void {
    this.#deps.edge.mqtt.closed(session);
    session.closed(code);
  }
}
