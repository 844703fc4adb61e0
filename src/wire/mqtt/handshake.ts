/**
 * From CONNECT to CONNACK: identity, role, will and kept session. The hub answers asynchronously; the connection may be
 * gone by then.
 */
import { closes } from '../../codes.ts';
import {
  announcedTo,
  type ClientTimes,
  connectProblem,
  type MqttSettings,
  startsAsDevice,
  timesOf,
  tokenOf,
  willOf,
} from './connecting.ts';
import { Reason, type Version } from './constants.ts';
import { type Announced, connackAccepted, connackRefused } from './encode.ts';
import type { AdmitAnswer, Joined, MqttHost, PublishedWill, Scope, TokenRole } from './host.ts';
import { type Connect, type Malformed, readConnect } from './packets.ts';
import { connectRefusals } from './reasons.ts';
import type { TopicLayout } from './topics.ts';

/** An admitted client. */
export interface Client {
  readonly version: Version;
  readonly id: string;
  readonly role: TokenRole;
  readonly scope: Scope | undefined;
  /** Whether it is a device from CONNECT on. */
  readonly isDevice: boolean;
  readonly times: ClientTimes;
  /** The largest packet that the client accepts; 0: no limit. */
  readonly packetBytesMax: number;
  /** Whether acknowledgements may carry reason strings. */
  readonly wantsReasons: boolean;
}

/** Placeholder until a client is admitted. */
export const NOBODY: Client = {
  version: 4,
  id: '',
  role: undefined,
  scope: undefined,
  isDevice: false,
  times: { keepAliveMs: 0, keptMs: 0, silenceMsMin: 0 },
  packetBytesMax: 0,
  wantsReasons: false,
};

/** @returns the name of its scope in a kept session */
export const scopeNameOf = ({ scope }: Client): string => scope?.fingerprint ?? '';

/** What the hub says when the client has its id. */
export type LetIn = Extract<Joined, { readonly ok: true }>;

/** The session that runs the handshake. */
export interface Greeter {
  readonly hasEnded: boolean;
  /** The client was refused, and was told so if its protocol allows. @param code of `closes` */
  turnAway(message: string, code: number): void;
  /** The client is admitted; send `connack`. Also called if the connection is gone by then. */
  opened(client: Client, joined: LetIn, connack: Uint8Array): void;
}

export class Handshake {
  readonly #host: MqttHost;
  readonly #layout: TopicLayout;
  readonly #settings: MqttSettings;
  readonly #greeter: Greeter;

  constructor(
    host: MqttHost,
    { layout, settings }: { readonly layout: TopicLayout; readonly settings: MqttSettings },
    greeter: Greeter,
  ) {
    this.#host = host;
    this.#layout = layout;
    this.#settings = settings;
    this.#greeter = greeter;
  }

  /** A CONNECT came in; parameters as for `readConnect`. */
  start(bytes: Uint8Array, head: number, start: number, end: number): void {
    const connect = readConnect(bytes, head, start, end);
    if (!connect.ok) {
      this.#malformed(connect);
      return;
    }
    const problem = connectProblem(connect);
    if (problem !== undefined) {
      this.#refuseCounted(connect, problem.reason, problem.message);
      return;
    }
    const { clientId } = connect;
    this.#host.admit({ clientId, token: tokenOf(connect) }, (admission) =>
      this.#admitted(connect, admission),
    );
  }

  /** 3.1.1 answers only a wrong protocol level. */
  #malformed({ version, reason, message }: Malformed): void {
    this.#host.count('malformed');
    if (version === 5 || (version === 4 && reason === Reason.unsupportedVersion))
      this.#host.write(connackRefused(version, reason, message));
    this.#greeter.turnAway(message, closes.badFrame.code);
  }

  #admitted(connect: Connect, admission: AdmitAnswer): void {
    if (this.#greeter.hasEnded) return;
    if (!admission.ok) {
      this.#refuse(connect, connectRefusals[admission.refusal], admission.message);
      return;
    }
    const { id, role, scope } = admission;
    const announced = announcedTo(connect, id, this.#settings);
    const tooSmall = packetSizeProblem(connect, announced);
    if (tooSmall !== undefined) {
      this.#refuseCounted(connect, Reason.packetTooLarge, tooSmall);
      return;
    }
    let will: PublishedWill | undefined;
    if (connect.will !== undefined) {
      const read = willOf(connect.will, admission, this.#layout, (device) => this.#host.coversDevice(device));
      if ('reason' in read) {
        this.#refuseCounted(connect, read.reason, read.message);
        return;
      }
      will = read;
    }
    const client: Client = {
      version: connect.version,
      id,
      role,
      scope,
      isDevice: startsAsDevice(role, this.#host.listener, will !== undefined),
      times: timesOf(connect, this.#settings),
      packetBytesMax: connect.packetBytesMax,
      wantsReasons: connect.wantsProblemInformation,
    };
    const request = {
      id,
      version: client.version,
      asDevice: client.isDevice,
      asGateway: role === 'gateway',
      cleanStart: connect.cleanStart,
      silenceMsMin: client.times.silenceMsMin,
      will,
    };
    this.#host.join(request, (joined) => {
      if (joined.ok) this.#joined(client, joined, announced);
      else this.#refuseCounted(connect, connectRefusals[joined.refusal], joined.message);
    });
  }

  #joined(client: Client, joined: LetIn, announced: Announced): void {
    const connack = connackAccepted(client.version, joined.kept !== undefined, announced);
    this.#greeter.opened(client, joined, connack);
  }

  /** Refuses what admission has let in, or was not asked about. */
  #refuseCounted(connect: Connect, reason: number, message: string): void {
    if (this.#greeter.hasEnded) return;
    this.#host.count('refusedConnect');
    this.#refuse(connect, reason, message);
  }

  #refuse({ version, packetBytesMax }: Connect, reason: number, message: string): void {
    if (this.#greeter.hasEnded) return;
    const fitting = [message, '']
      .map((text) => connackRefused(version, reason, text))
      .find(({ length }) => packetBytesMax === 0 || length <= packetBytesMax);
    if (fitting !== undefined) this.#host.write(fitting);
    this.#greeter.turnAway(message, closeOf(reason));
  }
}

/** @returns what is wrong, when the client accepts no packet as large as its CONNACK */
function packetSizeProblem({ version, packetBytesMax }: Connect, announced: Announced): string | undefined {
  if (packetBytesMax === 0) return undefined;
  const { length } = connackAccepted(version, false, announced);
  if (length <= packetBytesMax) return undefined;
  return `maximum packet size ${packetBytesMax}; expected at least ${length}`;
}

function closeOf(reason: number): number {
  switch (reason) {
    case Reason.badCredentials:
      return closes.badToken.code;
    case Reason.notAuthorized:
      return closes.denied.code;
    case Reason.quotaExceeded:
    case Reason.serverUnavailable:
      return closes.overCapacity.code;
    default:
      return closes.badFrame.code;
  }
}
