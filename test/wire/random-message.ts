/** Random values for a schema, for property tests. */
import fc from 'fast-check';
import { inVersion, isNullable } from '../../protocol/field.ts';
import type { Field, Fields } from '../../protocol/schema.ts';
import { uuidFromBytes } from '../../protocol/uuid.ts';
import type { Struct } from './message-vectors.ts';

const MAX_ELEMENTS = 3;

/** Values for the fields of one version; tagged ones may be left out. */
export function structArbitrary(fields: Fields, version: number): fc.Arbitrary<Struct> {
  const present = Object.entries(fields).filter(([, field]) => inVersion(field, version));
  const optional = present.filter(([, field]) => field.tag >= 0).map(([name]) => name);
  const required = present.filter(([, field]) => field.tag < 0).map(([name]) => name);
  const members = Object.fromEntries(
    present.map(([name, field]) => [name, fieldArbitrary(field, version)]),
  ) as Record<string, fc.Arbitrary<unknown>>;
  return optional.length === 0
    ? fc.record(members, { noNullPrototype: true })
    : fc.record(members, { requiredKeys: required, noNullPrototype: true });
}

function fieldArbitrary(field: Field, version: number): fc.Arbitrary<unknown> {
  const value = valueArbitrary(field, version);
  return isNullable(field, version) ? fc.option(value, { nil: null, freq: 3 }) : value;
}

function valueArbitrary(field: Field, version: number): fc.Arbitrary<unknown> {
  switch (field.type) {
    case 'bool':
      return fc.boolean();
    case 'int8':
      return fc.integer({ min: -128, max: 127 });
    case 'int16':
      return fc.integer({ min: -32_768, max: 32_767 });
    case 'uint16':
      return fc.integer({ min: 0, max: 65_535 });
    case 'int32':
      return fc.integer();
    case 'int64':
      return fc.oneof(fc.maxSafeInteger(), fc.constantFrom(2 ** 63, -(2 ** 63)));
    case 'int64Exact':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'float64':
      return fc.double({ noNaN: true });
    case 'string':
      return fc.oneof({ weight: 4, arbitrary: fc.string() }, fc.string({ unit: 'grapheme', maxLength: 200 }));
    case 'uuid':
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => uuidFromBytes(bytes));
    case 'bytes':
    case 'records':
      return fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    case 'array':
      return fc.array(fieldArbitrary(field.element as Field, version), { maxLength: MAX_ELEMENTS });
    case 'struct':
      return structArbitrary(field.fields as Fields, version);
  }
}
