import { describe, expect, it } from 'vitest';
import { problemsOf, settingsOf } from './support/given-settings.ts';

describe('rules between settings', () => {
  it.each(['0.0.0.0', '::', '192.168.1.7', 'hub.example', 'fe80::1%eth0', '::ffff:10.0.0.1'])(
    'refuse the non-loopback host %s without DAT_INSECURE and without an admin token',
    (host) => {
      const problems = problemsOf({ env: { DAT_HOST: host } });
      expect(problems).toEqual([
        `env DAT_HOST: got "${host}", expected a loopback address (127.0.0.1, ::1, localhost), or ` +
          'authentication, or DAT_INSECURE=true',
        `env DAT_ADMIN_TOKEN: got nothing, expected a bearer token for the admin API, because the ` +
          `address "${host}" is not loopback`,
      ]);
      expect(problemsOf({ env: { DAT_HOST: host, DAT_INSECURE: 'true' } })).toHaveLength(1);
      expect(problemsOf({ env: { DAT_HOST: host, DAT_ADMIN_TOKEN: 't' } })).toHaveLength(1);
      const env = { DAT_HOST: host, DAT_INSECURE: 'true', DAT_ADMIN_TOKEN: 't' };
      expect(settingsOf({ env }).host).toBe(host);
    },
  );

  it.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', 'localhost', 'LOCALHOST'])(
    'accept the loopback host %s',
    (host) => expect(settingsOf({ env: { DAT_HOST: host } }).host).toBe(host),
  );

  it('refuse one port for two listeners, but not any free port for all', () => {
    expect(problemsOf({ env: { DAT_DEVICE_PORT: '7401' } })).toEqual([
      'env DAT_DEVICE_PORT: got 7401, expected another port than that of DAT_SUBSCRIBER_PORT',
    ]);
    expect(problemsOf({ env: { DAT_MQTT_PORT: '7400' } })).toEqual([
      'env DAT_MQTT_PORT: got 7400, expected another port than that of DAT_DEVICE_PORT',
    ]);
    expect(problemsOf({ argv: ['--admin-port', '9'], env: { DAT_SUBSCRIBER_PORT: '9' } })).toHaveLength(1);
    const env = { DAT_DEVICE_PORT: '0', DAT_SUBSCRIBER_PORT: '0', DAT_ADMIN_PORT: '0', DAT_MQTT_PORT: '0' };
    expect(settingsOf({ env }).mqttPort).toBe(0);
  });

  it('refuse a certificate without its key, and a key without its certificate', () => {
    expect(problemsOf({ env: { DAT_TLS_CERT_FILE: 'a.pem' } })).toEqual([
      'env DAT_TLS_KEY_FILE: got nothing, expected the path of a PEM file, because env DAT_TLS_CERT_FILE is set',
    ]);
    expect(problemsOf({ argv: ['--tls-key-file', 'b.pem'] })).toEqual([
      'env DAT_TLS_CERT_FILE: got nothing, expected the path of a PEM file, because flag --tls-key-file is set',
    ]);
    expect(settingsOf({ env: { DAT_TLS_CERT_FILE: 'a.pem', DAT_TLS_KEY_FILE: 'b.pem' } }).tlsKeyFile).toBe(
      'b.pem',
    );
  });

  it('wait until the settings they name are right', () => {
    expect(
      problemsOf({ env: { DAT_SUBSCRIBER_INACTIVE_AFTER_MS: 'x', DAT_SUBSCRIBER_REMOVE_AFTER_MS: '1' } }),
    ).toHaveLength(1);
  });
});

