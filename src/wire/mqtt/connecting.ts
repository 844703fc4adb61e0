/** Pure rules for CONNECT: client ids, roles, wills and times. */
import { EventType } from '../events.ts';
import { isId } from '../id.ts';
import { Reason } from './constants.ts';
import type { Announced } from './encode.ts';
import type { MqttHost, PublishedWill, TokenRole } from './host.ts';
import {
  KEEP_ALIVE_FACTOR,
  OPEN_PACKET_IDS_MAX,
  PASSWORD_BYTES_MAX,
  SILENCE_MS_MIN,
  TOPIC_ALIAS_MAX,
} from './limits.ts';
import type { Connect, ConnectWill, Disconnect } from './packets.ts';
import { createStatusParts, isJson, readStatus } from './payloads.ts';
import { Kind } from './templates.ts';
import { PUBLISHABLE, type TopicLayout } from './topics.ts';

export interface MqttSettings {
  /** The largest packet that is accepted, fixed header included. */
  readonly packetBytesMax: number;
  /** The longest that the hub keeps a session after its connection, ms. */
  readonly keptMsMax: number;
  /** In MQTT 5, a longer keep-alive (or none) is reduced to this, seconds; 0: never. */
  readonly keepAliveSecondsMax: number;
}

export interface ConnectProblem {
  readonly reason: number;
  readonly message: string;
}

const ID_EXPECTED = 'client id: expected 1 to 128 of A-Z a-z 0-9 . _ : ~ -';

/** Checks that need no answer from the hub. @returns undefined when the CONNECT is fine */
export function connectProblem(connect: Connect): ConnectProblem | undefined {
  const { clientId, version, cleanStart, hasAuthentication } = connect;
  if (hasAuthentication)
    return { reason: Reason.badAuthenticationMethod, message: 'no authentication method is supported' };
  if (clientId !== '' && !isId(clientId)) return { reason: Reason.clientIdNotValid, message: ID_EXPECTED };
  if (clientId === '' && version === 4 && !cleanStart)
    return { reason: Reason.clientIdNotValid, message: 'an empty client id needs a clean session' };
  return undefined;
}

/** @returns the token in the password. Passwords too long for any token are not decoded */
export function tokenOf({ password }: Connect): string {
  if (password === undefined) return '';
  if (password.length > PASSWORD_BYTES_MAX) return 'too long';
  return Buffer.from(password).toString('latin1');
}

/** Whether the client is a device from CONNECT on. Otherwise it may become one later. */
export function startsAsDevice(role: TokenRole, listener: MqttHost['listener'], hasWill: boolean): boolean {
  if (role !== undefined) return role === 'device';
  return listener === 'device' || hasWill;
}

/** Whether the client may be the device of its id. */
export function mayBeDevice(role: TokenRole): boolean {
  return role === undefined || role === 'device';
}

/** @returns the will as the hub publishes it, or why the client may not have it */
export function willOf(
  { topic, payload, delaySeconds }: ConnectWill,
  client: { readonly id: string; readonly role: TokenRole },
  layout: TopicLayout,
  coversDevice: (device: string) => boolean,
): PublishedWill | ConnectProblem {
  const located = layout.locate(topic);
  const { id, role } = client;
  const isOwn =
    located !== undefined && (role === 'gateway' ? coversDevice(located.device) : located.device === id);
  if (!isOwn || role === 'subscriber' || (located.kind & PUBLISHABLE) === 0)
    return {
      reason: Reason.notAuthorized,
      message: 'the will is on a topic that this client may not publish to',
    };
  const delayMs = delaySeconds === undefined ? undefined : delaySeconds * 1000;
  const end = payload.length;
  const will = { device: located.device, payload, delayMs };
  if (located.kind !== Kind.status) {
    const type = located.kind === Kind.message ? EventType.message : EventType.pong;
    const payloadIsJson = end === 0 || isJson(payload, 0, end);
    return { ...will, type, status: '', payloadIsJson, dataStart: 0, dataEnd: end };
  }
  const parts = createStatusParts();
  const problem = readStatus(payload, 0, end, parts);
  if (problem !== undefined) return { reason: Reason.payloadFormatInvalid, message: `the will: ${problem}` };
  return { ...will, type: EventType.status, payloadIsJson: true, ...parts };
}

/** Time limits of one client, from its CONNECT and the hub's settings. */
export interface ClientTimes {
  /** 0: none. */
  readonly keepAliveMs: number;
  /** How long the session outlives its connection, ms; 0: not at all. */
  readonly keptMs: number;
  readonly silenceMsMin: number;
}

/** The times of a client, ms: what it asks for, within the limits of the settings. */
export function timesOf(connect: Connect, settings: MqttSettings): ClientTimes {
  const keepAliveMs = keepAliveSeconds(connect, settings) * 1000 * KEEP_ALIVE_FACTOR;
  return {
    keepAliveMs,
    keptMs: keptMsOf(connect, settings),
    silenceMsMin: keepAliveMs === 0 ? Number.POSITIVE_INFINITY : Math.max(keepAliveMs, SILENCE_MS_MIN),
  };
}

function keepAliveSeconds(
  { version, keepAliveSeconds: asked }: Connect,
  { keepAliveSecondsMax }: MqttSettings,
): number {
  const isCut = version === 5 && keepAliveSecondsMax > 0 && (asked === 0 || asked > keepAliveSecondsMax);
  return isCut ? keepAliveSecondsMax : asked;
}

function keptMsOf(
  { version, cleanStart, sessionExpirySeconds }: Connect,
  { keptMsMax }: MqttSettings,
): number {
  if (version === 4) return cleanStart ? 0 : keptMsMax;
  return expiryMs(sessionExpirySeconds, keptMsMax);
}

const NEVER_SECONDS = 0xffffffff;

/**
 * @param keptMs how long the session would be kept without this DISCONNECT, ms
 * @returns how long it is kept; undefined: DISCONNECT has an interval where CONNECT had none, which MQTT forbids
 */
export function keptMsAfter(
  { sessionExpirySeconds }: Disconnect,
  keptMs: number,
  { keptMsMax }: MqttSettings,
): number | undefined {
  if (sessionExpirySeconds === undefined) return keptMs;
  if (keptMs === 0 && sessionExpirySeconds > 0) return undefined;
  return expiryMs(sessionExpirySeconds, keptMsMax);
}

/** @returns a Session Expiry Interval, limited by what the hub keeps, ms */
function expiryMs(seconds: number, keptMsMax: number): number {
  return seconds === NEVER_SECONDS ? keptMsMax : Math.min(seconds * 1000, keptMsMax);
}

/** The properties of CONNACK in MQTT 5. */
export function announcedTo(connect: Connect, id: string, settings: MqttSettings): Announced {
  const keptSeconds = Math.floor(keptMsOf(connect, settings) / 1000);
  const keepAlive = keepAliveSeconds(connect, settings);
  return {
    receiveMaximum: OPEN_PACKET_IDS_MAX,
    packetBytesMax: settings.packetBytesMax,
    topicAliasMaximum: TOPIC_ALIAS_MAX,
    ...(connect.clientId === '' ? { assignedClientId: id } : {}),
    ...(keptSeconds !== connect.sessionExpirySeconds ? { sessionExpirySeconds: keptSeconds } : {}),
    ...(keepAlive !== connect.keepAliveSeconds ? { serverKeepAliveSeconds: keepAlive } : {}),
  };
}
