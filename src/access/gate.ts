/**
 * Who gets in: what every upgrade of a listener is asked, in the order of what it costs. One per listener, on the
 * thread that answers its upgrades.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { Counter, type CounterName, type Counters } from '../memory/counters.ts';
import { isId } from '../protocol/id.ts';
import { originAllowed } from '../protocol/origin.ts';
import type { UpgradeRequest } from '../transport/transport.ts';
import { type Actor, authorize } from './actor.ts';
import { bearerOf } from './bearer.ts';
import type { Door } from './door.ts';
import type { Verified, Verifier } from './verifier.ts';

export interface GateSettings {
  readonly allowedOrigins: readonly string[];
  readonly maxConnectionsPerAddress: number;
  readonly connectionsPerSecondPerAddress: number;
  readonly authFailuresPerMinute: number;
  readonly authBanMs: number;
}

export interface GateDeps {
  readonly role: 'device' | 'subscriber';
  readonly settings: GateSettings;
  /** undefined: whoever names an id is let in. */
  readonly verifier: Verifier | undefined;
  readonly door: Door;
  readonly clock: Clock;
  readonly counters: Counters;
}

export interface Admitted {
  readonly ok: true;
  readonly actor: Actor;
  /** Stands for the peer's address, for `opened` and `closed`. */
  readonly address: number;
  /** Hub clock, whole ms: when the token counts for nothing any more; 0 is never. */
  readonly expiresAt: number;
}

export interface Refused {
  readonly ok: false;
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Why upgrades are refused, and where each is counted. */
export const refusalCounters = {
  draining: 'upgradesDraining',
  overload: 'upgradesOverload',
  capacity: 'upgradesCapacity',
  address_connections: 'upgradesAddress',
  address_rate: 'upgradesRate',
  banned: 'upgradesBanned',
  origin: 'upgradesOrigin',
  token: 'upgradesToken',
  role: 'upgradesRole',
  id: 'upgradesId',
} as const satisfies Record<string, CounterName>;
export type RefusalReason = keyof typeof refusalCounters;

const ID_GRAMMAR = 'invalid id: expected 1 to 128 characters of A-Z a-z 0-9 . _ : ~ -';
/** Of peers that are turned away for the moment; spread out by their own backing off. */
const RETRY_SECONDS = 1;
const BEARER = { 'WWW-Authenticate': 'Bearer' } as const;

export class Gate {
  readonly #deps: GateDeps;
  #draining = false;

  constructor(deps: GateDeps) {
    this.#deps = deps;
  }

  /** Lets nobody in any more. */
  shut(): void {
    this.#draining = true;
  }

  /** Answers at once where no token has to be verified. Reads the request before it first waits. Never rejects. */
  admit(request: UpgradeRequest): Admitted | Refused | Promise<Admitted | Refused> {
    const address = this.#deps.door.addresses.cellOf(request.remoteAddress);
    const refusal = this.#refusalAtSight(request, address);
    if (refusal !== undefined) return refusal;
    const query = new URLSearchParams(request.query);
    const asked = query.get('id') ?? undefined;
    const { verifier } = this.#deps;
    if (verifier === undefined) return this.#admitUnknown(asked, address);
    const token = bearerOf(request.header('authorization')) ?? query.get('token') ?? '';
    if (token === '') {
      return this.#refuse(
        'token',
        401,
        'token required: send Authorization: Bearer TOKEN, or ?token=TOKEN',
        BEARER,
      );
    }
    return verifier.verify(token).then((verified) => this.#judge(verified, asked, address));
  }

  /** An admitted peer's socket is open. */
  opened(address: number): void {
    this.#deps.door.addresses.count(address, 1);
  }

  /** The socket of a peer for which `opened` was called is closed. */
  closed(address: number): void {
    this.#deps.door.addresses.count(address, -1);
  }

