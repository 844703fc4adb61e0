/** What a connection can be for, and what a token can allow. Every thread, and the command line. */

/** In the order of `SessionKind`: a record names a role by its place. */
export const peerRoles = ['device', 'subscriber', 'gateway'] as const;
/** What a connection can be for. */
export type PeerRole = (typeof peerRoles)[number];

export const roles = [...peerRoles, 'admin'] as const;
/** What a token can allow its owner to be. */
export type Role = (typeof roles)[number];
