import { describe, expect, it } from 'vitest';
import { checkFilters, prefixOf } from '../../src/cli/filter.ts';

describe('a filter', () => {
  it('is an id, the start of one and *, or * alone', () => {
    expect(() => checkFilters(['dev-1', 'site-a.*', '*'])).not.toThrow();
    for (const wrong of ['', '**', 'a*b', 'ä*', '*a', `${'x'.repeat(129)}*`])
      expect(() => checkFilters([wrong]), wrong).toThrow('is not a device');
  });

  it('asks for ids by their start, an id only for itself', () => {
    expect(prefixOf('site-a.*')).toBe('site-a.');
    expect(prefixOf('*')).toBe('');
    expect(prefixOf('dev-1')).toBe('dev-1');
  });
});
