/**
 * Writes the source of an encoder: one function for one version of a schema. See `compile-decode.ts` for the rules.
 *
 * Variables of the generated code: `w` the writer, `b` its buffer, `d` its view, `p` the position, `o` the object.
 * `b`, `d` and `p` are copies; they are written back before, and fetched again after, whatever may replace the
 * buffer.
 */
import { assert } from './assert.ts';
import { bodyFields, defaultOf, fixedSize, inVersion, isDefault, isNullable, taggedFields } from './field.ts';
import type { Version } from './interpret.ts';
import { refuseField } from './interpret.ts';
import type { Field, Fields } from './schema.ts';
import { writeUnsignedVarint } from './varint.ts';
import type { Writer } from './writer.ts';
import { putCompactString, putInt64, putInt64Exact, putString, putUuid } from './writer.ts';

export type Encoder = (writer: Writer, value: object) => void;

/** What the generated functions call. */
export const encodeHelpers = {
  notNull(value: unknown): void {
    assert(value !== null, 'A field that may not be null is null.');
  },
  isDefault,
  refuseField,
  putCompactString,
  putInt64,
  putInt64Exact,
  putString,
  putUuid,
  putVarint: writeUnsignedVarint,
};

const FETCH = 'b = w.buffer; d = w.view; p = w.position;';
/** Room for an unsigned varint. */
const VARINT_BYTES = 5;

/** The source of the encoder's body, and the constants that it knows as K0, K1, …. */
export function encoderSource(fields: Fields, version: Version): { source: string; constants: unknown[] } {
  const emitter = new EncodeEmitter(version);
  emitter.struct(fields, 'o');
  const source = `let ${FETCH.replaceAll('; ', ', ')}\n${emitter.lines.join('\n')}\nw.position = p;`;
  return { source, constants: emitter.constants };
}

class EncodeEmitter {
  readonly lines: string[] = [];
  /** Defaults and fields that the source can't spell. */
  readonly constants: unknown[] = [];
  readonly #version: Version;
  #variables = 0;

  constructor(version: Version) {
    this.#version = version;
  }

