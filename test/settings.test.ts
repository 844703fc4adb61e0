import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXIT_CONFIG, loadSettings, packageVersion, type Settings } from '../src/settings.ts';
import { load, problemsOf, settingsOf } from './support/given-settings.ts';

describe('defaults', () => {
  it('are those of the contract', () => {
    expect(settingsOf({})).toEqual({
      host: '127.0.0.1',
      devicePort: 7400,
      subscriberPort: 7401,
      adminPort: 7402,
      mqttPort: 'off',
      mqttTopics: ['devices/{device}/{type}'],
      transport: 'auto',
      fanoutWorkers: 'auto',
      ingestWorkers: 0,
      subscriberActivity: 'pong',
      subscriberInactiveAfterMs: 60_000,
      subscriberRemoveAfterMs: 300_000,
      deviceStaleAfterMs: 60_000,
      deviceLeaveGraceMs: 15_000,
      interestLingerMs: 5000,
      deviceRemoveAfterMs: 300_000,
      defaultAccess: 'allow',
      pingIntervalMs: 25_000,
      mqttKeepAliveMaxMs: 0,
      flushMaxMs: 5,
      maxMessageBytes: 65_536,
      sendQueueBytes: 262_144,
      sendQueueMaxBytes: 1_048_576,
      sendQueuesTotalBytes: 268_435_456,
      deviceRate: 100,
      deviceBurst: 200,
      maxDevices: 100_000,
      maxSubscribers: 100_000,
      maxSubscriptions: 1_000_000,
      adminToken: '',
      adminTokenFile: '',
      authJwtSecret: '',
      authJwtSecretFile: '',
      authJwtPublicKeyFile: '',
      authJwksUrl: '',
      authJwtAudience: '',
      authJwtIssuer: '',
      authFailuresPerMinute: 0,
      authBanMs: 60_000,
      maxConnections: 'auto',
      maxConnectionsPerAddress: 0,
      connectionsPerSecondPerAddress: 0,
      maxSubscriptionsPerSubscriber: 100_000,
      maxFiltersPerSubscriber: 100,
      maxDevicesPerGateway: 10_000,
      historyBytes: 'auto',
      historyEvents: 100,
      historyTtlMs: 3_600_000,
      subscriberRate: 1000,
      subscriberBurst: 2000,
      firstFrameTimeoutMs: 0,
      overloadLagMs: 1000,
      overloadMemoryBytes: 'auto',
      allowedOrigins: [],
      allowedHosts: [],
      clusterNatsUrl: [],
      clusterNatsCredsFile: '',
      clusterName: 'dat',
      nodeId: '',
      clusterReplicas: 1,
      clusterNodeTimeoutMs: 5000,
      logLevel: 'info',
      insecure: false,
      tlsCertFile: '',
      tlsKeyFile: '',
      tlsEnd: 'front',
      faultInjection: false,
      drainRate: 1000,
      drainTimeoutMs: 15_000,
      snapshotFile: '',
      snapshotIntervalMs: 60_000,
      snapshotOnCorrupt: 'refuse',
      webhookUrl: '',
      webhookSecret: '',
      webhookCoalesceMs: 1000,
    } satisfies Settings);
  });

  it('stand where a variable is empty, also one of an unknown name', () => {
    expect(settingsOf({ env: { DAT_DEVICE_PORT: '', DAT_CONFIG: '', DAT_NOTHING: '' } }).devicePort).toBe(
      7400,
    );
  });

  it('cannot be changed by whoever gets the settings', () => {
    expect(Object.isFrozen(settingsOf({}))).toBe(true);
  });
});

describe('precedence', () => {
  const file = { devicePort: 1 };
  const env = { DAT_DEVICE_PORT: '2' };
  const argv = ['--device-port', '3'];

  it('takes the file before the default', () => expect(settingsOf({ file }).devicePort).toBe(1));
  it('takes the environment before the file', () => expect(settingsOf({ file, env }).devicePort).toBe(2));
  it('takes the flag before all', () => expect(settingsOf({ file, env, argv }).devicePort).toBe(3));

  it('takes the file of --config before that of DAT_CONFIG', () => {
    const read: string[] = [];
    const readFile = (path: string): string => {
      read.push(path);
      return '{}';
    };
    loadSettings({ argv: ['--config', 'flag.json'], env: { DAT_CONFIG: 'env.json' }, readFile });
    expect(read).toEqual(['flag.json']);
  });

  it('refuses a wrong value also where a stronger source covers it', () => {
    expect(problemsOf({ argv, env: { DAT_DEVICE_PORT: 'x' } })).toHaveLength(1);
  });
});