describe('the limit of a send queue', () => {
  it('is refused above the hard limit, wherever that stands', () => {
    expect(problemsOf({ env: { DAT_SEND_QUEUE_BYTES: '2000000' } })).toEqual([
      'env DAT_SEND_QUEUE_BYTES: got 2000000, expected at most the hard limit of the same queue ' +
        '(env DAT_SEND_QUEUE_MAX_BYTES, 1048576)',
    ]);
    expect(problemsOf({ file: { sendQueueBytes: 4097 }, argv: ['--send-queue-max-bytes', '4096'] })).toEqual([
      'file dat.json, key sendQueueBytes: got 4097, expected at most the hard limit of the same queue ' +
        '(flag --send-queue-max-bytes, 4096)',
    ]);
  });

  it('may be the hard limit, and its default gives way to a lower one', () => {
    const env = { DAT_SEND_QUEUE_BYTES: '4096', DAT_SEND_QUEUE_MAX_BYTES: '4096' };
    expect(settingsOf({ env }).sendQueueBytes).toBe(4096);
    expect(settingsOf({ env: { DAT_SEND_QUEUE_MAX_BYTES: '4096' } }).sendQueueMaxBytes).toBe(4096);
  });
});

describe('the admin token', () => {
  it('comes from the environment or the file', () => {
    expect(settingsOf({ env: { DAT_ADMIN_TOKEN: 'hunter2' } }).adminToken).toBe('hunter2');
    expect(settingsOf({ file: { adminToken: 'hunter2' } }).adminToken).toBe('hunter2');
  });

  it.each([
    [['--admin-token', 'hunter2']],
    [['--admin-token=hunter2']],
    [['--admin-token', '-shunter2']],
    [['--adminToken', 'hunter2', 'hunter2']],
    [['--admin-tokn', 'hunter2']],
  ])('is refused as the flag %j, and not printed', (argv) => {
    const problems = problemsOf({ argv });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(
      /got a secret, expected env DAT_ADMIN_TOKEN or key adminToken of the config file/,
    );
    expect(problems[0]).not.toContain('hunter2');
  });

  it('is not printed where it is wrong or its name is misspelt', () => {
    const text = problemsOf({
      argv: ['--tokn', 'hunter2'],
      env: { DAT_ADMIN_TOKEN: 'hunter2 hunter2', DAT_ADMIN_TOKN: 'hunter2' },
      file: { adminToken: ['hunter2'], admintokn: 'hunter2' },
    });
    expect(text).toHaveLength(5);
    expect(text.join('\n')).not.toContain('hunter2');
  });
});

describe('authentication by token', () => {
  it.each([{ DAT_AUTH_JWT_SECRET: 'x'.repeat(32) }, { DAT_AUTH_JWKS_URL: 'https://issuer.example/keys' }])(
    'opens a non-loopback host: %j',
    (auth) => {
      const env = { DAT_HOST: '0.0.0.0', DAT_ADMIN_TOKEN: 't', ...auth };
      expect(settingsOf({ env }).host).toBe('0.0.0.0');
    },
  );

  it.each([
    'http://issuer.example/keys',
    'ftp://issuer.example/keys',
    'issuer.example',
    'http://127.0.0.1.example/keys',
    'file:///keys',
    'https://hub:hunter2@issuer.example/keys',
    'http://hub@127.0.0.1/keys',
  ])('does not take keys from %s', (url) => {
    expect(problemsOf({ env: { DAT_AUTH_JWKS_URL: url } })).toHaveLength(1);
  });

  it.each([
    'https://issuer.example/keys',
    'http://127.0.0.1:80/keys',
    'http://localhost/keys',
    'http://[::1]/keys',
  ])('takes keys from %s', (url) =>
    expect(settingsOf({ env: { DAT_AUTH_JWKS_URL: url } }).authJwksUrl).toBe(url),
  );

  it.each(['https://hub:hunter2@a.example', 'http://hub@127.0.0.1:80'])('sends no webhook to %s', (url) => {
    const problems = problemsOf({ env: { DAT_WEBHOOK_URL: url } });
    expect(problems).toEqual([expect.stringContaining('expected an http or https URL without a user name')]);
    expect(problems[0]).not.toContain('hunter2');
  });

  it('keeps its secret out of flags and out of what is printed', () => {
    const problems = problemsOf({
      argv: ['--auth-jwt-secret', 'hunter2'],
      env: { DAT_AUTH_JWT_SECRET: 'hunter2'.repeat(1000), DAT_AUTH_JWT_SECRE: 'hunter2' },
    });
    expect(problems).toHaveLength(3);
    expect(problems.join('\n')).not.toContain('hunter2');
  });
});