  /** What can be said without a look at who it is. */
  #refusalAtSight(request: UpgradeRequest, address: number): Refused | undefined {
    const { settings, door, clock } = this.#deps;
    const { addresses } = door;
    const nowMs = clock.now();
    const { connectionsPerSecondPerAddress: perSecond } = settings;
    if (this.#draining) return this.#refuse('draining', 503, 'the hub is draining');
    const banSeconds = addresses.bannedForSeconds(address, nowMs);
    if (banSeconds > 0) {
      return this.#refuseForNow('banned', 429, 'too many wrong tokens from this address', banSeconds);
    }
    if (perSecond > 0 && addresses.arrived(address, nowMs) > perSecond) {
      return this.#refuseForNow(
        'address_rate',
        429,
        `more than ${perSecond} new connections per second from this address`,
      );
    }
    const full = this.#refusalForRoom(address);
    if (full !== undefined) return full;
    if (door.isOverloaded()) return this.#refuseForNow('overload', 503, 'the hub is overloaded');
    if (!originAllowed(request.header('origin'), request.header('host'), settings.allowedOrigins)) {
      return this.#refuse('origin', 403, 'this origin is not allowed');
    }
    return undefined;
  }

  #refusalForRoom(address: number): Refused | undefined {
    const { settings, door } = this.#deps;
    const connectionsMax = settings.maxConnectionsPerAddress;
    if (connectionsMax > 0 && door.addresses.connections(address) >= connectionsMax) {
      const message = `more than ${connectionsMax} connections from this address`;
      return this.#refuseForNow('address_connections', 429, message);
    }
    if (!door.hasRoom()) {
      return this.#refuseForNow('capacity', 503, 'the hub has reached its connection limit');
    }
    return undefined;
  }

  #admitUnknown(asked: string | undefined, address: number): Admitted | Refused {
    const { role } = this.#deps;
    const id = asked ?? (role === 'subscriber' ? `s-${randomUUID()}` : '');
    if (!isId(id))
      return this.#refuse('id', 400, role === 'device' ? `${ID_GRAMMAR}, as in ?id=dev-1` : ID_GRAMMAR);
    return { ok: true, actor: { role, id, devices: undefined, vip: false }, address, expiresAt: 0 };
  }

  #judge(verified: Verified, asked: string | undefined, address: number): Admitted | Refused {
    const { role, clock } = this.#deps;
    if (this.#draining) return this.#refuse('draining', 503, 'the hub is draining');
    if (!verified.ok) {
      if (verified.status === 503) return this.#refuseForNow('token', 503, verified.message);
      this.#noteFailure(address);
      return this.#refuse('token', 401, verified.message, {
        'WWW-Authenticate': 'Bearer error="invalid_token"',
      });
    }
    const { actor, expiresAt } = verified;
    switch (authorize(actor, { kind: 'enter', role, id: asked })) {
      case 'wrongRole':
        return this.#refuse('role', 403, `the token does not have the role ${role}`);
      case 'otherId':
        return this.#refuse('id', 403, "?id= differs from the token's sub");
      default:
    }
    // Others came in while the token was verified.
    const full = this.#refusalForRoom(address);
    if (full !== undefined) return full;
    const validMs = expiresAt === undefined ? 0 : expiresAt - clock.wallNow();
    return {
      ok: true,
      actor,
      address,
      expiresAt: expiresAt === undefined ? 0 : Math.floor(clock.now() + validMs),
    };
  }

  #noteFailure(address: number): void {
    const { settings, door, clock } = this.#deps;
    const { addresses } = door;
    const { authFailuresPerMinute: perMinute, authBanMs } = settings;
    const nowMs = clock.now();
    if (perMinute > 0 && addresses.failed(address, nowMs) >= perMinute)
      addresses.ban(address, nowMs + authBanMs);
  }

  #refuseForNow(reason: RefusalReason, status: number, message: string, seconds = RETRY_SECONDS): Refused {
    return this.#refuse(reason, status, message, { 'Retry-After': String(seconds) });
  }

  #refuse(
    reason: RefusalReason,
    status: number,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ): Refused {
    this.#deps.counters.add(Counter[refusalCounters[reason]]);
    return { ok: false, status, message, headers };
  }
}
