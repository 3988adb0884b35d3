/**
 * The slow, obvious codec: walks the schema field by field.
 *
 * It is the oracle for the compiled codecs, and does their work where code generation from strings is disallowed.
 */
import { assert, unreachable } from './assert.ts';
import { ErrorCode, KafkaError, MalformedMessage } from './errors.ts';
import {
  bodyFields,
  defaultOf,
  inVersion,
  isDefault,
  isNullable,
  minimumSize,
  taggedFields,
} from './field.ts';
import type { Reader } from './reader.ts';
import { MAX_PREALLOCATED } from './reader.ts';
import type { Field, Fields } from './schema.ts';
import type { Writer } from './writer.ts';

type Struct = Record<string, unknown>;

/** One version of a schema. */
export interface Version {
  readonly number: number;
  readonly flexible: boolean;
}

/** Reads a struct. Fields that the version lacks, and tagged ones that were not sent, get their defaults. */
export function readStruct(reader: Reader, fields: Fields, version: Version): Struct {
  const struct: Struct = {};
  for (const [name, field] of Object.entries(fields)) {
    const present = field.tag < 0 && inVersion(field, version.number);
    struct[name] = present ? readField(reader, field, version) : defaultOf(field);
  }
  if (version.flexible) {
    readTagged(reader, fields, version, struct);
  }
  return struct;
}

/** Tags may come in any order and more than once: the last wins. Unknown ones are passed over. */
function readTagged(reader: Reader, fields: Fields, version: Version, struct: Struct): void {
  const known = new Map(taggedFields(fields, version.number).map((entry) => [entry[1].tag, entry]));
  for (let left = reader.unsignedVarint(); left > 0; left--) {
    const tag = reader.unsignedVarint();
    const size = reader.unsignedVarint();
    const entry = known.get(tag);
    if (entry === undefined) {
      reader.skip(size);
    } else {
      struct[entry[0]] = readField(reader, entry[1], version);
    }
  }
}

function readField(reader: Reader, field: Field, version: Version): unknown {
  const compact = version.flexible && field.compact;
  switch (field.type) {
    case 'string': {
      const length = reader.stringLength(compact);
      return length < 0 ? nullOf(field, version) : reader.text(length);
    }
    case 'bytes': {
      const length = reader.length(compact);
      return length < 0 ? nullOf(field, version) : reader.copy(length);
    }
    case 'records': {
      const length = reader.length(compact);
      return length < 0 ? nullOf(field, version) : reader.view(length);
    }
    case 'array': {
      const length = reader.length(compact);
      return length < 0 ? nullOf(field, version) : readArray(reader, field.element, version, length);
    }
    case 'struct': {
      if (isNullable(field, version.number) && reader.int8() < 0) {
        return null;
      }
      return readStruct(reader, field.fields ?? {}, version);
    }
    default:
      return reader[field.type]();
  }
}

function nullOf(field: Field, version: Version): null {
  if (!isNullable(field, version.number)) {
    throw new MalformedMessage('A field that may not be null is null.');
  }
  return null;
}

function readArray(reader: Reader, element: Field | null, version: Version, length: number): unknown[] {
  assert(element !== null, 'A list has an element type.');
  const minimum = Math.max(1, minimumSize(element, version.number, version.flexible));
  if (length * minimum > reader.remaining) {
    throw new MalformedMessage('A list claims more elements than the message has bytes for.');
  }
  reader.elementsLeft -= length;
  if (reader.elementsLeft < 0) {
    throw new MalformedMessage('A message has too many elements.');
  }
  const list: unknown[] = length > MAX_PREALLOCATED ? [] : new Array(length);
  for (let index = 0; index < length; index++) {
    list[index] = readField(reader, element, version);
  }
  return list;
}

/** Writes a struct. Fields left out get their defaults. */
export function writeStruct(writer: Writer, fields: Fields, version: Version, value: Struct): void {
  for (const [name, field] of Object.entries(fields)) {
    if (!(inVersion(field, version.number) || field.ignorable || isDefault(field, value[name]))) {
      refuseField(name);
    }
  }
  for (const [name, field] of bodyFields(fields, version.number)) {
    writeField(writer, field, version, value[name] === undefined ? defaultOf(field) : value[name]);
  }
  if (version.flexible) {
    const given = taggedFields(fields, version.number).filter(([name, f]) => !isDefault(f, value[name]));
    writer.unsignedVarint(given.length);
    for (const [name, field] of given) {
      writer.unsignedVarint(field.tag);
      const mark = writer.position - writer.start;
      writer.int8(0);
      writeField(writer, field, version, value[name]);
      writer.patchSize(mark);
    }
  }
}

/** As Kafka does when a value has no place in the version that the peer speaks. */
export function refuseField(name: string): never {
  throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION, `The version has no place for the value of ${name}.`);
}

function writeField(writer: Writer, field: Field, version: Version, value: unknown): void {
  const compact = version.flexible && field.compact;
  if (value === null) {
    assert(isNullable(field, version.number), 'A field that may not be null is null.');
    writeNull(writer, field, compact);
    return;
  }
  switch (field.type) {
    case 'string':
      writer.string(value as string, compact);
      break;
    case 'bytes':
      writer.bytes(value as Uint8Array, compact);
      break;
    case 'records':
      writer.records(value as Buffer | readonly Buffer[], compact);
      break;
    case 'array': {
      const list = value as readonly unknown[];
      assert(field.element !== null, 'A list has an element type.');
      writer.length(list.length, compact);
      for (const element of list) {
        writeField(writer, field.element, version, element);
      }
      break;
    }
    case 'struct':
      if (isNullable(field, version.number)) {
        writer.int8(1);
      }
      writeStruct(writer, field.fields ?? {}, version, value as Struct);
      break;
    default:
      writeScalar(writer, field.type, value);
  }
}

function writeNull(writer: Writer, field: Field, compact: boolean): void {
  if (field.type === 'struct') {
    writer.int8(-1);
  } else if (field.type === 'string' && !compact) {
    writer.int16(-1);
  } else {
    writer.length(-1, compact);
  }
}

type FixedType = Exclude<Field['type'], 'string' | 'bytes' | 'records' | 'array' | 'struct'>;

function writeScalar(writer: Writer, type: FixedType, value: unknown): void {
  switch (type) {
    case 'bool':
      writer.bool(value as boolean);
      break;
    case 'int8':
      writer.int8(value as number);
      break;
    case 'int16':
    case 'uint16':
      writer.int16(value as number);
      break;
    case 'int32':
      writer.int32(value as number);
      break;
    case 'int64':
    case 'int64Exact':
      writer.int64(value as number | bigint);
      break;
    case 'float64':
      writer.float64(value as number);
      break;
    case 'uuid':
      writer.uuid(value as string);
      break;
    default:
      unreachable(type);
  }
}