describe('values', () => {
  it('come as --flag value and as --flag=value', () => {
    expect(settingsOf({ argv: ['--admin-port', '0', '--flush-max-ms=0'] })).toMatchObject({
      adminPort: 0,
      flushMaxMs: 0,
    });
  });

  it('may be native JSON or strings in the file', () => {
    const file = { adminPort: '8', devicePort: 9, insecure: 'true', fanoutWorkers: 2 };
    expect(settingsOf({ file })).toMatchObject({
      adminPort: 8,
      devicePort: 9,
      insecure: true,
      fanoutWorkers: 2,
    });
  });

  it('make a flag without a value true where the setting is true or false', () => {
    expect(settingsOf({ argv: ['--insecure'] }).insecure).toBe(true);
    expect(settingsOf({ argv: ['--insecure', 'false'], env: { DAT_INSECURE: 'true' } }).insecure).toBe(false);
  });

  it('make a list of origins from text with commas and from a JSON list', () => {
    const allowedOrigins = ['https://a.example', 'http://b.example:8080', 'file://', 'null', 'HTTP://c/path'];
    expect(settingsOf({ env: { DAT_ALLOWED_ORIGINS: allowedOrigins.join(', ') } }).allowedOrigins).toEqual(
      allowedOrigins,
    );
    expect(settingsOf({ file: { allowedOrigins } }).allowedOrigins).toEqual(allowedOrigins);
  });

  it('make a list of hosts in the same way', () => {
    const allowedHosts = ['dat.example', '10.0.0.1', '::1'];
    expect(settingsOf({ env: { DAT_ALLOWED_HOSTS: allowedHosts.join(', ') } }).allowedHosts).toEqual(
      allowedHosts,
    );
    expect(settingsOf({ file: { allowedHosts } }).allowedHosts).toEqual(allowedHosts);
    for (const value of ['*', 'a b', 'dat.example:7400', 'https://dat.example', 'a,,b']) {
      expect(problemsOf({ env: { DAT_ALLOWED_HOSTS: value } }), value).toHaveLength(1);
    }
  });

  it('are paths as they are given, none with a zero byte', () => {
    expect(settingsOf({ env: { DAT_SNAPSHOT_FILE: 'data/dat snapshot' } }).snapshotFile).toBe(
      'data/dat snapshot',
    );
    for (const snapshotFile of ['a\0b', 'x'.repeat(4096), 1]) {
      expect(problemsOf({ file: { snapshotFile } })).toHaveLength(1);
    }
  });

  it.each(['1e3', '5 ', ' 5', '+5', '05', '5.0', '0x5', '-1', '65536', 'NaN', '9'.repeat(400)])(
    'refuse %j as a port',
    (value) => {
      expect(problemsOf({ env: { DAT_ADMIN_PORT: value } })).toHaveLength(1);
      expect(problemsOf({ argv: ['--admin-port', value] })).toHaveLength(1);
      expect(problemsOf({ file: { adminPort: value } })).toHaveLength(1);
    },
  );

  it.each([1.5, -1, 65536, true, null, [7400], {}])('refuse %j as a port in the file', (adminPort) => {
    expect(problemsOf({ file: { adminPort } })).toHaveLength(1);
  });

  it.each(['yes', '1', 'TRUE', ''])('refuse %j as true or false in the file', (insecure) => {
    expect(problemsOf({ file: { insecure } })).toHaveLength(1);
  });

  it.each(['*', 'https://a b', 'https://a,,https://b', 'ä'])('refuse %j as origins', (value) =>
    expect(problemsOf({ env: { DAT_ALLOWED_ORIGINS: value } })).toHaveLength(1),
  );

  it.each(['256.0.0.1', '127.1', '[::1]', 'a b', '-x', 'a:1'])('refuse %j as the host', (value) => {
    const problems = problemsOf({ env: { DAT_HOST: value, DAT_INSECURE: 'true', DAT_ADMIN_TOKEN: 't' } });
    expect(problems).toHaveLength(1);
  });

  it.each(['site.a', 'a:b', 'a~b', 'x'.repeat(65)])('refuse %j as the name of a cluster', (value) => {
    expect(problemsOf({ env: { DAT_CLUSTER_NAME: value } })).toEqual([
      expect.stringMatching(/^env DAT_CLUSTER_NAME: got .+, expected 1 to 64 of A-Z a-z 0-9 _ -$/),
    ]);
  });

  it.each(['-1', '33', 'all'])('refuse %j as the number of fan-out workers', (value) => {
    expect(problemsOf({ env: { DAT_FANOUT_WORKERS: value } })).toEqual([
      `env DAT_FANOUT_WORKERS: got "${value}", expected auto, or a whole number from 0 to 32`,
    ]);
  });
});

