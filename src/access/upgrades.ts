/**
 * Admits peers that come through an HTTP upgrade: turns the request's head into credentials. One per route, on the
 * thread that answers its upgrades.
 */

import type { PeerRole } from '../roles.ts';
import { originAllowed } from '../wire/origin.ts';
import type { Admission, Admitted, Arrived, Refused } from './admission.ts';
import { bearerOf } from './bearer.ts';
import { type HostCheck, type HostSettings, hostCheck } from './hosts.ts';
import { queryProblem } from './query.ts';
import { chooseSubprotocol } from './subprotocols.ts';

export interface UpgradeSettings extends HostSettings {
  readonly allowedOrigins: readonly string[];
}

export interface UpgradesDeps {
  readonly admission: Admission;
  readonly settings: UpgradeSettings;
  /** What peers of this route connect as; undefined: they say so later. */
  readonly role: PeerRole | undefined;
  /** Known on this route; the first that a peer offers is chosen, and one that offers only others is refused. */
  readonly subprotocols: readonly string[];
  /** Told of each refusal, for the log. */
  refused?(refusal: Refused, address: string, id: string | undefined): void;
  /** Of the query, beside `id` and `token` where the route has a role; any other is refused. */
  readonly parameters: readonly string[];
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

/** The head is acceptable; the peer's identity has not been checked. */
export interface CheckedUpgrade extends Arrived, UpgradeTerms {}

export interface AdmittedUpgrade extends Admitted, UpgradeTerms {}

/** Ready to be answered with. */
export interface RefusedUpgrade extends Refused {
  readonly headers: Readonly<Record<string, string>>;
}

export class Upgrades {
  readonly #deps: UpgradesDeps;
  readonly #isHostAllowed: HostCheck;
  readonly #parameters: readonly string[];

  constructor(deps: UpgradesDeps) {
    this.#deps = deps;
    this.#isHostAllowed = hostCheck(deps.settings, deps.admission.verifier !== undefined);
    this.#parameters = deps.role === undefined ? deps.parameters : ['id', 'token', ...deps.parameters];
  }

  /** For peers that give their credentials once the connection is open. */
  check(head: UpgradeHead): CheckedUpgrade | RefusedUpgrade {
    const checked = this.#check(head);
    if (!checked.ok) this.#deps.refused?.(checked, head.remoteAddress, undefined);
    return checked;
  }

  #check(head: UpgradeHead): CheckedUpgrade | RefusedUpgrade {
    const { admission } = this.#deps;
    const arrived = admission.arrive(head.remoteAddress);
    if (!arrived.ok) return refused(arrived);
    const host = head.header('host');
    if (!this.#isHostAllowed(host)) {
      return refused(admission.refuse('host', 403, 'this Host is not allowed, see DAT_ALLOWED_HOSTS'));
    }
    const { allowedOrigins } = this.#deps.settings;
    if (!originAllowed(head.header('origin'), host, allowedOrigins)) {
      return refused(admission.refuse('origin', 403, 'this Origin is not allowed, see DAT_ALLOWED_ORIGINS'));
    }
    const query = new URLSearchParams(head.query);
    const problem = queryProblem(query, this.#parameters);
    if (problem !== undefined) return refused(admission.refuse('request', 400, problem));
    const choice = chooseSubprotocol(head.header('sec-websocket-protocol'), this.#deps.subprotocols);
    if (!choice.ok) return refused(admission.refuse('request', 400, choice.message));
    return { ...arrived, query, protocol: choice.protocol };
  }

  /** Answers at once where no token has to be verified. Reads the head before it first waits. Never rejects. */
  admit(head: UpgradeHead): AdmittedUpgrade | RefusedUpgrade | Promise<AdmittedUpgrade | RefusedUpgrade> {
    const { admission, role } = this.#deps;
    const { remoteAddress } = head;
    const checked = this.check(head);
    if (!checked.ok) return checked;
    const { address, query, protocol } = checked;
    const token = bearerOf(head.header('authorization')) ?? query.get('token') ?? '';
    const id = query.get('id') ?? undefined;
    if (token === '' && admission.verifier !== undefined) {
      const message =
        'a token is needed: in the header Authorization, after "Bearer", or as the query parameter "token"';
      const refusal = admission.refuse('token', 401, message);
      this.#deps.refused?.(refusal, remoteAddress, id);
      return refused(refusal, BEARER);
    }
    const answer = (decision: Admitted | Refused): AdmittedUpgrade | RefusedUpgrade => {
      if (decision.ok) return { ...decision, query, protocol };
      this.#deps.refused?.(decision, remoteAddress, id);
      const missing = decision.reason === 'id' && id === undefined;
      return refused(missing ? { ...decision, message: `${decision.message}, as in ?id=dev-1` } : decision);
    };
    const decision = admission.admit({ address, token, id, role });
    return decision instanceof Promise ? decision.then(answer) : answer(decision);
  }

  /**
   * Refuses, and counts, what the route finds wrong with a request beside all that.
   * @param address of the peer, in text form @param id undefined: it gave none
   */
  refuse(message: string, address: string, id: string | undefined): RefusedUpgrade {
    const refusal = this.#deps.admission.refuse('request', 400, message);
    this.#deps.refused?.(refusal, address, id);
    return refused(refusal);
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
