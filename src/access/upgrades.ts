/**
 * Admission of peers that come by an HTTP upgrade: what the request's head says, turned into credentials. One per
 * route, on the thread that answers its upgrades.
 */
import { originAllowed } from '../wire/origin.ts';
import type { PeerRole } from './actor.ts';
import type { Admission, Admitted, Arrived, Refused } from './admission.ts';
import { bearerOf } from './bearer.ts';

export interface UpgradeSettings {
  readonly allowedOrigins: readonly string[];
}

export interface UpgradesDeps {
  readonly admission: Admission;
  readonly settings: UpgradeSettings;
  /** What peers of this route connect as; undefined: they say so later. */
  readonly role: PeerRole | undefined;
  /** Known on this route, the first that a peer offers is chosen. */
  readonly subprotocols: readonly string[];
}

/** The head of the request. */
export interface UpgradeHead {
  /** Raw query without `?`, `''` when there is none. */
  readonly query: string;
  /** Value of a header by its lower-case name, `''` when absent. */
  header(name: string): string;
  /** Peer's address in text form, `''` when unknown. */
  readonly remoteAddress: string;
}

/** What the head says beside who the peer is. */
export interface UpgradeTerms {
  readonly query: URLSearchParams;
  /** The chosen subprotocol; undefined: none. */
  readonly protocol: string | undefined;
}

/** The head is acceptable; nothing has been said of who the peer is. */
export interface CheckedUpgrade extends Arrived, UpgradeTerms {}

export interface AdmittedUpgrade extends Admitted, UpgradeTerms {}

/** Ready to be answered with. */
export interface RefusedUpgrade extends Refused {
  readonly headers: Readonly<Record<string, string>>;
}

export class Upgrades {
  readonly #deps: UpgradesDeps;

  constructor(deps: UpgradesDeps) {
    this.#deps = deps;
  }

  /** For peers that give their credentials once the connection is open. */
  check(head: UpgradeHead): CheckedUpgrade | RefusedUpgrade {
    const { admission } = this.#deps;
    const arrived = admission.arrive(head.remoteAddress);
    if (!arrived.ok) return refused(arrived);
    const { allowedOrigins } = this.#deps.settings;
    if (!originAllowed(head.header('origin'), head.header('host'), allowedOrigins)) {
      return refused(admission.refuse('origin', 403, 'this origin is not allowed'));
    }
    return { ...arrived, query: new URLSearchParams(head.query), protocol: this.#protocolOf(head) };
  }

  /** Answers at once where no token has to be verified. Reads the head before it first waits. Never rejects. */
  admit(head: UpgradeHead): AdmittedUpgrade | RefusedUpgrade | Promise<AdmittedUpgrade | RefusedUpgrade> {
    const { admission, role } = this.#deps;
    const checked = this.check(head);
    if (!checked.ok) return checked;
    const { address, query, protocol } = checked;
    const token = bearerOf(head.header('authorization')) ?? query.get('token') ?? '';
    if (token === '' && admission.verifier !== undefined) {
      const message = 'a token is needed: Authorization: Bearer TOKEN, or ?token=TOKEN';
      return refused(admission.refuse('token', 401, message), BEARER);
    }
    const id = query.get('id') ?? undefined;
    const answer = (decision: Admitted | Refused): AdmittedUpgrade | RefusedUpgrade => {
      if (decision.ok) return { ...decision, query, protocol };
      const missing = decision.reason === 'id' && id === undefined;
      return refused(missing ? { ...decision, message: `${decision.message}, as in ?id=dev-1` } : decision);
    };
    const decision = admission.admit({ address, token, id, role });
    return decision instanceof Promise ? decision.then(answer) : answer(decision);
  }

  #protocolOf(head: UpgradeHead): string | undefined {
    const offered = head.header('sec-websocket-protocol').split(',');
    return offered.map((name) => name.trim()).find((name) => this.#deps.subprotocols.includes(name));
  }
}

const BEARER = { 'WWW-Authenticate': 'Bearer' } as const;
const WRONG_BEARER = { 'WWW-Authenticate': 'Bearer error="invalid_token"' } as const;

function refused(refusal: Refused, headers: Readonly<Record<string, string>> = {}): RefusedUpgrade {
  const { status, retryAfterSeconds } = refusal;
  return {
    ...refusal,
    headers: {
      ...(retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) }),
      ...(status === 401 ? WRONG_BEARER : {}),
      ...headers,
    },
  };
}
