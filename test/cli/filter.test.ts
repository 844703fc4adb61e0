import { describe, expect, it } from 'vitest';
import { checkFilters, isFilter, matches, prefixOf } from '../../src/cli/filter.ts';

describe('a filter', () => {
  it('is an id, the start of one and *, or * alone', () => {
    expect(() => checkFilters(['dev-1', 'site-a.*', '*'])).not.toThrow();
    for (const wrong of ['', '**', 'a*b', 'ä*', '*a', `${'x'.repeat(129)}*`])
      expect(() => checkFilters([wrong]), wrong).toThrow('is not a device');
  });

  it('matches ids by their start, an id only itself', () => {
    expect(isFilter('site-a.*')).toBe(true);
    expect(prefixOf('site-a.*')).toBe('site-a.');
    expect(prefixOf('*')).toBe('');
    expect(matches('site-a.*', 'site-a.7')).toBe(true);
    expect(matches('site-a.*', 'my-site-a.7')).toBe(false);
    expect(matches('*', 'anything')).toBe(true);
    expect(matches('dev-1', 'dev-10')).toBe(false);
  });
});
