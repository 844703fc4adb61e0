/** What the upgrades of each route may ask for (wire contract). */
import { Subprotocol } from './events.ts';

interface Terms {
  readonly subprotocols: readonly string[];
  /** Of the query, beside `id` and `token`. */
  readonly parameters: readonly string[];
}

export const deviceTerms: Terms = { subprotocols: [Subprotocol.json], parameters: ['interest'] };

export const gatewayTerms: Terms = { subprotocols: [Subprotocol.json], parameters: [] };

export const subscriberTerms: Terms = {
  subprotocols: [Subprotocol.json, Subprotocol.binary],
  parameters: ['devices', 'types', 'every', 'batch', 'hold'],
};
