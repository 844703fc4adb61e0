/** The credentials file of a user of NATS, checked on main before a hub starts: the thread of the link comes to it late. */
import { KeyError } from '../key-error.ts';
import { readKeyFile } from '../key-file.ts';

/** What `nsc` and NATS' own tools write; the library looks for them only when NATS asks. */
const PARTS = [/-{3,}BEGIN NATS USER JWT-{3,}/, /-{3,}BEGIN USER NKEY SEED-{3,}/];

export interface NatsCredsSettings {
  readonly clusterNatsUrl: readonly string[];
  readonly clusterNatsCredsFile: string;
}

/**
 * @param readFile returns a file's text, and throws what the file system throws
 * @throws KeyError when a cluster's file cannot be read, or holds no credentials; the message does not quote it
 */
export function checkNatsCreds(
  { clusterNatsUrl, clusterNatsCredsFile }: NatsCredsSettings,
  readFile: (path: string) => string,
): void {
  if (clusterNatsUrl.length === 0 || clusterNatsCredsFile === '') return;
  const setting = 'DAT_CLUSTER_NATS_CREDS_FILE';
  const text = readKeyFile(setting, clusterNatsCredsFile, readFile);
  if (!PARTS.every((part) => part.test(text)))
    throw new KeyError(
      `the file of ${setting} contains no credentials of NATS; expected a JWT and the seed of an NKey`,
    );
}
