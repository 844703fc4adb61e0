/** Chooses a subprotocol (RFC 6455, 1.9 and 11.3.4). Pure. */

/** A token of RFC 9110. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export type SubprotocolChoice =
  | { readonly ok: true; readonly protocol: string | undefined }
  | { readonly ok: false; readonly message: string };

/**
 * @param offered value of `Sec-WebSocket-Protocol`, several lines joined by commas; '' when it is not there
 * @param known those of the route
 * @returns the first offered one that is known; none when nothing is offered
 */
export function chooseSubprotocol(offered: string, known: readonly string[]): SubprotocolChoice {
  if (offered === '') return { ok: true, protocol: undefined };
  const names = offered.split(',').map((name) => name.trim());
  if (!names.every((name) => TOKEN.test(name)) || new Set(names).size < names.length) {
    return { ok: false, message: 'Sec-WebSocket-Protocol: expected a list of different names' };
  }
  const protocol = names.find((name) => known.includes(name));
  if (protocol !== undefined) return { ok: true, protocol };
  const expected = known.length === 0 ? 'none' : known.join(' or ');
  return { ok: false, message: `unknown subprotocol; expected ${expected}` };
}
