/** A hub that wants tokens says how to make one: by a command that whoever started it can run. */
import { expect, it } from 'vitest';
import { startHub } from '../support/hub-process.ts';

it.each([
  ['npm', 'start', 'npx dat token create'],
  ['itself', '', 'tokens: dat token create'],
])('a hub that was started by %s names the command as it is found there', async (_, event, command) => {
  const hub = await startHub({ DAT_AUTH_JWT_SECRET: 'x'.repeat(32), npm_lifecycle_event: event });
  expect(await hub.stop()).toBe(0);
  expect((await hub.ended).stdout).toContain(command);
});
