/**
 * Writes the source of a decoder: one function for one version of a schema, without a loop over fields, a look-up,
 * or a call that can be avoided.
 *
 * The source is made from our own schema constants alone, whose names `schema.ts` has checked; nothing from the
 * wire gets into it. Each field is read into a local variable, and the object is a literal with all fields of the
 * schema in order, so that every version yields objects of the same shape.
 *
 * Variables of the generated code: `b` the bytes, `d` a DataView over them, `p` the position, `end` the bound,
 * `c` the cursor that hands the position back.
 */
import {
  bodyFields,
  EMPTY_BYTES,
  fixedSize,
  inVersion,
  isNullable,
  MAX_STRING_BYTES,
  minimumSize,
  taggedFields,
} from './field.ts';
import type { Version } from './interpret.ts';
import type { DecodeCursor } from './reader.ts';
import { copyBytes, MAX_PREALLOCATED, malformed } from './reader.ts';
import type { Field, Fields } from './schema.ts';
import { readUnsignedVarint } from './varint.ts';

export type Decoder = (
  buffer: Buffer,
  view: DataView,
  position: number,
  end: number,
  cursor: DecodeCursor,
) => Record<string, unknown>;

/** What the generated functions call. */
export const decodeHelpers = {
  EMPTY: EMPTY_BYTES,
  copyBytes,
  malformed,
  varint: readUnsignedVarint,
};

/** The source of the decoder's body; `name` is how it calls itself in the errors it throws. */
export function decoderSource(name: string, fields: Fields, version: Version): string {
  const emitter = new DecodeEmitter(version);
  const literal = emitter.struct(fields, name);
  return `${emitter.lines.join('\n')}\nc.position = p;\nreturn ${literal};`;
}

class DecodeEmitter {
  readonly lines: string[] = [];
  readonly #version: Version;
  #variables = 0;

  constructor(version: Version) {
    this.#version = version;
  }

