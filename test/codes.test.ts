import { describe, expect, it } from 'vitest';
import { closes, errors, removals } from '../src/codes.ts';

const codesOf = (entries: Readonly<Record<string, { readonly code: number }>>): number[] =>
  Object.values(entries).map(({ code }) => code);

describe('the registry of codes', () => {
  it('holds the error codes of the contract', () => {
    expect(codesOf(errors)).toEqual([100, 103, 104, 106, 107, 111, 120, 121, 122, 123]);
  });

  it('holds the close codes of the contract', () => {
    expect(codesOf(closes)).toEqual([4000, 4001, 4003, 4004, 4005, 4009, 4100, 4101, 4108, 4200, 4201, 4202]);
  });

  it('takes the codes of removals from those of errors', () => {
    expect(codesOf(removals).sort()).toEqual([103, 121, 122, 123]);
    for (const code of codesOf(removals)) expect(codesOf(errors)).toContain(code);
  });

  it('gives every entry a reason: lower case, without a full stop', () => {
    for (const { reason } of [closes, errors, removals].flatMap((entries) => Object.values(entries))) {
      expect(reason).toMatch(/^[^A-Z].*[^.]$/);
    }
  });
});
