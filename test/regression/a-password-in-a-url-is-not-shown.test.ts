/** A NATS URL that was refused was printed with its password: in the line on stderr, in the log, in the answer to a reload. */
import { expect, it } from 'vitest';
import { loadSettings } from '../../src/settings.ts';

it.each([
  'nats://hub:hunter2@host:4222/path',
  'nats://two:4222,nats://hub:hunter2@host:4222?x',
  'http://hub:hunter2@host:4222',
  'nats://hub:hun/hunter2@host',
  'nats://hunter2@host:4222/path',
])('%s is refused without its password', (url) => {
  const loaded = loadSettings({ argv: [], env: { DAT_CLUSTER_NATS_URL: url }, readFile: () => '' });
  const problems = loaded.ok ? [] : loaded.problems;
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain('********@host');
  expect(problems[0]).not.toContain('hunter2');
});