  #variable(): string {
    return `v${++this.#variables}`;
  }

  /** Emits the reading of a struct and returns the expression of its object. */
  struct(fields: Fields, path: string): string {
    const variables = new Map<string, string>();
    for (const [name, field] of Object.entries(fields)) {
      if (field.tag >= 0 && inVersion(field, this.#version.number)) {
        const variable = this.#variable();
        this.lines.push(`let ${variable} = ${defaultLiteral(field)};`);
        variables.set(name, variable);
      }
    }
    this.#body(bodyFields(fields, this.#version.number), path, variables);
    if (this.#version.flexible) {
      this.#tagged(taggedFields(fields, this.#version.number), path, variables);
    }
    const members = Object.entries(fields).map(
      ([name, field]) => `${name}: ${variables.get(name) ?? defaultLiteral(field)}`,
    );
    return `{ ${members.join(', ')} }`;
  }

  /** Neighbours of fixed size share one bounds check. */
  #body(fields: readonly (readonly [string, Field])[], path: string, variables: Map<string, string>): void {
    let run: { variable: string; field: Field }[] = [];
    const flush = (): void => {
      const size = run.reduce((sum, { field }) => sum + fixedSize(field), 0);
      if (size > 0) {
        this.#checkRoom(String(size), path);
        let at = 0;
        for (const { variable, field } of run) {
          this.lines.push(`const ${variable} = ${fixedRead(field, at)};`);
          at += fixedSize(field);
        }
        this.lines.push(`p += ${size};`);
      }
      run = [];
    };
    for (const [name, field] of fields) {
      const variable = this.#variable();
      variables.set(name, variable);
      if (fixedSize(field) > 0) {
        run.push({ variable, field });
      } else {
        flush();
        this.lines.push(`let ${variable};`);
        this.#variableLength(field, variable, `${path}.${name}`);
      }
    }
    flush();
  }

  #tagged(
    fields: readonly (readonly [string, Field])[],
    path: string,
    variables: ReadonlyMap<string, string>,
  ): void {
    const left = this.#unsignedVarint(path);
    const tag = this.#variable();
    this.lines.push(`for (; ${left} > 0; ${left}--) {`);
    this.lines.push(`c.position = p; const ${tag} = varint(b, c, end);`);
    this.lines.push(`const ${tag}size = varint(b, c, end); p = c.position;`);
    this.lines.push(`switch (${tag}) {`);
    for (const [name, field] of fields) {
      this.lines.push(`case ${field.tag}: {`);
      this.field(field, variables.get(name) ?? '', `${path}.${name}`);
      this.lines.push('break; }');
    }
    this.lines.push(`default: if (${tag}size < 0 || ${tag}size > end - p) malformed('cut off', '${path}');`);
    this.lines.push(`p += ${tag}size; } }`);
  }

  /** Emits the reading of one field into a variable that exists. */
  field(field: Field, variable: string, path: string): void {
    if (fixedSize(field) > 0) {
      this.#checkRoom(String(fixedSize(field)), path);
      this.lines.push(`${variable} = ${fixedRead(field, 0)}; p += ${fixedSize(field)};`);
    } else {
      this.#variableLength(field, variable, path);
    }
  }

  #variableLength(field: Field, variable: string, path: string): void {
    if (field.type === 'struct') {
      this.#nestedStruct(field, variable, path);
      return;
    }
    const length = this.#length(field, path);
    const onNull = isNullable(field, this.#version.number)
      ? `${variable} = null;`
      : `malformed('null where null is not allowed', '${path}');`;
    this.lines.push(`if (${length} < 0) { ${onNull} } else {`);
    switch (field.type) {
      case 'string':
        this.lines.push(`if (${length} > ${MAX_STRING_BYTES}) malformed('string too long', '${path}');`);
        this.#checkRoom(length, path);
        this.lines.push(`${variable} = ${length} === 0 ? '' : b.toString('utf8', p, p + ${length});`);
        this.lines.push(`p += ${length};`);
        break;
      case 'bytes':
        this.#checkRoom(length, path);
        this.lines.push(`${variable} = copyBytes(b, p, ${length}); p += ${length};`);
        break;
      case 'records':
        this.#checkRoom(length, path);
        this.lines.push(`${variable} = b.subarray(p, p + ${length}); p += ${length};`);
        break;
      default:
        this.#array(field, variable, length, path);
    }
    this.lines.push('}');
  }

  #nestedStruct(field: Field, variable: string, path: string): void {
    const nullable = isNullable(field, this.#version.number);
    if (nullable) {
      this.#checkRoom('1', path);
      this.lines.push(`if (d.getInt8(p++) < 0) { ${variable} = null; } else {`);
    } else {
      this.lines.push('{');
    }
    const literal = this.struct(field.fields ?? {}, path);
    this.lines.push(`${variable} = ${literal}; }`);
  }

  #array(field: Field, variable: string, length: string, path: string): void {
    const element = field.element as Field;
    const minimum = Math.max(1, minimumSize(element, this.#version.number, this.#version.flexible));
    const index = this.#variable();
    const item = this.#variable();
    this.lines.push(`if (${length} * ${minimum} > end - p) malformed('list too long', '${path}');`);
    this.lines.push(`if ((c.elementsLeft -= ${length}) < 0) malformed('too many elements', '${path}');`);
    this.lines.push(`${variable} = ${length} > ${MAX_PREALLOCATED} ? [] : new Array(${length});`);
    this.lines.push(`for (let ${index} = 0; ${index} < ${length}; ${index}++) { let ${item};`);
    this.field(element, item, path);
    this.lines.push(`${variable}[${index}] = ${item}; }`);
  }

  /** Emits the reading of a length, negative for null, and returns its variable. */
  #length(field: Field, path: string): string {
    if (this.#version.flexible && field.compact) {
      const length = this.#unsignedVarint(path);
      this.lines.push(`${length} = (${length} - 1) | 0;`);
      return length;
    }
    const length = this.#variable();
    const [size, read] = field.type === 'string' ? ['2', 'getInt16'] : ['4', 'getInt32'];
    this.#checkRoom(size, path);
    this.lines.push(`const ${length} = d.${read}(p); p += ${size};`);
    return length;
  }

  #unsignedVarint(path: string): string {
    const variable = this.#variable();
    this.#checkRoom('1', path);
    this.lines.push(`let ${variable} = b[p]; if (${variable} < 0x80) { p++; } else {`);
    this.lines.push(`c.position = p; ${variable} = varint(b, c, end); p = c.position; }`);
    return variable;
  }

  #checkRoom(size: string, path: string): void {
    this.lines.push(`if (${size} > end - p) malformed('cut off', '${path}');`);
  }
}

function fixedRead(field: Field, at: number): string {
  const position = at === 0 ? 'p' : `p + ${at}`;
  switch (field.type) {
    case 'bool':
      return `d.getInt8(${position}) !== 0`;
    case 'int8':
      return `d.getInt8(${position})`;
    case 'int16':
      return `d.getInt16(${position})`;
    case 'uint16':
      return `d.getUint16(${position})`;
    case 'int32':
      return `d.getInt32(${position})`;
    case 'int64':
      return `d.getInt32(${position}) * 4294967296 + d.getUint32(p + ${at + 4})`;
    case 'int64Exact':
      return `d.getBigInt64(${position})`;
    case 'float64':
      return `d.getFloat64(${position})`;
    default:
      return `b.toString('base64url', ${position}, p + ${at + 16})`;
  }
}

/** The source of a field's default. Lists and structs are made anew in each object. */
function defaultLiteral(field: Field): string {
  const value = field.defaultValue;
  if (typeof value === 'bigint') {
    return `${value}n`;
  }
  if (value !== undefined) {
    return JSON.stringify(value);
  }
  if (field.type === 'array') {
    return '[]';
  }
  if (field.fields !== null) {
    const members = Object.entries(field.fields).map(
      ([name, nested]) => `${name}: ${defaultLiteral(nested)}`,
    );
    return `{ ${members.join(', ')} }`;
  }
  return 'EMPTY';
}
