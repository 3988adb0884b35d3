/**
 * What can be asked of a field: whether a version has it, its default, and whether a value is the default.
 *
 * Shared by the interpreter and the two compilers, so that they can't disagree about these rules.
 */
import type { Field, Fields } from './schema.ts';

export const EMPTY_BYTES: Buffer = Buffer.alloc(0);

/** Longest string in UTF-8 bytes, in every version, as in the classes that Kafka generates. */
export const MAX_STRING_BYTES = 0x7fff;

export function inVersion(field: Field, version: number): boolean {
  return version >= field.since && version <= field.until;
}

export function isNullable(field: Field, version: number): boolean {
  return version >= field.nullableSince;
}

/** The fields of `version` that stand in the body, in wire order. */
export function bodyFields(fields: Fields, version: number): readonly (readonly [string, Field])[] {
  return Object.entries(fields).filter(([, field]) => field.tag < 0 && inVersion(field, version));
}

/** The fields of `version` that stand in the tagged section, in the order of their tags. */
export function taggedFields(fields: Fields, version: number): readonly (readonly [string, Field])[] {
  return Object.entries(fields)
    .filter(([, field]) => field.tag >= 0 && inVersion(field, version))
    .sort(([, a], [, b]) => a.tag - b.tag);
}

/** The value of a field that is not there. Lists and structs are made anew for each caller. */
export function defaultOf(field: Field): unknown {
  if (field.defaultValue !== undefined) {
    return field.defaultValue;
  }
  if (field.type === 'array') {
    return [];
  }
  if (field.fields !== null) {
    return defaultsOf(field.fields);
  }
  return EMPTY_BYTES;
}

/** The object whose every field has its default. */
export function defaultsOf(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, defaultOf(field)]));
}

/** Whether `value` is the default of the field; undefined, a field left out, is. */
export function isDefault(field: Field, value: unknown): boolean {
  if (value === undefined) {
    return true;
  }
  if (value === null || field.defaultValue === null) {
    return value === field.defaultValue;
  }
  if (field.type === 'array' || field.type === 'bytes') {
    return (value as { readonly length: number }).length === 0;
  }
  if (field.fields !== null) {
    const struct = value as Record<string, unknown>;
    return Object.entries(field.fields).every(([name, nested]) => isDefault(nested, struct[name]));
  }
  if (field.type === 'int64Exact') {
    return Number(value) === Number(field.defaultValue);
  }
  return value === field.defaultValue;
}

/** Bytes of a scalar that always takes the same room; 0 for everything else. */
export function fixedSize(field: Field): number {
  switch (field.type) {
    case 'bool':
    case 'int8':
      return 1;
    case 'int16':
    case 'uint16':
      return 2;
    case 'int32':
      return 4;
    case 'int64':
    case 'int64Exact':
    case 'float64':
      return 8;
    case 'uuid':
      return 16;
    case 'string':
    case 'bytes':
    case 'records':
    case 'array':
      return 0;
    case 'struct':
      return 0;
  }
}

/** The fewest bytes that a field can take: bounds what a claimed number of elements may allocate. */
export function minimumSize(field: Field, version: number, flexible: boolean): number {
  switch (field.type) {
    case 'string':
      return flexible && field.compact ? 1 : 2;
    case 'bytes':
    case 'records':
    case 'array':
      return flexible ? 1 : 4;
    case 'struct': {
      if (isNullable(field, version)) {
        return 1;
      }
      const body = bodyFields(field.fields ?? {}, version);
      const size = body.reduce((sum, [, nested]) => sum + minimumSize(nested, version, flexible), 0);
      return size + (flexible ? 1 : 0);
    }
    default:
      return fixedSize(field);
  }
}
