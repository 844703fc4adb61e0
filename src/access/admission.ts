/**
 * Who is admitted. Asked in two steps, cheapest first: `arrive` when a connection comes from an address, `admit` once
 * the peer's credentials are known, which may be after the connection is open (MQTT). One per thread that holds
 * connections. Knows nothing of HTTP: that is `upgrades.ts`.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { Counter, type CounterName, type Counters } from '../memory/counters.ts';
import type { PeerRole } from '../roles.ts';
import { ID_ACCEPTED, isId } from '../wire/id.ts';
import { type Actor, authorize } from './actor.ts';
import { type AdmissionMemory, AdmissionState } from './admission-state.ts';
import type { TokenConfig } from './keys.ts';
import { type Verified, Verifier } from './verifier.ts';

export interface AdmissionSettings {
  readonly maxConnectionsPerAddress: number;
  readonly connectionsPerSecondPerAddress: number;
  readonly authFailuresPerMinute: number;
  readonly authBanMs: number;
}

export interface AdmissionDeps {
  readonly memory: AdmissionMemory;
  /** The thread's place among those that hold connections; main is 0. */
  readonly thread: number;
  readonly settings: AdmissionSettings;
  /** undefined: no token is needed. */
  readonly tokens: TokenConfig | undefined;
  readonly clock: Clock;
  readonly counters: Counters;
}

/** Why peers are refused, and where each is counted. */
export const refusalCounters = {
  draining: 'upgradesDraining',
  overload: 'upgradesOverload',
  capacity: 'upgradesCapacity',
  address_connections: 'upgradesAddress',
  address_rate: 'upgradesRate',
  banned: 'upgradesBanned',
  host: 'upgradesHost',
  origin: 'upgradesOrigin',
  token: 'upgradesToken',
  role: 'upgradesRole',
  id: 'upgradesId',
  request: 'upgradesRequest',
  timeout: 'upgradesTimeout',
  crowded: 'upgradesCrowded',
} as const satisfies Record<string, CounterName>;
export type RefusalReason = keyof typeof refusalCounters;

export interface Refused {
  readonly ok: false;
  /** For protocols that have codes of their own. */
  readonly reason: RefusalReason;
  /** HTTP's. */
  readonly status: number;
  readonly message: string;
  /** When to try again, seconds; undefined: not without a change. */
  readonly retryAfterSeconds?: number;
}

/** A connection may come from the address. */
export interface Arrived {
  readonly ok: true;
  /** Stands for the address in `admit`, `opened` and `closed`. */
  readonly address: number;
}

/** What a peer says of itself. */
export interface Credentials {
  /** From `arrive`. */
  readonly address: number;
  /** undefined or '': it gave none. */
  readonly token: string | undefined;
  /** The id that it asks for; undefined: its token says, or one is generated. */
  readonly id: string | undefined;
  /** What it connects as; undefined: its token says. */
  readonly role: PeerRole | undefined;
  /** The connection is open and counted already: no room is needed for it. */
  readonly isOpen?: boolean;
}

export interface Admitted {
  readonly ok: true;
  readonly actor: Actor;
  /** The peer gave no id and none was in a token. */
  readonly idIsGenerated: boolean;
  /** Stands for the peer's address, for `opened` and `closed`. */
  readonly address: number;
  /** Hub clock, whole ms: when the token expires; 0 is never. */
  readonly expiresAt: number;
}

/** For peers that are refused for the moment; their own backoff spreads them out. */
const RETRY_SECONDS = 1;

export class Admission {
  readonly state: AdmissionState;
  /** undefined: no token is needed. */
  readonly verifier: Verifier | undefined;
  readonly #deps: AdmissionDeps;
  #draining = false;

