import { describe, expect, test } from 'vitest';
import { ErrorCode, errorMessage, errorName, isRetriable, KafkaError } from '../../../protocol/errors.ts';

describe('error codes', () => {
  test('Every code from -1 to 136 is there once.', () => {
    const codes = Object.values(ErrorCode).sort((a, b) => a - b);
    expect(codes).toEqual(Array.from({ length: 138 }, (_, index) => index - 1));
  });

  test('Names and texts belong to their codes.', () => {
    expect(ErrorCode.NOT_LEADER_OR_FOLLOWER).toBe(6);
    expect(errorName(6)).toBe('NOT_LEADER_OR_FOLLOWER');
    expect(errorMessage(3)).toBe('This server does not host this topic-partition.');
    expect(isRetriable(ErrorCode.NOT_LEADER_OR_FOLLOWER)).toBe(true);
    expect(isRetriable(ErrorCode.INVALID_REQUEST)).toBe(false);
  });

  test('The text of NONE is its name, as FindCoordinator sends it.', () => {
    expect(errorMessage(ErrorCode.NONE)).toBe('NONE');
  });

  test('An unknown code counts as an unknown server error.', () => {
    expect(errorName(9999)).toBe('UNKNOWN_SERVER_ERROR');
    expect(errorMessage(9999)).toBe(errorMessage(-1));
    expect(isRetriable(9999)).toBe(false);
  });
});

describe('KafkaError', () => {
  test('It carries the code, and by default the text of the code.', () => {
    const error = new KafkaError(ErrorCode.INVALID_REQUEST);
    expect(error).toMatchObject({ name: 'KafkaError', code: 42, message: errorMessage(42) });
    expect(new KafkaError(42, 'Because.').message).toBe('Because.');
  });
});
