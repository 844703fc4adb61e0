import { describe, expect, it } from 'vitest';
import { repeatedMember } from '../../src/admin/repeated-members.ts';

describe('a member of an object', () => {
  it.each([
    '{}',
    '[]',
    '"a"',
    '{"a":{"a":1},"b":[{"a":1},{"a":2}]}',
    '{"a":"{\\"b\\":1,\\"b\\":2}","b":":"}',
    '["a","a"]',
    '{"a":"a","b":"a"}',
  ])('is there once in %s', (text) => expect(repeatedMember(text)).toBeUndefined());

  it.each([
    ['{"a":1,"a":1}', 'a'],
    ['{"x":[{"a":1},{"b":1,"c":{"b":1},"b" : 2}]}', 'b'],
    ['{"\\u0061":1,"a":2}', 'a'],
    ['{"":1,"":2}', ''],
  ])('is there twice in %s', (text, name) => expect(repeatedMember(text)).toBe(name));
});
