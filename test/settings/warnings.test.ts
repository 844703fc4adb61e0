import { describe, expect, it } from 'vitest';
import { settingWarnings } from '../../src/settings/warnings.ts';
import { explainSettings } from '../../src/settings.ts';

function warningsOf(env: Record<string, string>): string[] {
  const { settings, origins, problems } = explainSettings({ argv: [], env, readFile: () => '' });
  expect(problems).toEqual([]);
  return settingWarnings(settings, origins);
}

describe('what is accepted and probably not meant', () => {
  it('is nothing of the defaults', () => expect(warningsOf({})).toEqual([]));

  it.each([
    [
      'a short secret',
      { DAT_AUTH_JWT_SECRET: 'x'.repeat(31) },
      'DAT_AUTH_JWT_SECRET is shorter than 32 bytes',
    ],
    [
      'a short admin token',
      { DAT_ADMIN_TOKEN: 'x'.repeat(15) },
      'DAT_ADMIN_TOKEN is shorter than 16 characters',
    ],
    [
      'subscribers that are inactive between two pings',
      { DAT_SUBSCRIBER_INACTIVE_AFTER_MS: '25000' },
      'DAT_SUBSCRIBER_INACTIVE_AFTER_MS is not above the ping interval',
    ],
    [
      'devices that are stale between two pings',
      { DAT_PING_INTERVAL_MS: '60000' },
      'DAT_DEVICE_STALE_AFTER_MS is not',
    ],
    [
      'a removal before inactive',
      { DAT_SUBSCRIBER_REMOVE_AFTER_MS: '59999' },
      'DAT_SUBSCRIBER_REMOVE_AFTER_MS is below the time to inactive',
    ],
    [
      'events larger than a queue',
      { DAT_MAX_MESSAGE_BYTES: '65536', DAT_SEND_QUEUE_MAX_BYTES: '65535' },
      'DAT_MAX_MESSAGE_BYTES is above the hard limit of a send queue',
    ],
    [
      'an interval of no snapshots',
      { DAT_SNAPSHOT_INTERVAL_MS: '1' },
      'DAT_SNAPSHOT_INTERVAL_MS has no effect',
    ],
    ['an audience of no tokens', { DAT_AUTH_JWT_AUDIENCE: 'a' }, 'DAT_AUTH_JWT_AUDIENCE has no effect'],
    [
      'wrong tokens where none is needed',
      { DAT_AUTH_FAILURES_PER_MINUTE: '5' },
      'DAT_AUTH_FAILURES_PER_MINUTE has no effect without DAT_AUTH_JWT_SECRET or',
    ],
    ['a ban for nothing', { DAT_AUTH_BAN_MS: '5000' }, 'DAT_AUTH_BAN_MS has no effect'],
    ['a node of no cluster', { DAT_NODE_ID: 'a' }, 'DAT_NODE_ID has no effect without DAT_CLUSTER_NATS_URL'],
    [
      'an age of what is not kept',
      { DAT_HISTORY_BYTES: '0', DAT_HISTORY_TTL_MS: '5000' },
      'DAT_HISTORY_TTL_MS has no effect without DAT_HISTORY_BYTES',
    ],
    ['an end of no TLS', { DAT_TLS_END: 'uws' }, 'DAT_TLS_END has no effect without DAT_TLS_CERT_FILE'],
    ['webhooks to nobody', { DAT_WEBHOOK_COALESCE_MS: '50' }, 'DAT_WEBHOOK_COALESCE_MS has no effect'],
    ['a rate without a burst', { DAT_DEVICE_BURST: '0' }, 'DAT_DEVICE_BURST is 0: nothing is limited'],
    [
      'a budget that one queue exceeds',
      { DAT_SEND_QUEUES_TOTAL_BYTES: '65536' },
      'DAT_SEND_QUEUES_TOTAL_BYTES is below what one send queue may hold',
    ],
  ])('is %s', (_, env, line) => expect(warningsOf(env).join('\n')).toContain(line));

  it('is each setting that does nothing, and none that is as it is anyway', () => {
    expect(warningsOf({ DAT_SNAPSHOT_ON_CORRUPT: 'empty' })).toEqual([
      'DAT_SNAPSHOT_ON_CORRUPT has no effect without DAT_SNAPSHOT_FILE',
    ]);
    expect(warningsOf({ DAT_CLUSTER_NAME: 'dat', DAT_SNAPSHOT_INTERVAL_MS: '60000' })).toEqual([]);
    expect(warningsOf({ DAT_DEVICE_RATE: '0', DAT_DEVICE_BURST: '0' })).toEqual([]);
  });

  it('is not said where pongs do not count', () => {
    expect(
      warningsOf({ DAT_SUBSCRIBER_ACTIVITY: 'frame', DAT_SUBSCRIBER_INACTIVE_AFTER_MS: '1000' }),
    ).toEqual([]);
  });
});
