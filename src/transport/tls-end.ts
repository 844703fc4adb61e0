/** The TLS front of a plain listener: how it is asked for, and what it promises. */
import type { Certificate } from './tls-front.ts';

/** Where to take connections, and where the listener behind is. */
export interface FrontPlace {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Unix socket. */
  readonly path: string;
}

export interface Front {
  readonly port: number;
  /** New connections get this certificate, once it has settled. */
  useTls(certificate: Certificate): Promise<void>;
  /** The open connections stay. */
  stopAccepting(): void;
  /** Ends every connection behind what was sent on it. */
  close(): Promise<void>;
}

/** @throws ListenError when the address cannot be bound */
export type StartFront = (place: FrontPlace) => Promise<Front>;
