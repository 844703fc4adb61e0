/** A NATS server with the configuration that deploy/ ships. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificate } from '../../support/certificates.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { NatsServer } from './nats-server.ts';

const CONFIG = new URL('../../../deploy/nats/nats.conf', import.meta.url);

export interface ShippedNats {
  readonly nats: NatsServer;
  readonly caFile: string;
}

/** nats.conf with this test's port, folder, certificate and password. The caller kills the server. */
export async function startShippedNats(): Promise<ShippedNats> {
  const folder = temporaryDirectory();
  const { certFile, keyFile } = makeCertificate(folder);
  const values: Readonly<Record<string, string>> = {
    NATS_STORE: JSON.stringify(join(folder, 'store')),
    NATS_PASSWORD: 'secret',
    NATS_CERT_FILE: JSON.stringify(certFile),
    NATS_KEY_FILE: JSON.stringify(keyFile),
    NATS_CA_FILE: JSON.stringify(certFile),
  };
  const config = readFileSync(CONFIG, 'utf8')
    .replace(/^listen:.*$/m, '')
    .replace(/^http:.*$/m, '')
    .replaceAll(/\$(NATS_\w+)/g, (_, name: string) => values[name] ?? '');
  return { nats: await NatsServer.start(folder, config), caFile: certFile };
}
