import { describe, expect, it } from 'vitest';
import type { AccessRule } from '../../src/access/rules.ts';
import { ACCESS_RULES_MAX } from '../../src/limits.ts';
import { ToOwner } from '../../src/records/commands.ts';
import { fakeHub, refusal } from './fake-hub.ts';

const PATH = '/v1/access/rules';
const rules: AccessRule[] = [
  { device: 'dev-1', subscriber: 'ops-*', access: 'allow' },
  { device: 'dev-*', subscriber: '*', access: 'deny' },
];

describe('PUT /v1/access/rules', () => {
  it('hands the rules to the owner, part by part, and answers how many subscriptions went', async () => {
    const hub = await fakeHub();
    hub.answer = ({ kind }) =>
      kind === ToOwner.SetRules ? { ok: true, removed: 3, next: 1000 } : { ok: true, removed: 4 };
    const { status, body } = await hub.ask('PUT', PATH, { json: { rules } });
    expect([status, body]).toEqual([200, { rules, removed: 7 }]);
    expect(hub.commands).toEqual([
      { kind: ToOwner.SetRules, rules, dryRun: false },
      { kind: ToOwner.SweepRules, from: 1000 },
    ]);
    expect((await hub.ask('GET', PATH)).body).toEqual({ rules });
  });

  it('keeps the rules in force in a dry run', async () => {
    const hub = await fakeHub();
    hub.answer = () => ({ ok: true, removed: 2 });
    const { status, body } = await hub.ask('PUT', `${PATH}?dryRun=true`, { json: { rules } });
    expect([status, body]).toEqual([200, { rules, removed: 2, dryRun: true }]);
    expect(hub.commands).toEqual([{ kind: ToOwner.SetRules, rules, dryRun: true }]);
    expect((await hub.ask('GET', PATH)).body).toEqual({ rules: [] });
  });

  it('lets one change end before the next begins', async () => {
    const hub = await fakeHub();
    const asked: unknown[] = [];
    hub.answer = async (command) => {
      asked.push(command.kind === ToOwner.SetRules ? command.rules.length : 'part');
      await new Promise((resolve) => setImmediate(resolve));
      return command.kind === ToOwner.SetRules ? { ok: true, removed: 0, next: 1 } : { ok: true, removed: 0 };
    };
    const lists = [rules, [], rules.slice(1)];
    await Promise.all(lists.map((list) => hub.ask('PUT', PATH, { json: { rules: list } })));
    expect(asked.filter((_, index) => index % 2 === 1)).toEqual(['part', 'part', 'part']);
    const last = asked[4] as number;
    expect((await hub.ask('GET', PATH)).body.rules).toHaveLength(last);
  });

  it('answers 503 and keeps the rules when the owner is gone', async () => {
    const hub = await fakeHub();
    hub.answer = () => Promise.reject(new Error('the owner thread is gone'));
    const answer = await hub.ask('PUT', PATH, { json: { rules } });
    refusal(503, 'unavailable', 'the owner thread is gone')(answer);
    expect((await hub.ask('GET', PATH)).body).toEqual({ rules: [] });
    hub.answer = () => ({ ok: true, removed: 0 });
    expect((await hub.ask('PUT', PATH, { json: { rules } })).status).toBe(200);
  });

  it.each([
    [
      { rules: [{ device: 'a b', subscriber: '*', access: 'deny' }] },
      /^body rules 0 device is "a b", expected an id, a prefix/,
    ],
    [{ rules: [{ device: '*a', subscriber: '*', access: 'deny' }] }, /^body rules 0 device is "\*a"/],
    [{ rules: [{ device: '*', subscriber: 1, access: 'deny' }] }, /^body rules 0 subscriber is 1/],
    [
      { rules: [{ device: '*', subscriber: '*', access: 'none' }] },
      /access is "none", expected allow or deny/,
    ],
    [{ rules: [{ device: '*', subscriber: '*' }] }, /access is missing, expected allow or deny/],
    [{ rules: [{ device: '*', subscriber: '*', access: 'deny', note: 1 }] }, /unknown "note"/],
    [{ rules: [rules[0], 'deny'] }, /^body rules 1 is "deny", expected a JSON object/],
    [{ rules: {} }, /^body rules is \{\}, expected a list of at most 256 rules/],
    [{}, /^body rules is missing/],
    [{ rules, dryRun: true }, /unknown "dryRun"/],
  ])('refuses %j and asks the owner nothing', async (json, message) => {
    const hub = await fakeHub();
    refusal(400, 'bad_request', message)(await hub.ask('PUT', PATH, { json }));
    expect(hub.commands).toEqual([]);
  });

  it('refuses a dryRun that is neither true nor false', async () => {
    const hub = await fakeHub();
    const answer = await hub.ask('PUT', `${PATH}?dryRun=yes`, { json: { rules } });
    refusal(400, 'bad_request', 'query dryRun is "yes", expected true or false')(answer);
    expect(hub.commands).toEqual([]);
  });

  it('takes as many rules as the limit says and not one more', async () => {
    const hub = await fakeHub();
    const many = (count: number) => Array.from({ length: count }, () => rules[0]);
    expect((await hub.ask('PUT', PATH, { json: { rules: many(ACCESS_RULES_MAX) } })).status).toBe(200);
    const answer = await hub.ask('PUT', PATH, { json: { rules: many(ACCESS_RULES_MAX + 1) } });
    refusal(400, 'bad_request', /expected a list of at most 256 rules$/)(answer);
  });
});
