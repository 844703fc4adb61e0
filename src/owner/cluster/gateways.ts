/**
 * Gateways, in a cluster: one connection per id across all nodes. Nothing is kept or handed over for a gateway: its
 * devices are claimed like any others. So its connection is welcomed at once, while its claim closes an older
 * connection elsewhere. Owner thread only.
 */
import { SurrenderReason } from '../../cluster/host.ts';
import { HomeKind } from '../../cluster/records.ts';
import { closes } from '../../codes.ts';
import { toLink } from '../../records/cluster.ts';
import type { GatewayHomes } from '../gateways.ts';
import type { ClusterContext } from './context.ts';

const kind = HomeKind.gateway;

export class GatewayClaims implements GatewayHomes {
  readonly #context: Pick<ClusterContext, 'gateways' | 'link'>;

  constructor(context: Pick<ClusterContext, 'gateways' | 'link'>) {
    this.#context = context;
  }

  // What happens to gateways here.

  connected(id: string): void {
    this.#context.link.tell(toLink.connected, { kind, id });
  }

  disconnected(id: string): void {
    const { link } = this.#context;
    link.tell(toLink.disconnected, { kind, id });
    link.tell(toLink.forget, { kind, id });
  }

  /** The link has restarted: tells it of every gateway here. */
  tellAll(): void {
    for (const id of this.#context.gateways.connectedIds) this.connected(id);
  }

  // What the link says.

  /** This node has the connection. If the connection has ended meanwhile, this node is not the home of anything. */
  adopt(id: string): void {
    const { gateways, link } = this.#context;
    if (!gateways.isConnected(id)) link.tell(toLink.forget, { kind, id });
  }

  surrender(id: string, reason: SurrenderReason): void {
    const { gateways, link } = this.#context;
    gateways.surrender(id, reason === SurrenderReason.conflict ? closes.drain : closes.replaced);
    link.tell(toLink.surrendered, { kind, id, seq: 0 });
  }
}
