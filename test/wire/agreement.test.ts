/**
 * The slow codec proves the fast one: on random messages and on damaged bytes the compiled codec and the interpreter
 * must do the same, and damage must never cost more than a `MalformedMessage`.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMessageAt, encodeMessage } from '../../protocol/codec.ts';
import { MalformedMessage } from '../../protocol/errors.ts';
import { readStruct, writeStruct } from '../../protocol/interpret.ts';
import { Reader } from '../../protocol/reader.ts';
import type { Message } from '../../protocol/schema.ts';
import { Writer } from '../../protocol/writer.ts';
import type { Struct } from './message-vectors.ts';
import { messages, readVectors } from './message-vectors.ts';
import { structArbitrary } from './random-message.ts';

const RUNS_PER_VERSION = 6;
const DAMAGES_PER_MESSAGE = 250;

type Outcome = { readonly value: unknown; readonly end: number } | 'malformed';

function versionsOf({ versions: [first, last] }: Message): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function interpretedEncode(message: Message, version: number, value: Struct): Buffer {
  const writer = new Writer();
  writer.begin();
  writeStruct(writer, message.fields, { number: version, flexible: version >= message.flexible }, value);
  return Buffer.concat(writer.finish());
}

function outcomeOf(decode: () => Outcome): Outcome {
  try {
    return decode();
  } catch (error) {
    if (error instanceof MalformedMessage) {
      return 'malformed';
    }
    throw error;
  }
}

function compiled(message: Message, version: number, bytes: Buffer): Outcome {
  return outcomeOf(() => decodeMessageAt(message, version, bytes));
}

function interpreted(message: Message, version: number, bytes: Buffer): Outcome {
  return outcomeOf(() => {
    const reader = new Reader(bytes);
    const flexible = version >= message.flexible;
    const value = readStruct(reader, message.fields, { number: version, flexible });
    return { value, end: reader.position };
  });
}

describe.each([...messages])('random %s', (_name, message) => {
  test('The compiled codec and the interpreter agree on random values, and both read back what they wrote.', () => {
    for (const version of versionsOf(message)) {
      fc.assert(
        fc.property(structArbitrary(message.fields, version), (value) => {
          const bytes = encodeMessage(message, version, value);
          expect(interpretedEncode(message, version, value).equals(bytes)).toBe(true);
          const decoded = compiled(message, version, bytes);
          expect(decoded).toStrictEqual(interpreted(message, version, bytes));
          expect(decoded).toMatchObject({ end: bytes.length });
          const again = encodeMessage(message, version, (decoded as { value: Struct }).value);
          expect(again.equals(bytes)).toBe(true);
        }),
        { numRuns: RUNS_PER_VERSION, seed: message.name.length * 1000 + version },
      );
    }
  });
});

/** Kinds of damage that reach lengths, counts, tags and text. */
const damage = fc.record({
  kind: fc.constantFrom('cut', 'flip', 'huge', 'ones', 'zeros', 'insert'),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  byte: fc.integer({ min: 0, max: 255 }),
});

function damaged(bytes: Buffer, { kind, at, byte }: { kind: string; at: number; byte: number }): Buffer {
  const copy = Buffer.from(bytes);
  const index = Math.min(Math.floor(at * copy.length), Math.max(0, copy.length - 1));
  switch (kind) {
    case 'cut':
      return copy.subarray(0, index);
    case 'flip':
      return copy.fill(byte, index, Math.min(index + 1, copy.length));
    case 'huge':
      copy.set([0x7f, 0xff, 0xff, 0xff].slice(0, copy.length - index), index);
      return copy;
    case 'ones':
      return copy.fill(0xff, index, Math.min(index + 5, copy.length));
    case 'zeros':
      return copy.fill(0, index, Math.min(index + 4, copy.length));
    default:
      return Buffer.concat([copy.subarray(0, index), Buffer.from([byte]), copy.subarray(index)]);
  }
}

describe.each([...readVectors()])('damaged %s', (name, vectors) => {
  const message = messages.get(name) as Message;

  test('Damage is refused as a malformed message or read alike by both codecs.', () => {
    const small = vectors.filter(({ bytes }) => bytes.length < 4_000);
    fc.assert(
      fc.property(
        fc.nat(small.length - 1),
        fc.array(damage, { minLength: 1, maxLength: 3 }),
        (index, list) => {
          const vector = small[index];
          if (vector === undefined) {
            return;
          }
          const bytes = list.reduce(damaged, vector.bytes);
          expect(compiled(message, vector.version, bytes)).toStrictEqual(
            interpreted(message, vector.version, bytes),
          );
        },
      ),
      { numRuns: DAMAGES_PER_MESSAGE, seed: name.length },
    );
  });

  test('Random bytes are refused or read alike by both codecs.', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(vectors.length - 1), (random, index) => {
        const version = vectors[index]?.version ?? 0;
        const bytes = Buffer.from(random);
        expect(compiled(message, version, bytes)).toStrictEqual(interpreted(message, version, bytes));
      }),
      { numRuns: 60, seed: name.length },
    );
  });
});
