/**
 * Fetches the key set for tokens within bounds, whatever the server answers: the size is limited, and after a failure
 * it is fetched only once per interval, however many peers come.
 */
import { JWKS_BYTES_MAX, JWKS_RETRY_MS } from '../limits.ts';

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/**
 * @param nowMs monotonic
 * @returns a `fetch` for one URL, whose 200 holds a key set; rejects at once for as long as the last failure counts
 */
export function boundedKeySetFetch(
  fetchFrom: Fetch = fetch,
  nowMs: () => number = () => performance.now(),
): Fetch {
  let failed: { readonly atMs: number; readonly error: unknown } | undefined;
  return async (url, init) => {
    if (failed !== undefined && nowMs() - failed.atMs < JWKS_RETRY_MS) throw failed.error;
    try {
      const text = await keySetText(await fetchFrom(url, init));
      failed = undefined;
      return new Response(text);
    } catch (error) {
      failed = { atMs: nowMs(), error };
      throw error;
    }
  };
}

async function keySetText(response: Response): Promise<string> {
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the key set's URL answers with ${response.status}`);
  }
  const text = await boundedText(response);
  if (!isKeySet(text)) throw new Error("the key set's URL answers with no key set");
  return text;
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > JWKS_BYTES_MAX) throw new Error(`the key set is larger than ${JWKS_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function isKeySet(text: string): boolean {
  try {
    const { keys } = JSON.parse(text) as { readonly keys?: unknown };
    return Array.isArray(keys) && keys.every((key) => typeof key === 'object' && key !== null);
  } catch {
    return false;
  }
}
