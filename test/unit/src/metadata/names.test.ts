import { describe, expect, test } from 'vitest';
import {
  hasCollisionChars,
  isInternalTopic,
  isValidTopicName,
  topicNameProblem,
  unifyCollisionChars,
} from '../../../../src/metadata/names.ts';

describe('a topic name', () => {
  test('may have letters, digits, dots, underscores and dashes, up to 249 of them', () => {
    for (const name of ['a', 'A-z_0.9', '...', 'x'.repeat(249)]) expect(topicNameProblem(name)).toBeNull();
  });

  test("is refused in Kafka's words", () => {
    expect(topicNameProblem('')).toBe('Topic name is invalid: the empty string is not allowed');
    expect(topicNameProblem('.')).toBe("Topic name is invalid: '.' is not allowed");
    expect(topicNameProblem('..')).toBe("Topic name is invalid: '..' is not allowed");
    const long = 'x'.repeat(250);
    expect(topicNameProblem(long)).toBe(
      `Topic name is invalid: the length of '${long}' is longer than the max allowed length 249`,
    );
    expect(topicNameProblem('a b')).toBe(
      "Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
    );
  });

  test('never leads out of its directory', () => {
    for (const name of ['a/b', '../x', 'a\0', 'ü', 'a\nb']) expect(isValidTopicName(name)).toBe(false);
  });

  test('collides with one that differs in dots and underscores only', () => {
    expect(hasCollisionChars('a.b')).toBe(true);
    expect(hasCollisionChars('a-b')).toBe(false);
    expect(unifyCollisionChars('a.b_c.d')).toBe(unifyCollisionChars('a_b.c_d'));
  });

  test('is internal for the two topics of the coordinators', () => {
    expect(isInternalTopic('__consumer_offsets')).toBe(true);
    expect(isInternalTopic('__transaction_state')).toBe(true);
    expect(isInternalTopic('__anything')).toBe(false);
  });
});
