import { describe, expect, it } from 'vitest';
import { checkNatsCreds } from '../../src/access/nats-creds.ts';

const CREDS = `-----BEGIN NATS USER JWT-----
eyJ0eXAi
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
SUAGHIDDEN
------END USER NKEY SEED------
`;
const SETTINGS = { clusterNatsUrl: ['nats://nats:4222'], clusterNatsCredsFile: 'nats.creds' };
const failing = (code: string) => (): string => {
  throw Object.assign(new Error(code), { code });
};

describe('the credentials file of NATS', () => {
  it('may be what the tools of NATS write', () => {
    expect(() => checkNatsCreds(SETTINGS, () => CREDS)).not.toThrow();
  });

  it('is not read where it has no effect', () => {
    expect(() => checkNatsCreds({ ...SETTINGS, clusterNatsUrl: [] }, failing('ENOENT'))).not.toThrow();
    expect(() => checkNatsCreds({ ...SETTINGS, clusterNatsCredsFile: '' }, failing('ENOENT'))).not.toThrow();
  });

  it.each([
    ['is not there', failing('ENOENT'), 'cannot be read: no such file'],
    ['may not be read', failing('EACCES'), 'cannot be read: EACCES'],
    ['is another file', () => 'SUAGHIDDEN', 'contains no credentials of NATS'],
    ['ends too early', () => CREDS.slice(0, 80), 'contains no credentials of NATS'],
  ])('that %s is named by its setting, and not quoted', (_, readFile, problem) => {
    const check = () => checkNatsCreds(SETTINGS, readFile);
    expect(check).toThrow(`the file of DAT_CLUSTER_NATS_CREDS_FILE ${problem}`);
    expect(check).not.toThrow('HIDDEN');
  });
});
