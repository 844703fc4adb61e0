/** The grammar of device and subscriber ids, and of the names of clusters. */

/** The grammar itself, for schemas. `.` and `..` are none: URL clients resolve them as path segments. */
export const ID = /^(?!\.{1,2}$)[A-Za-z0-9._:~-]{1,128}$/;

/** What ids begin with; `.` and `..` are prefixes of ids. */
const ID_PREFIX = /^[A-Za-z0-9._:~-]{1,128}$/;

/** What a cluster may be called: its name is part of subjects of NATS, where dots separate, and of a bucket's name. */
const CLUSTER_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Completes "expected …". */
export const ID_ACCEPTED = '1 to 128 of A-Z a-z 0-9 . _ : ~ - (but not "." and "..")';

/** Completes "expected …". */
export const CLUSTER_NAME_ACCEPTED = '1 to 64 of A-Z a-z 0-9 _ -';

/**
 * Whether the text is 1 to 128 of `A-Z a-z 0-9 . _ : ~ -`, and neither `.` nor `..`. Such an id is ASCII and needs no
 * escaping in JSON.
 */
export function isId(text: string): boolean {
  return ID.test(text);
}

/** Whether an id may begin with the text, which is not empty. */
export function isIdPrefix(text: string): boolean {
  return ID_PREFIX.test(text);
}

/** Whether a cluster may have this name: 1 to 64 of `A-Z a-z 0-9 _ -`. */
export function isClusterName(text: string): boolean {
  return CLUSTER_NAME.test(text);
}
