/** `/v1/subscribe`: subscribers that speak the hub's own protocol. */

import { PATTERN_ACCEPTED } from '../../access/pattern.ts';
import { flagOf } from '../../access/query.ts';
import type { AdmittedUpgrade, RefusedUpgrade, Upgrades } from '../../access/upgrades.ts';
import { errors } from '../../codes.ts';
import { EVERY_MS_MAX, EVERY_MS_MIN, TRANSPORT_FRAME_FACTOR } from '../../limits.ts';
import type {
  Connection,
  ListenerHandlers,
  Route,
  UpgradeAnswer,
  UpgradeRequest,
} from '../../transport/transport.ts';
import { ALL_TYPES, Subprotocol } from '../../wire/events.ts';
import { binarySubscriberCodec, jsonSubscriberCodec } from '../../wire/hub-frames.ts';
import { NO_PAST, parseDevicesQuery, parseSubscriberOp, parseTypesQuery } from '../../wire/subscriber-ops.ts';
import { COST_PER_DEVICE } from '../allowance.ts';
import { isGoodbye } from '../close-by-code.ts';
import type { Edge } from '../edge.ts';
import type { Ask } from './request-queue.ts';
import { SubscriberSession } from './subscriber-session.ts';

export const SUBSCRIBER_PATH = '/v1/subscribe';

type SubscriberConnection = Connection<SubscriberSession>;

const LIST = { op: 'list', named: undefined, types: ALL_TYPES, past: NO_PAST } as const;

export class SubscriberRoute implements ListenerHandlers<SubscriberSession> {
  readonly #edge: Edge;
  readonly #upgrades: Upgrades;

  constructor(edge: Edge, upgrades: Upgrades) {
    this.#edge = edge;
    this.#upgrades = upgrades;
  }

  route(): Route<SubscriberSession> {
    return {
      path: SUBSCRIBER_PATH,
      frameBytesMax: this.#edge.settings.maxMessageBytes * TRANSPORT_FRAME_FACTOR,
      queueBytesMax: this.#edge.queueLimits.transportBytesMax,
      handlers: this,
    };
  }

  upgrade(
    request: UpgradeRequest,
  ): UpgradeAnswer<SubscriberSession> | Promise<UpgradeAnswer<SubscriberSession>> {
    const { remoteAddress } = request; // while the request may still be read
    const admitted = this.#upgrades.admit(request);
    return admitted instanceof Promise
      ? admitted.then((answer) => this.#sessionFor(answer, remoteAddress))
      : this.#sessionFor(admitted, remoteAddress);
  }

  #sessionFor(
    admitted: AdmittedUpgrade | RefusedUpgrade,
    remoteAddress: string,
  ): UpgradeAnswer<SubscriberSession> {
    if (!admitted.ok) return admitted;
    const { query, protocol, actor, idIsGenerated } = admitted;
    const wishes = wishesOf(query);
    if (typeof wishes === 'string')
      return this.#upgrades.refuse(wishes, remoteAddress, idIsGenerated ? undefined : actor.id);
    const edge = this.#edge;
    const session = new SubscriberSession(admitted, edge.nextSession(), edge.clock.wallNow(), {
      codec: protocol === Subprotocol.binary ? binarySubscriberCodec : jsonSubscriberCodec,
      ...wishes,
    });
    return protocol === undefined ? { session } : { session, protocol };
  }

  open(connection: SubscriberConnection): void {
    this.#edge.open(connection.session, connection);
  }

  message({ session }: SubscriberConnection, frame: Uint8Array, binary: boolean): void {
    const edge = this.#edge;
    const now = edge.clock.now();
    if (!edge.accepts(session, frame.length, now)) return;
    edge.heard(session, true, now);
    const parsed = binary
      ? { ok: false as const, ...BINARY_FRAME }
      : parseSubscriberOp(Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString('utf8'));
    const cost = 1 + (parsed.ok ? parsed.ids * COST_PER_DEVICE : 0);
    const isInTime = edge.charge(session, cost, now);
    if (!isInTime) edge.refuseOverRate(session, cost, parsed.id, now);
    else if (!parsed.ok) edge.refuse(session, parsed);
    else if (parsed.op === 'list') edge.request(session, { ...LIST, id: parsed.id }, now);
    else if (parsed.op === 'since') edge.noteSince(session, parsed);
    else if ('named' in parsed) edge.request(session, parsed, now, true);
  }

  controlPong({ session }: SubscriberConnection): void {
    const edge = this.#edge;
    if (!session.closing) edge.heard(session, edge.settings.subscriberActivity === 'pong', edge.clock.now());
  }

  controlPing({ session }: SubscriberConnection): void {
    if (session.closing) return;
    const edge = this.#edge;
    const now = edge.clock.now();
    edge.heard(session, edge.settings.subscriberActivity === 'pong', now);
    edge.charge(session, 1, now);
  }

  writable({ session }: SubscriberConnection): void {
    this.#edge.writable(session);
  }

  dropped({ session }: SubscriberConnection): void {
    this.#edge.deliverer.dropped(session);
  }

  closing({ session }: SubscriberConnection): void {
    this.#edge.closing(session);
  }

  close({ session }: SubscriberConnection, code: number): void {
    this.#edge.close(session, code, isGoodbye(code));
  }
}

const BINARY_FRAME = {
  code: errors.badRequest.code,
  message: 'binary frame; expected a text frame with one JSON object',
  id: '',
} as const;

/** Parses the query of an upgrade. @returns a text if something is wrong with it */
function wishesOf(query: URLSearchParams) {
  const devices = query.get('devices') ?? '';
  const batched = flagOf(query, 'batch');
  if (batched === undefined) return 'batch: expected true or false';
  const hold = flagOf(query, 'hold');
  if (hold === undefined) return 'hold: expected true or false';
  const every = everyOf(query);
  if (every === undefined)
    return `every: expected a whole number of ms from ${EVERY_MS_MIN} to ${EVERY_MS_MAX}`;
  const listed = devices === '' ? undefined : parseDevicesQuery(devices);
  if (listed?.ok === false) return listed.message;
  const types = query.has('types') ? parseTypesQuery(query.get('types')!) : ALL_TYPES;
  if (typeof types !== 'number') return types.message;
  const malformed = listed?.named.malformed[0];
  if (malformed !== undefined)
    return `devices: ${JSON.stringify(malformed)} is not an id; expected ${PATTERN_ACCEPTED}`;
  const wanted: Ask | undefined = listed && {
    op: 'subscribe',
    id: '',
    named: listed.named,
    types,
    past: NO_PAST,
  };
  return { batched, every, hold, wanted };
}

/** @returns the interval, 0 when there is none; undefined when it is wrong */
function everyOf(query: URLSearchParams): number | undefined {
  const text = query.get('every');
  if (text === null) return 0;
  const every = Number(text);
  return /^\d{1,5}$/.test(text) && every >= EVERY_MS_MIN && every <= EVERY_MS_MAX ? every : undefined;
}
