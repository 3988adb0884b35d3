import { describe, expect, test } from 'vitest';
import { decodeMessageAt, encodeMessage } from '../../protocol/codec.ts';
import { readStruct, writeStruct } from '../../protocol/interpret.ts';
import { Reader } from '../../protocol/reader.ts';
import type { Message } from '../../protocol/schema.ts';
import { Writer } from '../../protocol/writer.ts';
import type { Struct, Vector } from './message-vectors.ts';
import {
  asOf37,
  changedMessages,
  expectedStruct,
  inputStruct,
  laterMessages,
  messages,
  readVectors,
} from './message-vectors.ts';

const vectors = readVectors();

function interpretedDecode(message: Message, { version, bytes }: Vector): Struct {
  const reader = new Reader(bytes);
  const value = readStruct(reader, message.fields, {
    number: version,
    flexible: version >= message.flexible,
  });
  expect(reader.remaining).toBe(0);
  return value;
}

function interpretedEncode(message: Message, version: number, value: Struct): Buffer {
  const writer = new Writer();
  writer.begin();
  writeStruct(writer, message.fields, { number: version, flexible: version >= message.flexible }, value);
  return Buffer.concat(writer.finish());
}

/** Bytes are compared as hex: that fails with a readable difference, and fast. */
function expectSameBytes(actual: Buffer, expected: Buffer): void {
  if (!actual.equals(expected)) {
    expect(actual.toString('hex')).toBe(expected.toString('hex'));
  }
}

function checkVector(message: Message, vector: Vector): void {
  const { version, bytes } = vector;
  const expected = expectedStruct(message.fields, vector.value);
  const { value, end } = decodeMessageAt(message, version, bytes);
  expect(value).toStrictEqual(expected);
  expect(end).toBe(bytes.length);
  expect(interpretedDecode(message, vector)).toStrictEqual(expected);

  const input = inputStruct(message.fields, vector.value);
  expectSameBytes(encodeMessage(message, version, input), bytes);
  expectSameBytes(interpretedEncode(message, version, input), bytes);
  expectSameBytes(encodeMessage(message, version, value), bytes);
  expectSameBytes(interpretedEncode(message, version, value), bytes);
}

describe('vectors', () => {
  test('Every message of Apache Kafka 3.7.0 is declared, and nothing else.', () => {
    expect([...messages.keys()].filter((name) => !laterMessages.includes(name)).sort()).toEqual(
      [...vectors.keys()].sort(),
    );
  });

  test.each([...messages.values()].map((message) => [message.name, message] as const))(
    'There are vectors for every version of %s.',
    (name, message) => {
      const [first, last] = asOf37(message).versions;
      if (laterMessages.includes(name) || changedMessages.includes(name)) {
        return;
      }
      const versions = new Set(vectors.get(name)?.map(({ version }) => version));
      expect([...versions]).toEqual(Array.from({ length: last - first + 1 }, (_, index) => first + index));
    },
  );
});

describe.each([...vectors].filter(([name]) => !changedMessages.includes(name)))('%s', (name, list) => {
  const message = messages.get(name) as Message;

  test.each([...new Set(list.map(({ version }) => version))])(
    'Version %i is decoded and encoded as by Apache Kafka, compiled and interpreted.',
    (version) => {
      for (const vector of list.filter((candidate) => candidate.version === version)) {
        checkVector(message, vector);
      }
    },
  );
});
