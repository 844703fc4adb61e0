import { describe, expect, it } from 'vitest';
import { queryProblem } from '../../src/access/query.ts';

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
    expect(problemOf('devices=a&devices=b')).toMatch(/separate ids by commas/);
  });

  it('is told of without values, in one line, cut', () => {
    expect(problemOf('tokn=secret')).not.toContain('secret');
    expect(problemOf(`${'x'.repeat(1000)}%0Ay=1`)?.length).toBeLessThan(200);
    expect(problemOf('a%0Ab=1')).not.toContain('\n');
  });
});