describe('a problem', () => {
  it('says where it stands, what was given and what is accepted', () => {
    expect(
      problemsOf({ argv: ['--flush-max-ms', '1001'], env: { DAT_DRAIN_RATE: '0' }, file: { maxDevices: 0 } }),
    ).toEqual([
      'file dat.json, key maxDevices: got 0, expected a whole number from 1 to 16000000 (devices)',
      'env DAT_DRAIN_RATE: got "0", expected a whole number from 1 to 1000000 (closes per second)',
      'flag --flush-max-ms: got "1001", expected a whole number from 0 to 1000 (ms)',
    ]);
  });

  it.each([
    ['flag --device-prot', { argv: ['--device-prot', '1'] }, '--device-port'],
    ['flag --devicePort', { argv: ['--devicePort=1'] }, '--device-port'],
    ['flag --halp', { argv: ['--halp'] }, '--help'],
    ['env DAT_HSOT', { env: { DAT_HSOT: 'x' } }, 'DAT_HOST'],
    ['env DAT_MAX_DEVICE', { env: { DAT_MAX_DEVICE: '1' } }, 'DAT_MAX_DEVICES'],
    ['env DAT_CONFIGS', { env: { DAT_CONFIGS: '1' } }, 'DAT_CONFIG'],
    ['file dat.json, key device_port', { file: { device_port: 1 } }, 'devicePort'],
    ['file dat.json, key DAT_DEVICE_PORT', { file: { DAT_DEVICE_PORT: 1 } }, 'devicePort'],
  ] as const)('hints for the unknown %s', (where, given, hint) => {
    const problems = problemsOf(given);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${where}: got an unknown .*; did you mean ${hint}\\?$`));
  });

  it('hints for a misspelt word', () => {
    expect(problemsOf({ env: { DAT_LOG_LEVEL: 'warning' } })[0]).not.toContain('did you mean "trace"');
    expect(problemsOf({ env: { DAT_LOG_LEVEL: 'INFO' } })[0]).toMatch(/did you mean "info"\?$/);
  });

  it('comes without a hint where nothing is near', () => {
    expect(problemsOf({ env: { DAT_BREAKFAST: 'x' } })).toEqual([
      'env DAT_BREAKFAST: got an unknown variable, expected one listed by dat serve --help',
    ]);
  });

  it.each(['__proto__', 'constructor', 'toString', 'config'])('is made of the file key %s', (key) => {
    expect(problemsOf({ file: `{"${key}": 1}` })).toHaveLength(1);
  });

  it('stays one line whatever was given', () => {
    const hostile = 'a\nb\r\u2028\u001b[2Jc\u202e';
    const problems = problemsOf({
      argv: [`--${hostile}`, `--host=${hostile}`],
      env: { [`DAT_${hostile}`]: hostile, DAT_TRANSPORT: hostile },
      file: { [hostile]: hostile, host: hostile },
    });
    expect(problems).toHaveLength(6);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
    for (const line of problems) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
  });

  it('cuts what is long', () => {
    expect(problemsOf({ env: { DAT_TRANSPORT: 'x'.repeat(10_000) } })[0]!.length).toBeLessThan(200);
  });

  it('comes for each wrong thing, in whatever order the flags stand', () => {
    const argv = ['stray', '--nonsense', '--device-port', '--host', '--admin-port', 'x'];
    const problems = problemsOf({ argv, env: { DAT_NONSENSE: '1' } });
    expect(problems.map((line) => line.split(':', 1)[0])).toEqual([
      'argument',
      'flag --nonsense',
      'env DAT_NONSENSE',
      'flag --host',
      'flag --device-port',
      'flag --admin-port',
    ]);
  });

  it('says that a flag lacks its value, and takes no flag for a value', () => {
    expect(problemsOf({ argv: ['--transport', '--config'] })).toEqual([
      'flag --config: got nothing, expected the path of a JSON file',
      'flag --transport: got nothing, expected auto, uws or ws',
    ]);
  });
});

describe('a config file', () => {
  const fails = (code: string) => (): string => {
    throw Object.assign(new Error('secret'), { code });
  };

  it.each([
    ['that is missing', fails('ENOENT'), 'no such file, expected the path of a readable JSON file'],
    ['that may not be read', fails('EACCES'), '"EACCES", expected the path of a readable JSON file'],
    ['that holds a list', (): string => '[]', 'a list, expected one JSON object whose keys are settings'],
    ['that holds null', (): string => 'null', 'null, expected one JSON object whose keys are settings'],
    ['that holds a number', (): string => '7', 'a number, expected one JSON object whose keys are settings'],
  ] as const)('%s is one problem', (_, readFile, rest) => {
    const loaded = loadSettings({ argv: ['--config', 'dat.json'], env: {}, readFile });
    expect(loaded).toEqual({ ok: false, problems: [`file dat.json: got ${rest}`] });
  });

  it.each(['{"adminToken": hunter2}', '{"adminToken":"hunter2"', '{"adminToken":"hunter2",}', ''])(
    'that is no JSON is one problem which does not quote it: %j',
    (text) => {
      const problems = problemsOf({ file: text });
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatch(/^file dat\.json: got text that is not JSON/);
      expect(problems[0]).not.toContain('hunter');
    },
  );
});

describe('what Kubernetes sets for a service called dat', () => {
  it.each(['DAT_SERVICE_HOST', 'DAT_PORT', 'DAT_PORT_7400_TCP_ADDR'])(
    'is refused with the way out: %s',
    (name) => {
      expect(problemsOf({ env: { [name]: 'tcp://10.0.0.1:7400' } })[0]).toContain('enableServiceLinks');
    },
  );
});

describe('help and version', () => {
  it('come before any problem', () => {
    expect(load({ argv: ['--version', '--nonsense'] })).toEqual({ ok: true, text: `${packageVersion()}\n` });
    expect(load({ argv: ['-h'], env: { DAT_NONSENSE: '1' } }).ok).toBe(true);
  });

  it('tell the version of the package', () => expect(packageVersion()).toMatch(/^\d+\.\d+\.\d+/));
});

describe('loadSettings', () => {
  it('ends a refused start with EX_CONFIG', () => expect(EXIT_CONFIG).toBe(78));

  const name = fc.oneof(
    fc.constantFrom(
      'HOST',
      'DEVICE_PORT',
      'INSECURE',
      'ALLOWED_ORIGINS',
      'ADMIN_TOKEN',
      'FANOUT_WORKERS',
      'CONFIG',
    ),
    fc.string(),
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.ipV4(),
    fc.ipV6(),
    fc.webUrl(),
    fc.integer().map(String),
  );
  const env = fc.dictionary(
    name.map((rest) => `DAT_${rest}`),
    text,
  );

  it('never throws, whatever the environment holds', () => {
    fc.assert(
      fc.property(env, fc.oneof(fc.json(), fc.string()), (variables, file) => {
        const loaded = loadSettings({ argv: [], env: variables, readFile: () => file });
        if (!loaded.ok) expect(loaded.problems.length).toBeGreaterThan(0);
      }),
    );
  });

  it('never throws, whatever the command line holds, and prints each problem in one line', () => {
    const flag = fc.oneof(
      fc.constantFrom(
        '--host',
        '--device-port',
        '--insecure',
        '--allowed-origins',
        '--admin-token',
        '--config',
        '--',
      ),
      fc.string().map((rest) => `--${rest}`),
      text,
    );
    fc.assert(
      fc.property(fc.array(flag, { maxLength: 8 }), (argv) => {
        const loaded = loadSettings({ argv, env: {}, readFile: () => '{}' });
        if (!loaded.ok) for (const line of loaded.problems) expect(line).not.toMatch(/[\r\n\u2028\u2029]/);
      }),
    );
  });
});
