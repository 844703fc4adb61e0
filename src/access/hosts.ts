/**
 * Which `Host` a request may name. A hub on loopback that asks for no token is open to whoever reaches it, and a page
 * of a foreign site reaches it by DNS rebinding: the browser then takes the hub for the page's own host, so Origin and
 * Host agree. The name in Host gives it away. Pure; every listener asks this.
 */
import { isLoopback } from '../ip.ts';

export interface HostSettings {
  /** What the listeners bind to. */
  readonly host: string;
  readonly allowedHosts: readonly string[];
}

/** @returns whether a request with this `Host` header may go on */
export type HostCheck = (header: string) => boolean;

/** @param needsToken whether the listener asks for a token: then no host is refused */
export function hostCheck({ host, allowedHosts }: HostSettings, needsToken: boolean): HostCheck {
  if (needsToken || !isLoopback(host)) return () => true;
  const allowed = new Set([host, ...allowedHosts].map(plain));
  return (header) => {
    const name = plain(withoutPort(header));
    return isLoopback(name) || allowed.has(name);
  };
}

/** Lower case, without the final dot of an absolute name. */
function plain(name: string): string {
  // Stryker disable next-line MethodExpression: both sides of a comparison come through here
  return name.toLowerCase().replace(/\.$/, '');
}

/** `[::1]:7400` is `::1`, `dat.example:7400` is `dat.example`. */
function withoutPort(header: string): string {
  return /^\[([^\]]*)\](?::\d*)?$/.exec(header)?.[1] ?? header.replace(/:\d*$/, '');
}
