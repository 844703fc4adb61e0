import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { LoadRun } from '../../../src/cli/bench/run.ts';

const nobody = { devices: 1, rate: 1, subscribers: 0, following: 0 };
const target = { wire: 'websocket', deviceUrl: 'ws://127.0.0.1:1', subscriberUrl: 'ws://127.0.0.1:1' };

it('leaves no listener behind for each rate that it plays, of which Node would warn', async () => {
  const { signal } = new AbortController();
  const processes = { devices: 0, subscribers: 0 };
  const told = { stage: () => {}, tick: () => {} };
  const run = await LoadRun.open({ target, load: nobody, processes, stop: signal, ...told });
  await run.play(1, 0, 1);
  const after = getEventListeners(signal, 'abort').length;
  await run.play(2, 0, 1);
  expect(getEventListeners(signal, 'abort').length).toBe(after);
});