  /** What an earlier thread of the same number counted is forgotten: its connections are gone. */
  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
    this.state = new AdmissionState(deps.memory, deps.thread);
    this.state.addresses.forgetConnections();
    this.verifier =
      deps.tokens === undefined ? undefined : new Verifier(deps.tokens, () => deps.clock.wallNow());
  }

  /** From now on nobody is admitted. */
  startDraining(): void {
    this.#draining = true;
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  /**
   * A connection comes from the address: checks what does not depend on who the peer is. Counts it towards the
   * address's rate.
   * @param address in text form
   */
  arrive(address: string): Arrived | Refused {
    const { settings, clock } = this.#deps;
    const { addresses } = this.state;
    const cell = addresses.cellOf(address);
    const { connectionsPerSecondPerAddress: perSecond } = settings;
    const refusal = this.#refusalForDrainOrBan(cell);
    if (refusal !== undefined) return refusal;
    if (perSecond > 0 && addresses.arrived(cell, clock.now()) > perSecond) {
      return this.#refuseForNow('address_rate', 429, `more than ${perSecond} connections per second`);
    }
    const full = this.#refusalForRoom(cell);
    if (full !== undefined) return full;
    if (this.state.isOverloaded()) return this.#refuseForNow('overload', 503, 'the hub is overloaded');
    return { ok: true, address: cell };
  }

  /** Answers at once if no token has to be verified. Never rejects. */
  admit(credentials: Credentials): Admitted | Refused | Promise<Admitted | Refused> {
    const { address, token = '' } = credentials;
    if (this.verifier === undefined) return this.#admitUnknown(credentials);
    const refusal = this.#refusalForDrainOrBan(address);
    if (refusal !== undefined) return refusal;
    if (token === '') return this.refuse('token', 401, 'a token is needed');
    return this.verifier.verify(token).then((verified) => this.#judge(verified, credentials));
  }

  /** The connection of a peer is open. */
  opened(address: number): void {
    this.state.addresses.count(address, 1);
  }

  /** A connection for which `opened` was called is closed. */
  closed(address: number): void {
    this.state.addresses.count(address, -1);
  }

  /** Refuses for a reason of the protocol, and counts it. */
  refuse(reason: RefusalReason, status: number, message: string): Refused {
    this.#deps.counters.add(Counter[refusalCounters[reason]]);
    return { ok: false, reason, status, message };
  }

  #refusalForDrainOrBan(address: number): Refused | undefined {
    if (this.#draining) return this.refuse('draining', 503, 'the hub is draining');
    const banSeconds = this.state.addresses.bannedForSeconds(address, this.#deps.clock.now());
    if (banSeconds === 0) return undefined;
    return this.#refuseForNow('banned', 429, 'too many wrong tokens from this address', banSeconds);
  }

  #refusalForRoom(address: number): Refused | undefined {
    const { maxConnectionsPerAddress: connectionsMax } = this.#deps.settings;
    if (connectionsMax > 0 && this.state.addresses.connections(address) >= connectionsMax) {
      const message = `more than ${connectionsMax} connections from this address`;
      return this.#refuseForNow('address_connections', 429, message);
    }
    if (!this.state.hasRoom()) {
      return this.#refuseForNow('capacity', 503, 'the hub is at its connection limit');
    }
    return undefined;
  }

  #admitUnknown(credentials: Credentials): Admitted | Refused {
    const { address, id: asked } = credentials;
    const role = credentials.role ?? 'anyone';
    const id = asked ?? generatedId(role);
    if (!isId(id)) return this.refuse('id', 400, `id: expected ${ID_ACCEPTED}`);
    const actor: Actor = { role, id, devices: undefined, vip: false };
    return { ok: true, actor, idIsGenerated: asked === undefined, address, expiresAt: 0 };
  }

  #judge(verified: Verified, { address, id, role, isOpen }: Credentials): Admitted | Refused {
    const { clock } = this.#deps;
    if (this.#draining) return this.refuse('draining', 503, 'the hub is draining');
    if (!verified.ok) {
      if (verified.status === 503) return this.#refuseForNow('token', 503, verified.message);
      this.#noteFailure(address);
      return this.refuse('token', 401, verified.message);
    }
    const { actor, expiresAt } = verified;
    switch (authorize(actor, { kind: 'connect', role, id })) {
      case 'wrongRole':
        return this.refuse(
          'role',
          403,
          `the token is not for ${role === undefined ? 'a peer' : `the role ${role}`}`,
        );
      case 'otherId':
        return this.refuse('id', 403, "the id is not the token's sub");
      default:
    }
    // Others came in while the token was verified.
    const full = isOpen === true ? undefined : this.#refusalForRoom(address);
    if (full !== undefined) return full;
    const validMs = expiresAt === undefined ? 0 : expiresAt - clock.wallNow();
    return {
      ok: true,
      actor,
      idIsGenerated: false,
      address,
      expiresAt: expiresAt === undefined ? 0 : Math.floor(clock.now() + validMs),
    };
  }

  #noteFailure(address: number): void {
    const { settings, clock } = this.#deps;
    const { addresses } = this.state;
    const { authFailuresPerMinute: perMinute, authBanMs } = settings;
    const nowMs = clock.now();
    if (perMinute > 0 && addresses.failed(address, nowMs) >= perMinute)
      addresses.ban(address, nowMs + authBanMs);
  }

  #refuseForNow(
    reason: RefusalReason,
    status: number,
    message: string,
    retryAfterSeconds = RETRY_SECONDS,
  ): Refused {
    return { ...this.refuse(reason, status, message), retryAfterSeconds };
  }
}

/** Devices and gateways must say who they are: '' is no id. */
function generatedId(role: PeerRole | 'anyone'): string {
  if (role === 'subscriber') return `s-${randomUUID()}`;
  return role === 'anyone' ? `c-${randomUUID()}` : '';
}
