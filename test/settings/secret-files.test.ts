import { describe, expect, it } from 'vitest';
import { explainSettings } from '../../src/settings.ts';

function explain(env: Record<string, string>, files: Record<string, string>) {
  return explainSettings({
    argv: [],
    env,
    readFile(path) {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error('x'), { code: 'ENOENT' });
      return text;
    },
  });
}

describe('a secret in a file of its own', () => {
  it('is what the file holds, without the line break at its end', () => {
    const env = { DAT_ADMIN_TOKEN_FILE: '/run/token', DAT_AUTH_JWT_SECRET_FILE: '/run/secret' };
    const { settings, problems, origins } = explain(env, { '/run/token': 'abc\n', '/run/secret': 'a b\r\n' });
    expect(problems).toEqual([]);
    expect(settings).toMatchObject({ adminToken: 'abc', authJwtSecret: 'a b' });
    expect(origins.get('adminToken')).toBe('env DAT_ADMIN_TOKEN_FILE');
  });

  it('counts for the rules between settings', () => {
    const env = { DAT_HOST: '0.0.0.0', DAT_INSECURE: 'true', DAT_ADMIN_TOKEN_FILE: '/run/token' };
    expect(explain(env, { '/run/token': 'abc' }).problems).toEqual([]);
    expect(explain({ ...env, DAT_ADMIN_TOKEN_FILE: '' }, {}).problems).toHaveLength(1);
  });

  it('is refused where the file is missing, holds no such secret, or the secret is given too; it is never shown', () => {
    const env = { DAT_ADMIN_TOKEN_FILE: '/run/token' };
    expect(explain(env, {}).problems).toEqual([
      'env DAT_ADMIN_TOKEN_FILE: got no such file, expected the path of a readable file',
    ]);
    const [wrong = ''] = explain(env, { '/run/token': 'hun ter2' }).problems;
    expect(wrong).toContain('what is in the file: got a value that is not shown');
    expect(wrong).not.toContain('hun');
    expect(explain({ ...env, DAT_ADMIN_TOKEN: 'x' }, { '/run/token': 'y' }).problems).toEqual([
      'env DAT_ADMIN_TOKEN_FILE: got a file, expected nothing, because env DAT_ADMIN_TOKEN is set',
    ]);
  });
});

describe('a secret for the environment only', () => {
  it('is refused in a file, and never shown', () => {
    const { problems, settings } = explain(
      { DAT_CONFIG: 'dat.json' },
      { 'dat.json': '{"webhookSecret":"whsec_aGlkZGVuMg=="}' },
    );
    expect(problems).toEqual([
      'file dat.json, key webhookSecret: got a secret, expected env DAT_WEBHOOK_SECRET, and nothing in a file',
    ]);
    expect(settings.webhookSecret).toBe('');
  });
});
