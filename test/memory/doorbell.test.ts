import { describe, expect, it } from 'vitest';
import { createDoorbell, Ringer, Sleeper } from '../../src/memory/doorbell.ts';

function door(): { sleeper: Sleeper; ringers: Ringer[]; wakes: string[] } {
  const memory = createDoorbell();
  const wakes: string[] = [];
  const ringers = ['one', 'other'].map((name) => new Ringer(memory, () => wakes.push(name)));
  return { sleeper: new Sleeper(memory), ringers, wakes };
}

describe('a doorbell', () => {
  it('wakes nobody who is awake', () => {
    const { ringers, wakes } = door();
    for (const ringer of ringers) ringer.ring();
    expect(wakes).toEqual([]);
  });

  it('wakes one who has announced sleep once, whoever rings', () => {
    const { sleeper, ringers, wakes } = door();
    sleeper.announce();
    for (const ringer of [...ringers, ...ringers]) ringer.ring();
    expect(wakes).toEqual(['one']);
    sleeper.announce();
    ringers[1]!.ring();
    expect(wakes).toEqual(['one', 'other']);
  });

  it('wakes nobody who has taken the announcement back', () => {
    const { sleeper, ringers, wakes } = door();
    sleeper.announce();
    sleeper.cancel();
    ringers[0]!.ring();
    expect(wakes).toEqual([]);
  });

  it('does not let one block who was rung for between the announcement and the sleep', () => {
    const { sleeper, ringers, wakes } = door();
    sleeper.announce();
    ringers[0]!.ring();
    sleeper.block(600_000);
    expect(wakes).toEqual(['one']);
  });

  it('finds one awake whose time to block is over', () => {
    const { sleeper, ringers, wakes } = door();
    sleeper.announce();
    sleeper.block(1);
    ringers[0]!.ring();
    expect(wakes).toEqual([]);
  });

  it('is not announced by a pause', () => {
    const { sleeper, ringers, wakes } = door();
    sleeper.pause(1);
    ringers[0]!.ring();
    expect(wakes).toEqual([]);
  });

  it('stands on lines of its own', () => {
    expect(createDoorbell().byteLength).toBe(128);
  });
});
