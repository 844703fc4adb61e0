/** How devices and gateways that speak the hub's own protocol get their sessions. */
import type { Admitted } from '../../access/admission.ts';
import { flagOf } from '../../access/query.ts';
import type { AdmittedUpgrade, RefusedUpgrade, Upgrades } from '../../access/upgrades.ts';
import { TRANSPORT_FRAME_FACTOR } from '../../limits.ts';
import type { ListenerHandlers, Route, UpgradeAnswer, UpgradeRequest } from '../../transport/transport.ts';
import type { Edge } from '../edge.ts';

/** The constructor of a session, but for its codec. */
export type MakeSession<Session> = (
  admitted: Admitted,
  number: number,
  connectedAt: number,
  wantsInterest: boolean,
) => Session;

/** The route of a path whose peers publish; what waits for one of them is at most a send queue. */
export function routeOf<Session>(
  path: string,
  { settings }: Pick<Edge, 'settings'>,
  handlers: ListenerHandlers<Session>,
): Route<Session> {
  const { maxMessageBytes, sendQueueMaxBytes } = settings;
  const frameBytesMax = maxMessageBytes * TRANSPORT_FRAME_FACTOR;
  return { path, frameBytesMax, queueBytesMax: sendQueueMaxBytes, handlers };
}

/** Admits whoever asks for an upgrade, and makes its session. */
export function upgrade<Session>(
  request: UpgradeRequest,
  { edge, upgrades, make }: { edge: Edge; upgrades: Upgrades; make: MakeSession<Session> },
): UpgradeAnswer<Session> | Promise<UpgradeAnswer<Session>> {
  const { remoteAddress } = request; // while the request may still be read
  const answer = (admitted: AdmittedUpgrade | RefusedUpgrade): UpgradeAnswer<Session> => {
    if (!admitted.ok) return admitted;
    const { protocol, query, actor } = admitted;
    const wantsInterest = flagOf(query, 'interest');
    if (wantsInterest === undefined)
      return upgrades.refuse('interest: expected true or false', remoteAddress, actor.id);
    const session = make(admitted, edge.nextSession(), edge.clock.wallNow(), wantsInterest);
    return protocol === undefined ? { session } : { session, protocol };
  };
  const admitted = upgrades.admit(request);
  return admitted instanceof Promise ? admitted.then(answer) : answer(admitted);
}
