/** Ids that all have the same hash where ids are hashed without a key, by FNV-1a. */

const BLOCKS = 14;
const FNV_START = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a, from any state on. */
export function fnv(text: string, state = FNV_START): number {
  let hash = state;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash;
}

/**
 * 2^14 ids of one hash: from each state two blocks that lead to the same next state, so that any choice of blocks ends
 * in the same hash.
 */
export function collidingIds(): string[] {
  let hash = FNV_START;
  let ids = [''];
  for (let block = 0; block < BLOCKS; block++) {
    const seen = new Map<number, string>();
    for (let n = 0; ; n++) {
      const text = (Math.imul(n, 0x9e3779b1) >>> 0).toString(36);
      const next = fnv(text, hash);
      const other = seen.get(next);
      if (other === undefined) seen.set(next, text);
      else {
        ids = ids.flatMap((id) => [id + text, id + other]);
        hash = next;
        break;
      }
    }
  }
  return ids;
}
