import { describe, expect, it } from 'vitest';
import { isShortSecret } from '../../src/access/keys.ts';
import { settingsOf } from '../support/given-settings.ts';

describe('the shared secret', () => {
  const isShort = (secret: string) =>
    isShortSecret(settingsOf({ env: secret === '' ? {} : { DAT_AUTH_JWT_SECRET: secret } }));

  it('is short below 32 bytes', () => {
    expect([isShort('x'.repeat(31)), isShort('x'.repeat(32)), isShort('ü'.repeat(16))]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('is not short where there is none', () => expect(isShort('')).toBe(false));
});
