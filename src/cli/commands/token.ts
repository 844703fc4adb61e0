/** `dat token create` and `dat token inspect`. Secrets come from the environment or a file, never from a flag. */
import { type Command, Option } from 'commander';
import { readClaims } from '../../access/claims.ts';
import { isPattern, PATTERN_ACCEPTED } from '../../access/pattern.ts';
import { type Role, roles } from '../../roles.ts';
import { countFrom, examples, Group, type JsonOption, jsonOption, type RegisterCommand } from '../command.ts';
import { CliFailure, Exit } from '../failure.ts';
import { checkIds } from '../ids.ts';
import { jsonLine, line } from '../output.ts';
import { signingKey, signToken } from '../signing.ts';

const CENTURY_SECONDS = 100 * 365 * 24 * 3600;

export const register: RegisterCommand = (dat) => {
  const token = dat
    .command('token')
    .helpGroup(Group.setup)
    .description('create and read tokens')
    .addHelpText(
      'after',
      examples('dat token create --sub dev-1 --role device', 'dat token inspect "$DAT_TOKEN"'),
    );
  registerCreate(token);
  token
    .command('inspect <token>')
    .description('show the content of a token; the signature is not checked')
    .addOption(jsonOption())
    .addHelpText('after', examples('dat token inspect "$DAT_TOKEN"'))
    .action(inspect);
};

function registerCreate(token: Command): void {
  token
    .command('create')
    .summary('sign a token')
    .description('Sign a token with the secret in DAT_AUTH_JWT_SECRET (HS256), or with a private key.')
    .requiredOption('--sub <id>', 'the device, subscriber, gateway or operator that the token is for')
    .addOption(
      new Option('--role <role>', 'what its bearer may connect as').choices([...roles]).makeOptionMandatory(),
    )
    .option(
      '--devices <pattern...>',
      'the devices that a subscriber may follow, or a gateway may speak for: ids, or prefixes ending in *; default: all',
    )
    .option('--vip', 'for a subscriber: priority in delivery')
    .option('--expires <seconds>', 'seconds from now; 0 means never', countFrom(0, CENTURY_SECONDS), 3600)
    .option('--key-file <path>', 'a private key in PEM form: RSA, EC P-256 or Ed25519')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        'DAT_AUTH_JWT_SECRET=… dat token create --sub dev-1 --role device',
        "dat token create --sub app-1 --role subscriber --devices 'lab-*'",
        'dat token create --sub dev-1 --role device --key-file key.pem',
      ),
    )
    .action(create);
}

interface CreateOptions extends JsonOption {
  readonly sub: string;
  readonly role: Role;
  readonly devices?: readonly string[];
  readonly vip?: boolean;
  /** Seconds. */
  readonly expires: number;
  readonly keyFile?: string;
}

async function create(options: CreateOptions): Promise<void> {
  const { sub, role, devices, vip, expires, keyFile } = options;
  checkIds([sub]);
  for (const pattern of devices ?? []) {
    if (!isPattern(pattern))
      throw new CliFailure(Exit.usage, `--devices ${JSON.stringify(pattern)}: expected ${PATTERN_ACCEPTED}`);
  }
  if (role !== 'subscriber' && role !== 'gateway' && devices !== undefined)
    throw new CliFailure(Exit.usage, '--devices needs --role subscriber or gateway');
  if (role !== 'subscriber' && vip) throw new CliFailure(Exit.usage, '--vip needs --role subscriber');
  const key = signingKey(keyFile);
  if (key === undefined)
    throw new CliFailure(
      Exit.config,
      'no key to sign with; set DAT_AUTH_JWT_SECRET, or pass a private key with --key-file',
    );
  const claims = { role, ...(devices !== undefined && { devices }), ...(vip && { vip }) };
  const token = await signToken(key, { sub, ...claims }, expires);
  if (options.json) jsonLine({ token, ...claims, sub, expiresInSeconds: expires > 0 ? expires : null });
  else line(token);
}

/** Shows what a token says; does not verify it. */
async function inspect(token: string, options: JsonOption): Promise<void> {
  const { decodeJwt, decodeProtectedHeader } = await import('jose');
  let header: { alg?: string; kid?: string };
  let payload: Record<string, unknown>;
  try {
    header = decodeProtectedHeader(token);
    payload = decodeJwt(token);
  } catch {
    throw new CliFailure(
      Exit.failed,
      'this is not a token (JWT), which is three parts of base64url with dots between them',
    );
  }
  const claims = readClaims(payload);
  const { exp } = payload;
  const leftSeconds = typeof exp === 'number' ? Math.round(exp - Date.now() / 1000) : undefined;
  const problems = [
    ...(claims.ok ? [] : [claims.message]),
    ...(leftSeconds !== undefined && leftSeconds <= 0 ? [`it expired ${-leftSeconds} s ago`] : []),
  ];
  if (options.json) {
    jsonLine({ header, payload, leftSeconds: leftSeconds ?? null, problems });
  } else {
    line(
      `signed with ${header.alg ?? 'nothing'}${header.kid === undefined ? '' : `, key ${header.kid}`} (signature not checked)`,
    );
    line(JSON.stringify(payload, undefined, 2));
    if (leftSeconds === undefined) line('it never expires');
    else if (leftSeconds > 0) line(`it expires in ${leftSeconds} s`);
  }
  if (problems.length > 0)
    throw new CliFailure(Exit.failed, `a hub does not accept it: ${problems.join('; ')}`);
}
