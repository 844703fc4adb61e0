/** What every request to the hub has in common, in a page and in the worker. */

/** The header of a request with this token; none for ''. */
export function bearer(token: string): Record<string, string> {
  return token === '' ? {} : { authorization: `Bearer ${token}` };
}

/** What the hub says of why it refused. */
export async function refusalOf(response: Response): Promise<string> {
  try {
    const { error } = (await response.json()) as { readonly error: { readonly message: string } };
    return error.message;
  } catch {
    return `the hub answered ${response.status}`;
  }
}
