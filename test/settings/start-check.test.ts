import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startProblems } from '../../src/settings/start-check.ts';
import { makeCertificate } from '../support/certificates.ts';
import { settingsOf } from '../support/given-settings.ts';
import { runHub } from '../support/hub-process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const problemsOf = (env: Record<string, string>): string[] =>
  startProblems(settingsOf({ env }), (path) => readFileSync(path, 'utf8'));

describe('the check of what a start would meet', () => {
  it('finds nothing wrong with files that are there and right, and leaves nothing behind', () => {
    const directory = temporaryDirectory();
    const { certFile, keyFile } = makeCertificate(directory);
    const before = readdirSync(directory);
    const files = { DAT_TLS_CERT_FILE: certFile, DAT_TLS_KEY_FILE: keyFile };
    expect(problemsOf({ ...files, DAT_SNAPSHOT_FILE: join(directory, 'snapshot') })).toEqual([]);
    expect(readdirSync(directory)).toEqual(before);
  });

  it('finds all that is wrong at once, as the start says it', async () => {
    const directory = temporaryDirectory();
    const { certFile } = makeCertificate(directory);
    writeFileSync(join(directory, 'no-key'), 'nothing');
    mkdirSync(join(directory, 'folder'));
    const cluster = { DAT_CLUSTER_NATS_URL: 'nats://127.0.0.1:9' };
    const wrong: Record<string, string>[] = [
      { DAT_TLS_CERT_FILE: certFile, DAT_TLS_KEY_FILE: join(directory, 'missing') },
      { DAT_AUTH_JWT_PUBLIC_KEY_FILE: join(directory, 'no-key') },
      { DAT_SNAPSHOT_FILE: join(directory, 'folder') },
      { ...cluster, DAT_CLUSTER_NATS_CREDS_FILE: join(directory, 'missing') },
    ];
    const all = problemsOf(Object.assign({}, ...wrong));
    expect(all).toHaveLength(4);
    for (const env of wrong) {
      const [problem = ''] = problemsOf(env);
      expect(all).toContain(problem);
      const { code, stderr } = await runHub(env);
      expect(code).toBe(78);
      expect(stderr).toContain(problem);
    }
    expect(existsSync(join(directory, 'snapshot'))).toBe(false);
  });
});
