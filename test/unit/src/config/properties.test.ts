import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../../../src/config/config-error.ts';
import { parseProperties } from '../../../../src/config/properties.ts';

const entries = (text: string) => [...parseProperties(text)];

describe('properties file', () => {
  test('keys end at the first equals sign, colon or blank that is not escaped', () => {
    expect(entries('a=1\nb:2\nc 3\nd\t=\t4\ne = f = g\n')).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
      ['d', '4'],
      ['e', 'f = g'],
    ]);
    expect(entries('a\\=b\\:c\\ d=1')).toEqual([['a=b:c d', '1']]);
  });

  test('comments and blank lines are passed over, but not inside a continued line', () => {
    expect(entries('# a=1\n  ! b=2\n\n \t\nc=3,\\\n  # 4,\\\n  5\n')).toEqual([['c', '3,# 4,5']]);
  });

  test('a line continues only after an odd number of backslashes', () => {
    expect(entries('a=b\\\\\nc=d\\\n   e')).toEqual([
      ['a', 'b\\'],
      ['c', 'de'],
    ]);
    expect(entries('a=b\\')).toEqual([['a', 'b']]);
  });

  test('escapes stand for their characters, and unknown ones for themselves', () => {
    expect(entries('a=\\t\\n\\u00e9\\q\\"')).toEqual([['a', '\t\né' + 'q"']]);
  });

  test('a malformed unicode escape is refused', () => {
    expect(() => parseProperties('a=\\u12x4')).toThrow(ConfigError);
  });

  test('the later of two equal keys wins, and every kind of line end is one', () => {
    expect(entries('a=1\r\nb=2\ra=3\n')).toEqual([
      ['a', '3'],
      ['b', '2'],
    ]);
  });

  test('trailing blanks belong to the value, leading ones do not', () => {
    expect(entries('a=   x  ')).toEqual([['a', 'x  ']]);
  });

  test('a key without a value has an empty one', () => {
    expect(entries('a\nb=\n=c')).toEqual([
      ['a', ''],
      ['b', ''],
      ['', 'c'],
    ]);
  });
});
