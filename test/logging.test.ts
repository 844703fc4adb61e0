import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createLogger, logListening } from '../src/logging.ts';
import type { Settings } from '../src/settings.ts';

function loggerInto(lines: string[], logLevel: Settings['logLevel'] = 'info', terminal = false) {
  return createLogger({ logLevel }, { terminal, destination: { write: (line) => void lines.push(line) } });
}

/** Fields of the only line that `log` writes. */
function lineOf(log: (logger: ReturnType<typeof loggerInto>) => void, logLevel?: Settings['logLevel']) {
  const lines: string[] = [];
  log(loggerInto(lines, logLevel));
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0]!) as Partial<Record<'time' | 'msg' | 'req' | 'err', unknown>>;
}

const ports = { devicePort: 1, subscriberPort: 2, adminPort: 3 };

describe('a log line', () => {
  it('is one JSON object with the level by name, the time in ISO form and nothing unasked', () => {
    const line = lineOf((logger) => logger.warn({ count: 1 }, 'full'));
    expect(line).toEqual({ level: 'warn', time: expect.any(String), count: 1, msg: 'full' });
    expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('is left out below the level of the settings', () => {
    const lines: string[] = [];
    loggerInto(lines, 'warn').info('quiet');
    loggerInto(lines, 'silent').fatal('quiet');
    expect(lines).toEqual([]);
  });

  it('hides secrets in fields, headers, URLs and text, and stays JSON', () => {
    const line = lineOf((logger) =>
      logger.child({ settings: { adminToken: 'hunter2' } }).info(
        {
          adminToken: 'hunter2',
          req: {
            url: '/v1/device?id=dev-1&token=hunter2',
            headers: { authorization: 'Bearer hunter2', cookie: 'hunter2' },
          },
          text: '"Bearer hunter2"',
        },
        'connected with ?token=hunter2&id=dev-1',
      ),
    );
    expect(JSON.stringify(line)).not.toContain('hunter2');
    expect(line.req).toMatchObject({ url: '/v1/device?id=dev-1&token=[hidden]' });
    expect(line.msg).toBe('connected with ?token=[hidden]&id=dev-1');
  });

  it('holds the stack of an error', () => {
    const line = lineOf((logger) => logger.error({ err: new TypeError('no such slot') }, 'worker ended'));
    expect(line.err).toMatchObject({
      type: 'TypeError',
      message: 'no such slot',
      stack: expect.any(String),
    });
  });

  it('is pretty on a terminal', () => {
    const lines: string[] = [];
    loggerInto(lines, 'info', true).info({ count: 1 }, 'full');
    expect(lines.join('')).toMatch(/INFO.*full/);
    expect(() => JSON.parse(lines[0]!)).toThrow();
  });

  it('hides secrets on a terminal too', () => {
    const lines: string[] = [];
    loggerInto(lines, 'info', true).info({ adminToken: 'hunter2' }, 'Bearer hunter2');
    expect(lines.join('')).not.toContain('hunter2');
  });
});

describe('logListening', () => {
  it.each(['trace', 'info', 'error', 'silent'] as const)('prints the bound ports at level %s', (logLevel) => {
    const line = lineOf((logger) => logListening(logger, { ...ports, transport: 'ws' }), logLevel);
    expect(line).toMatchObject({ level: 'info', msg: 'listening', ...ports, transport: 'ws' });
  });

  it('leaves the level of the logger as it is', () => {
    const lines: string[] = [];
    const logger = loggerInto(lines, 'silent');
    logListening(logger, ports);
    logger.fatal('quiet');
    expect(lines).toHaveLength(1);
  });
});

describe('stderr', () => {
  it('has every line when the process ends right after it was logged', () => {
    const script = `
      import { createLogger } from './dist/src/logging.js';
      for (const terminal of [false, true]) {
        const logger = createLogger({ logLevel: 'info' }, { terminal });
        for (let i = 0; i < 500; i++) logger.info('line');
      }
      process.exit(3);`;
    const { status, stderr, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect({ status, stdout, lines: stderr.trimEnd().split('\n').length }).toEqual({
      status: 3,
      stdout: '',
      lines: 1000,
    });
  });
});