  #variable(): string {
    return `v${++this.#variables}`;
  }

  #constant(value: unknown): string {
    this.constants.push(value);
    return `K${this.constants.length - 1}`;
  }

  struct(fields: Fields, object: string): void {
    for (const [name, field] of Object.entries(fields)) {
      if (!inVersion(field, this.#version.number) && !field.ignorable) {
        this.lines.push(`if (${this.#isSet(field, `${object}.${name}`)}) refuseField('${name}');`);
      }
    }
    this.#body(bodyFields(fields, this.#version.number), object);
    if (this.#version.flexible) {
      this.#tagged(taggedFields(fields, this.#version.number), object);
    }
  }

  /** The condition under which a value is not the default. */
  #isSet(field: Field, value: string): string {
    const { defaultValue } = field;
    if (defaultValue !== undefined && typeof defaultValue !== 'bigint') {
      return `${value} !== undefined && ${value} !== ${JSON.stringify(defaultValue)}`;
    }
    return `${value} !== undefined && !isDefault(${this.#constant(field)}, ${value})`;
  }

  /** Emits the fetching of a member, with the default where it may be left out, and returns its variable. */
  #member(object: string, name: string, field: Field): string {
    const variable = this.#variable();
    this.lines.push(`let ${variable} = ${object}.${name};`);
    if (field.optional) {
      this.lines.push(`if (${variable} === undefined) ${variable} = ${this.#defaultSource(field)};`);
    }
    return variable;
  }

  #defaultSource(field: Field): string {
    const { defaultValue } = field;
    return defaultValue !== undefined && typeof defaultValue !== 'bigint'
      ? JSON.stringify(defaultValue)
      : this.#constant(defaultOf(field));
  }

  /** Neighbours of fixed size share one reservation. */
  #body(fields: readonly (readonly [string, Field])[], object: string): void {
    let run: { variable: string; field: Field }[] = [];
    const flush = (): void => {
      const size = run.reduce((sum, { field }) => sum + fixedSize(field), 0);
      if (size > 0) {
        this.#reserve(String(size));
        let at = 0;
        for (const { variable, field } of run) {
          this.lines.push(`${fixedWrite(field, at, variable)};`);
          at += fixedSize(field);
        }
        this.lines.push(`p += ${size};`);
      }
      run = [];
    };
    for (const [name, field] of fields) {
      const variable = this.#member(object, name, field);
      if (fixedSize(field) > 0) {
        run.push({ variable, field });
      } else {
        flush();
        this.#variableLength(field, variable);
      }
    }
    flush();
  }

  #tagged(fields: readonly (readonly [string, Field])[], object: string): void {
    if (fields.length === 0) {
      this.#reserve('1');
      this.lines.push('b[p++] = 0;');
      return;
    }
    const given = fields.map(([name, field]) => {
      const flag = this.#variable();
      this.lines.push(`const ${flag} = ${this.#isSet(field, `${object}.${name}`)};`);
      return { name, field, flag };
    });
    this.#unsignedVarint(given.map(({ flag }) => `(${flag} ? 1 : 0)`).join(' + '));
    for (const { name, field, flag } of given) {
      this.lines.push(`if (${flag}) {`);
      const variable = this.#variable();
      const mark = this.#variable();
      this.lines.push(`const ${variable} = ${object}.${name};`);
      this.#unsignedVarint(String(field.tag));
      this.#reserve('1');
      this.lines.push(`const ${mark} = p - w.start; p++;`);
      this.field(field, variable);
      this.lines.push(`w.position = p; w.patchSize(${mark}); ${FETCH} }`);
    }
  }

  /** Emits the writing of the value in a variable. */
  field(field: Field, variable: string): void {
    if (fixedSize(field) > 0) {
      this.#reserve(String(fixedSize(field)));
      this.lines.push(`${fixedWrite(field, 0, variable)}; p += ${fixedSize(field)};`);
    } else {
      this.#variableLength(field, variable);
    }
  }

  #variableLength(field: Field, variable: string): void {
    const compact = this.#version.flexible && field.compact;
    if (isNullable(field, this.#version.number)) {
      this.lines.push(`if (${variable} === null) {`);
      this.#null(field, compact);
      this.lines.push('} else {');
    } else {
      this.lines.push(`{ notNull(${variable});`);
    }
    switch (field.type) {
      case 'string':
        this.#reserve(`${variable}.length * 3 + ${VARINT_BYTES}`);
        this.lines.push(`p = ${compact ? 'putCompactString' : 'putString'}(b, p, ${variable});`);
        break;
      case 'bytes':
        this.#length(`${variable}.length`, compact);
        this.#reserve(`${variable}.length`);
        this.lines.push(`b.set(${variable}, p); p += ${variable}.length;`);
        break;
      case 'records':
        this.lines.push(`w.position = p; w.records(${variable}, ${compact}); ${FETCH}`);
        break;
      case 'array':
        this.#array(field, variable, compact);
        break;
      default:
        if (isNullable(field, this.#version.number)) {
          this.#reserve('1');
          this.lines.push('b[p++] = 1;');
        }
        this.struct(field.fields ?? {}, variable);
    }
    this.lines.push('}');
  }

  #array(field: Field, variable: string, compact: boolean): void {
    const index = this.#variable();
    const item = this.#variable();
    this.#length(`${variable}.length`, compact);
    this.lines.push(`for (let ${index} = 0; ${index} < ${variable}.length; ${index}++) {`);
    this.lines.push(`const ${item} = ${variable}[${index}];`);
    this.field(field.element as Field, item);
    this.lines.push('}');
  }

  #null(field: Field, compact: boolean): void {
    if (field.type === 'struct') {
      this.#reserve('1');
      this.lines.push('b[p++] = 0xff;');
    } else if (field.type === 'string' && !compact) {
      this.#reserve('2');
      this.lines.push('d.setInt16(p, -1); p += 2;');
    } else {
      this.#length('-1', compact);
    }
  }

  #length(count: string, compact: boolean): void {
    if (compact) {
      this.#unsignedVarint(`${count} + 1`);
    } else {
      this.#reserve('4');
      this.lines.push(`d.setInt32(p, ${count}); p += 4;`);
    }
  }

  #unsignedVarint(value: string): void {
    this.#reserve(String(VARINT_BYTES));
    this.lines.push(`p = putVarint(b, p, ${value});`);
  }

  #reserve(size: string): void {
    this.lines.push(`if (p + ${size} > b.length) { w.position = p; w.grow(${size}); ${FETCH} }`);
  }
}

function fixedWrite(field: Field, at: number, variable: string): string {
  const position = at === 0 ? 'p' : `p + ${at}`;
  switch (field.type) {
    case 'bool':
      return `d.setInt8(${position}, ${variable} ? 1 : 0)`;
    case 'int8':
      return `d.setInt8(${position}, ${variable})`;
    case 'int16':
    case 'uint16':
      return `d.setInt16(${position}, ${variable})`;
    case 'int32':
      return `d.setInt32(${position}, ${variable})`;
    case 'int64':
      return `putInt64(d, ${position}, ${variable})`;
    case 'int64Exact':
      return `putInt64Exact(d, ${position}, ${variable})`;
    case 'float64':
      return `d.setFloat64(${position}, ${variable})`;
    default:
      return `putUuid(b, ${position}, ${variable})`;
  }
}
