/** Admits the client of a CONNECT like any other peer: the same limits, tokens and log messages. */
import type { Admission, Admitted, Refused } from '../../access/admission.ts';
import type { AdmitAnswer, AdmitRequest } from '../../wire/mqtt/host.ts';
import type { Journal } from '../journal.ts';
import { connectRefusalOf, roleOf } from './refusals.ts';

export interface AdmittingDeps {
  readonly admission: Pick<Admission, 'admit'>;
  readonly journal: Pick<Journal, 'refused'>;
}

/** Where the connection comes from. */
export interface ClientPlace {
  /** Stands for its address in admission. */
  readonly address: number;
  readonly remoteAddress: string;
}

/** @param answer called at once where no token has to be verified; with what was admitted, undefined when refused */
export function admitClient(
  { admission, journal }: AdmittingDeps,
  { clientId, token }: AdmitRequest,
  { address, remoteAddress }: ClientPlace,
  answer: (answer: AdmitAnswer, admitted: Admitted | undefined) => void,
): void {
  const id = clientId === '' ? undefined : clientId;
  const decide = (decision: Admitted | Refused): void => {
    if (decision.ok) {
      const { actor } = decision;
      answer({ ok: true, id: actor.id, role: roleOf(actor), scope: actor.devices }, decision);
      return;
    }
    const { reason, status, message } = decision;
    journal.refused({ role: undefined, reason, status, message, address: remoteAddress, id });
    answer({ ok: false, refusal: connectRefusalOf(decision), message }, undefined);
  };
  const decision = admission.admit({ address, token, id, role: undefined, isOpen: true });
  if (decision instanceof Promise) void decision.then(decide);
  else decide(decision);
}
