/** What the admin API adds to fastify's requests and to the configuration of routes: types only. */
import type {} from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body's `data` goes to devices' subscribers as it was written; only the hub's own keys are looked at. */
    keepsData?: true;
    /** Changes only what whoever asks is shown: no action of an operator. */
    changesOwnView?: true;
    /** Answered without a token: a file that is the same for everyone. */
    holdsNoSecret?: true;
    /** Where the route runs: `home` is a device's, or here; `device` another node, too, if only that one knows the id. */
    runsAt?: 'home' | 'device' | 'subscriber';
  }
  interface FastifyRequest {
    /** The text of the body's `data`, '' where it has none; only with `keepsData`. */
    dataText: string;
    /** The body as it was written, for another node. */
    bodyText: string;
    /** Who asks, once that is known: a token's subject, `admin token` or `anyone`. */
    operator: string;
    /** Why the request was refused, '' where it was not. */
    refusal: string;
  }
}
