/** Settings of the group Access: tokens, keys, origins and hosts. */
import {
  bearerToken,
  hostNames,
  keySetUrl,
  oneOf,
  origins,
  secretText,
  text,
  trueOrFalse,
  wholeNumber,
} from '../kinds.ts';
import { row, SPAN_MS_MAX } from '../row.ts';

export const accessRows = {
  insecure: row({
    kind: trueOrFalse,
    default: false,
    group: 'Access',
    meaning:
      'Allows a non-loopback `DAT_HOST` without authentication. Anyone who reaches the ports can then ' +
      'publish as any device and follow every device.',
  }),
  adminToken: row({
    kind: bearerToken,
    default: '',
    defaultText: 'none',
    group: 'Access',
    secret: true,
    reloadable: true,
    meaning:
      'Bearer token for the admin API. Without one, and without authentication, every admin route is ' +
      'open. Required on a non-loopback address.',
  }),
  adminTokenFile: row({
    kind: text('the path of a file', 'file'),
    default: '',
    defaultText: 'none',
    group: 'Access',
    reloadable: true,
    meaning:
      'File that holds the value of `DAT_ADMIN_TOKEN`, such as a mounted secret; a line break at its end does not ' +
      'count. Cannot be combined with the variable.',
  }),
  authJwtSecret: row({
    kind: secretText,
    default: '',
    defaultText: 'none',
    group: 'Access',
    secret: true,
    reloadable: true,
    meaning:
      'Shared secret for tokens signed with HS256; use at least 32 random bytes. This or any other key ' +
      'turns authentication on: every peer then needs a token.',
  }),
  authJwtSecretFile: row({
    kind: text('the path of a file', 'file'),
    default: '',
    defaultText: 'none',
    group: 'Access',
    reloadable: true,
    meaning:
      'File that holds the value of `DAT_AUTH_JWT_SECRET`, such as a mounted secret; a line break at its end does ' +
      'not count. Cannot be combined with the variable.',
  }),
  authJwtPublicKeyFile: row({
    kind: text('the path of a PEM file', 'file'),
    default: '',
    defaultText: 'none',
    group: 'Access',
    reloadable: true,
    meaning:
      'Public key for tokens, in PEM form. An RSA key verifies RS256, EC P-256 verifies ES256, Ed25519 ' +
      'verifies EdDSA. Turns authentication on.',
  }),
  authJwksUrl: row({
    kind: keySetUrl,
    default: '',
    defaultText: 'none',
    group: 'Access',
    reloadable: true,
    meaning:
      'URL of a JSON Web Key Set with the public keys for tokens (RS256, ES256, EdDSA). The hub fetches ' +
      'it again every 10 minutes, and at most every 30 seconds when a token names an unknown key. If several ' +
      'keys of the set fit, a token must name its own (`kid`). Turns authentication on.',
  }),
  authJwtAudience: row({
    kind: text('an audience, as in the `aud` of tokens', 'audience'),
    default: '',
    defaultText: 'any',
    group: 'Access',
    reloadable: true,
    meaning: "If set, a token's `aud` must contain this value.",
  }),
  authJwtIssuer: row({
    kind: text('an issuer, as in the `iss` of tokens', 'issuer'),
    default: '',
    defaultText: 'any',
    group: 'Access',
    reloadable: true,
    meaning: "If set, a token's `iss` must equal this value.",
  }),
  authFailuresPerMinute: row({
    kind: wholeNumber(0, 1_000_000, 'failures per minute'),
    default: 0,
    group: 'Access',
    reloadable: true,
    meaning:
      'Number of wrong tokens per minute from one address after which the address gets 429 for ' +
      '`DAT_AUTH_BAN_MS`. 0 means no limit; keep it at 0 behind a proxy, where all peers share one ' +
      'address.',
  }),
  authBanMs: row({
    kind: wholeNumber(1000, SPAN_MS_MAX, 'ms'),
    default: 60_000,
    group: 'Access',
    reloadable: true,
    meaning: 'How long an address stays banned after too many wrong tokens.',
  }),
  allowedOrigins: row({
    kind: origins,
    default: [] as readonly string[],
    defaultText: 'same host',
    group: 'Access',
    reloadable: true,
    meaning:
      'Values of the `Origin` header that every listener accepts, compared exactly. Browsers send origins such as ' +
      '`https://board.example`; some firmware libraries send `file://` or an origin with a path. A list replaces the ' +
      'default, which is the same host.',
  }),
  allowedHosts: row({
    kind: hostNames,
    default: [] as readonly string[],
    defaultText: 'local names',
    group: 'Access',
    meaning:
      'Further host names that requests may have in `Host`. Without tokens, a hub on a loopback address answers only ' +
      'requests for `localhost`, loopback addresses, `DAT_HOST` and these, so that no foreign web page reaches it by ' +
      'DNS rebinding. Include the host that a proxy in front passes on.',
  }),
  defaultAccess: row({
    kind: oneOf('allow', 'deny'),
    default: 'allow',
    group: 'Access',
    meaning:
      'What holds for a pair of device and subscriber that no operator and no access rule decides. With ' +
      '`deny`, only allowed pairs may subscribe.',
  }),
} as const;
