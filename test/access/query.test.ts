import { describe, expect, it } from 'vitest';
import { flagOf, queryProblem } from '../../src/access/query.ts';

const known = ['id', 'token', 'devices', 'batch'];
const problemOf = (query: string, names: readonly string[] = known) =>
  queryProblem(new URLSearchParams(query), names);

describe('a query', () => {
  it('is right when each name is known and there once', () => {
    for (const query of ['', 'id=a', 'token=x&id=a&devices=a,b&batch=true', '&id=a&'])
      expect(problemOf(query)).toBeUndefined();
  });

  it('is wrong with a name that is not known, and the one that was meant is told', () => {
    expect(problemOf('device=a')).toBe(
      'unknown query parameter "device"; expected id, token, devices, batch; did you mean devices?',
    );
    expect(problemOf('nothing=like&it=')).toBe(
      'unknown query parameter "nothing"; expected id, token, devices, batch',
    );
    expect(problemOf('id=a', [])).toBe('unknown query parameter "id"; expected none');
  });

  it('is wrong with a name twice', () => {
    expect(problemOf('id=a&id=a')).toBe('query parameter id is given more than once');
    expect(problemOf('devices=a&devices=b')).toBe(
      'query parameter devices is given more than once; separate ids by commas: ?devices=dev-1,dev-2',
    );
    expect(problemOf('types=message&types=status', ['types'])).toBe(
      'query parameter types is given more than once; separate types by commas: ?types=message,status',
    );
  });

  it('is told of without values, in one line, cut', () => {
    expect(problemOf('tokn=secret')).not.toContain('secret');
    expect(problemOf(`${'x'.repeat(1000)}%0Ay=1`)?.length).toBeLessThan(200);
    expect(problemOf('a%0Ab=1')).not.toContain('\n');
  });
});

describe('a flag in a query', () => {
  const flag = (query: string) => flagOf(new URLSearchParams(query), 'batch');

  it('is true or false, and false where it is not there', () =>
    expect([flag('batch=true'), flag('batch=false'), flag('id=a')]).toEqual([true, false, false]));

  it.each(['batch', 'batch=', 'batch=1', 'batch=TRUE', 'batch=yes'])('is neither in %s', (query) =>
    expect(flag(query)).toBeUndefined(),
  );
});
