import { describe, expect, it } from 'vitest';
import { spread } from '../../../src/cli/demo/spread.ts';
import type { Uplink } from '../../../src/cli/fleet/uplink.ts';

/** An uplink that logs what it is told. */
function uplink(name: string, log: string[]): Uplink {
  const say = (what: string, device: string): void => void log.push(`${name} ${what} ${device}`);
  return {
    enter: (device) => say('enter', device),
    leave: (device) => say('leave', device),
    isConnected: (device) => device === `on-${name}`,
    message: (device) => say('message', device),
    status: (device) => say('status', device),
    close: async () => say('close', ''),
  };
}

describe('a fleet over several hubs', () => {
  it('takes the hubs in turns, and what a device sends goes to its own', () => {
    const log: string[] = [];
    const fleet = spread([uplink('a', log), uplink('b', log)]);
    for (const device of ['dev-1', 'dev-2', 'dev-3']) fleet.enter(device);
    fleet.message('dev-2', {});
    fleet.status('dev-3', 'idle');
    expect(log).toEqual([
      'a enter dev-1',
      'b enter dev-2',
      'a enter dev-3',
      'b message dev-2',
      'a status dev-3',
    ]);
  });

  it('brings a device that was away to the next hub', () => {
    const log: string[] = [];
    const fleet = spread([uplink('a', log), uplink('b', log)]);
    fleet.enter('dev-1');
    fleet.leave('dev-1');
    fleet.enter('dev-1');
    expect(log).toEqual(['a enter dev-1', 'a leave dev-1', 'b enter dev-1']);
  });

  it('asks the hub of the device whether it is connected, and closes all', async () => {
    const log: string[] = [];
    const fleet = spread([uplink('a', log), uplink('b', log)]);
    expect(fleet.isConnected('on-a')).toBe(false);
    fleet.enter('on-a');
    expect(fleet.isConnected('on-a')).toBe(true);
    await fleet.close();
    expect(log.slice(1)).toEqual(['a close ', 'b close ']);
  });
});
