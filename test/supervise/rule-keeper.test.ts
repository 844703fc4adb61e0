import { describe, expect, it } from 'vitest';
import type { AccessRule } from '../../src/access/rules.ts';
import { type OperatorCommand, type OperatorResult, ToOwner } from '../../src/records/commands.ts';
import { RuleKeeper } from '../../src/supervise/rule-keeper.ts';

const rules = (...devices: string[]): AccessRule[] =>
  devices.map((device) => ({ device, subscriber: '*', access: 'deny' }));

/** An owner that answers with these, one after the other. */
function keeper(...results: OperatorResult[]) {
  const commands: OperatorCommand[] = [];
  const operate = async (command: OperatorCommand): Promise<OperatorResult> => {
    commands.push(command);
    return results.shift()!;
  };
  return { commands, operate, keeper: new RuleKeeper(rules('old'), operate) };
}

describe('A list of access rules', () => {
  it('is in force once the owner has swept with it, part by part', async () => {
    const parts = [1, 2, undefined].map((next) => ({ ok: true, removed: 5, next }) as const);
    const { keeper: kept, commands } = keeper(...parts);
    const setting = kept.set(rules('new'), false);
    expect(kept.list).toEqual(rules('old'));
    expect(await setting).toEqual({ removed: 15, pendingNodes: undefined });
    expect(kept.list).toEqual(rules('new'));
    expect(commands).toEqual([
      { kind: ToOwner.SetRules, rules: rules('new'), dryRun: false },
      { kind: ToOwner.SweepRules, from: 1 },
      { kind: ToOwner.SweepRules, from: 2 },
    ]);
  });

  it('that is tried out is not in force', async () => {
    const { keeper: kept } = keeper({ ok: true, removed: 3 });
    expect(await kept.set(rules('new'), true)).toMatchObject({ removed: 3 });
    expect(kept.list).toEqual(rules('old'));
  });

  it('that the owner did not take is not in force, and the next one may be', async () => {
    const refused = { ok: false, why: 'unavailable', message: 'gone' } as const;
    const { keeper: kept } = keeper(refused, { ok: true, removed: 0 });
    const [one, other] = [kept.set(rules('one'), false), kept.set(rules('other'), false)];
    await expect(one).rejects.toThrow('gone');
    await other;
    expect(kept.list).toEqual(rules('other'));
  });

  it('of a cluster is what the link has told last, though another was set here', async () => {
    const { keeper: kept, operate, commands } = keeper();
    kept.followCluster(async (command) => {
      await Promise.resolve();
      kept.list = rules('of this node');
      kept.list = rules('of another node');
      void operate(command);
      return { ok: true, removed: 1, pendingNodes: ['b'] };
    });
    expect(await kept.set(rules('of this node'), false)).toEqual({ removed: 1, pendingNodes: ['b'] });
    expect(kept.list).toEqual(rules('of another node'));
    expect(commands).toHaveLength(1);
  });
});
