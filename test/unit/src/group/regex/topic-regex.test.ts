import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RegexCache } from '../../../../../src/group/regex/cache.ts';
import { RegexError } from '../../../../../src/group/regex/parse.ts';
import { TopicRegex } from '../../../../../src/group/regex/topic-regex.ts';

const matches = (regex: string, name: string): boolean => new TopicRegex(regex).matches(name);

describe('an expression for topics', () => {
  test.each([
    ['orders', ['orders'], ['order', 'orders2', 'my-orders']],
    ['orders.*', ['orders', 'orders-eu'], ['my-orders']],
    ['^orders$|^sales$', ['orders', 'sales'], ['orders sales']],
    ['(?i)ORDERS', ['orders', 'Orders'], ['order']],
    ['(?i:A)b', ['ab', 'Ab'], ['aB']],
    ['a(?i)b|c', ['ab', 'aB', 'C'], ['Ab']],
    ['[a-c_]+[^0-9]', ['abc_x', 'a-'], ['a1', 'x']],
    ['[]a]', [']', 'a'], ['b']],
    ['[a\\-z]', ['a', '-', 'z'], ['b']],
    ['[[:alpha:][:^digit:]]', ['x', '-'], ['1']],
    ['\\d{2,3}', ['12', '123'], ['1', '1234']],
    ['\\w+\\W\\S', ['ab-c'], ['ab']],
    ['a{0}b{2}', ['bb'], ['b', 'abb']],
    ['a{,2}', ['a{,2}'], ['aa']],
    ['a??b*?c+?', ['c', 'abbcc'], ['b']],
    ['\\Qa.b\\E.', ['a.bx'], ['axbx']],
    ['(?P<name>x)(?<other>y)(?:z)', ['xyz'], ['xy']],
    ['\\bab\\b.\\bc', ['ab-c', 'ab.c'], ['abxc']],
    ['a\\Bb', ['ab'], ['a-b']],
    ['\\Aa\\.\\x62\\x{63}\\z', ['a.bc'], ['axbc']],
    ['(a*)*', ['', 'aaa'], ['b']],
    ['', [''], ['a']],
    ['a||b', ['a', '', 'b'], ['ab']],
  ])('%s matches whole names', (regex, yes, no) => {
    for (const name of yes) expect(matches(regex, name), name).toBe(true);
    for (const name of no) expect(matches(regex, name), name).toBe(false);
  });

  test.each([
    '(',
    ')',
    'a)',
    '[',
    '[z-a]',
    '*',
    'a**',
    'a{2}{3}',
    '+a',
    '(?=a)',
    '(?!a)',
    '(a)\\1',
    '\\pL',
    '\\',
    '[[:nope:]]',
    'a{1001}',
    '((a{100}){100}){100}',
    '(((){1000}){1000}){1000}',
    '\\C',
  ])('%s is refused with a reason', (regex) => {
    expect(() => new TopicRegex(regex)).toThrow(RegexError);
  });

  test('that nests without end is refused', () => {
    expect(() => new TopicRegex(`${'('.repeat(5_000)}a${')'.repeat(5_000)}`.slice(0, 4_000))).toThrow(
      RegexError,
    );
    expect(() => new TopicRegex('a'.repeat(5_000))).toThrow(RegexError);
  });

  test('which makes others look back for ever is followed in one pass', () => {
    const regex = new TopicRegex('(a|a|aa)*(a+)+b');
    expect(regex.matches('a'.repeat(249))).toBe(false);
    expect(regex.matches(`${'a'.repeat(200)}b`)).toBe(true);
  });

  test('agrees with that of JavaScript where both have the same syntax', () => {
    const atom = fc.constantFrom('a', 'b', '-', '\\.', '.', '[ab]', '[^a]', '\\d', '\\w', '^', '$', '\\b');
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        atom,
        fc.tuple(tie('node'), tie('node')).map(([a, b]) => `${a}${b}`),
        fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(${a}|${b})`),
        fc.tuple(tie('node'), fc.constantFrom('*', '+', '?', '{1,2}')).map(([a, q]) => `(?:${a})${q}`),
      ),
    })).node as fc.Arbitrary<string>;
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '-', '.', '1'), maxLength: 6 });
    fc.assert(
      fc.property(tree, fc.array(name, { minLength: 1, maxLength: 5 }), (regex, names) => {
        const ours = new TopicRegex(regex);
        const theirs = new RegExp(`^(?:${regex})$`);
        for (const text of names) expect(ours.matches(text), `${regex} on ${text}`).toBe(theirs.test(text));
      }),
      { numRuns: 500, seed: 848 },
    );
  });
});

describe('expressions in use', () => {
  const topics = (...names: string[]) => {
    const set = new Set(names);
    return { topic: () => undefined, nameOf: () => undefined, names: () => set };
  };

  test('give the same set until something else matches', () => {
    const cache = new RegexCache();
    const first = cache.matching('t.*', topics('t1', 't2', 'u'));
    expect([...first]).toEqual(['t1', 't2']);
    expect(cache.matching('t.*', topics('t1', 't2'))).toBe(first);
    expect([...cache.matching('t.*', topics('t1'))]).toEqual(['t1']);
  });

  test('match nothing when a record holds one that is not understood', () => {
    const cache = new RegexCache();
    expect(cache.matching('\\pL', topics('t')).size).toBe(0);
    expect(() => cache.check('\\pL')).toThrow(RegexError);
  });
});
