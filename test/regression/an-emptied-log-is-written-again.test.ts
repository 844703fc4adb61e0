/**
 * A new owner empties a history log whose records do not hang together. Where the log's laps began was taken over as it
 * was: with a lap that seemed to begin behind the end, the next append looked for room for ever.
 */
import { expect, it } from 'vitest';
import { Cell } from '../../src/history/memory.ts';
import { HistoryHarness } from '../history/history-harness.ts';

it('a log that was emptied keeps what comes next, wherever its laps seemed to begin', () => {
  for (const shift of [2 ** 32, 2 ** 20, -(2 ** 20), -(2 ** 32)]) {
    const hub = new HistoryHarness();
    const slot = hub.connect();
    for (let n = 0; n < 3; n++) hub.send(slot);
    for (const cell of [Cell.lapStart, Cell.lapStart + 1]) hub.history.cells[cell]! += shift;
    expect(hub.adopt()).toBe(false);
    for (let n = 0; n < 3; n++) hub.send(slot);
    expect(hub.newest(slot, 9)).toEqual([4, 5, 6].map((seq) => ({ seq, text: `${seq}` })));
    expect(hub.adopt()).toBe(true);
    expect(hub.usage.events).toBe(3);
  }
});
