/**
 * Requests as plain values, made for any version of an API from one base, and changed field by field into requests
 * that no honest client sends.
 *
 * Always true: what is made here encodes in the version it was made for, so that a refusal comes from the broker.
 */
import type { Field, Fields } from '../../../protocol/schema.ts';
import { ZERO_UUID } from '../../../protocol/uuid.ts';

export type Value = unknown;
export interface Struct {
  [name: string]: Value;
}

/** One change of a base request: where, and what stands there instead. */
export interface Mutation {
  readonly name: string;
  readonly apply: (request: Struct) => Struct;
}

export const isIn = (field: Field, version: number): boolean =>
  version >= field.since && version <= field.until;

function emptyOf(field: Field): Value {
  if (field.fields !== null) return field.defaultValue ?? shape(field.fields, 0, {});
  if (field.type === 'array') return field.defaultValue ?? [];
  if (field.type === 'bytes') return field.defaultValue ?? Buffer.alloc(0);
  return field.defaultValue;
}

function shapeValue(field: Field, version: number, given: Value): Value {
  if (given === undefined) return emptyOf(field);
  if (given === null) return null;
  if (field.type === 'array') {
    const { element } = field;
    return element === null ? given : (given as Value[]).map((one) => shapeValue(element, version, one));
  }
  return field.fields === null ? given : shape(field.fields, version, given as Struct);
}

/** The whole request: what is given where the version has the field, the default elsewhere. */
export function shape(fields: Fields, version: number, given: Struct): Struct {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      shapeValue(field, version, isIn(field, version) ? given[name] : undefined),
    ]),
  );
}

const INT_MAX = 2 ** 31 - 1;
const LONG_MAX = Number.MAX_SAFE_INTEGER;

/** Foreign names: unknown, empty, of Object's prototype, against the rules for names, and too long. */
const STRINGS = ['', 'no-such', '__proto__', 'constructor', 'bad/name', '..', 'y'.repeat(300)];
const BYTES = [Buffer.alloc(0), Buffer.from([0]), Buffer.from('ffffffffffffffffffffffff', 'hex')];
const NUMBERS: Readonly<Record<string, readonly number[]>> = {
  int8: [-128, -2, -1, 0, 1, 2, 3, 5, 127],
  int16: [-32768, -2, -1, 0, 1, 2, 32767],
  uint16: [0, 1, 65535],
  int32: [-(2 ** 31), -2, -1, 0, 1, 2, 3, 1000, INT_MAX],
  int64: [-LONG_MAX, -100, -5, -4, -3, -2, -1, 0, 1, 2, 4, 1000, LONG_MAX],
  float64: [-1, 0, 0.5, 1, 1e300, Number.NaN],
};

/** A valid id of no topic. */
export const FOREIGN_UUID = 'Zm9yZWlnbi10b3BpYy1pZA';

function otherValues(field: Field, limited: readonly Value[] | undefined): readonly Value[] {
  if (limited !== undefined) return limited;
  if (field.type === 'string') return STRINGS;
  if (field.type === 'bool') return [true, false];
  if (field.type === 'uuid') return [ZERO_UUID, FOREIGN_UUID];
  if (field.type === 'bytes') return BYTES;
  if (field.type === 'int64Exact') return [-(2n ** 63n), -2n, -1n, 0n, 1n, 2n ** 63n - 1n];
  return NUMBERS[field.type] ?? [];
}

const show = (value: Value): string =>
  Buffer.isBuffer(value)
    ? `0x${value.toString('hex')}`
    : typeof value === 'string' && value.length > 40
      ? `${value.length} × ${value[0]}`
      : typeof value === 'bigint'
        ? `${value}`
        : String(JSON.stringify(value));

/** Values that may stand at a path, such as `topics.numPartitions`, where any other would burn the machine. */
export type Limits = Readonly<Record<string, readonly Value[]>>;

/** Changes what stands at the place of a mutation; the rest of the request stays its own. */
type Update = (old: Value) => Value;
type Put = (request: Struct, update: Update) => Struct;

/** Every change of one field: of a list its length, of its first element each field. */
export function* mutations(
  fields: Fields,
  version: number,
  base: Struct,
  limits: Limits = {},
  path = '',
): Generator<Mutation> {
  for (const [name, field] of Object.entries(fields)) {
    if (!isIn(field, version)) continue;
    const here = path === '' ? name : `${path}.${name}`;
    yield* mutationsOf(field, version, base[name], limits, here, (request, update) => ({
      ...request,
      [name]: update(request[name]),
    }));
  }
}

function* mutationsOf(
  field: Field,
  version: number,
  value: Value,
  limits: Limits,
  path: string,
  put: Put,
): Generator<Mutation> {
  const change = (to: Value): Mutation => ({
    name: `${path} = ${show(to)}`,
    apply: (request) => put(request, () => to),
  });
  const limited = limits[path];
  if (version >= field.nullableSince && (limited === undefined || limited.includes(null))) yield change(null);
  if (field.type === 'array') {
    if (!Array.isArray(value)) return;
    yield change([]);
    if (value.length === 0) return;
    yield {
      name: `${path} twice`,
      apply: (request) => put(request, (old) => [(old as Value[])[0], ...(old as Value[])]),
    };
    const { element } = field;
    if (element === null) return;
    yield* mutationsOf(element, version, value[0], limits, path, (request, update) =>
      put(request, (old) => (old as Value[]).map((one, index) => (index === 0 ? update(one) : one))),
    );
  } else if (field.fields !== null) {
    if (value === null) return;
    for (const inner of mutations(field.fields, version, value as Struct, limits, path)) {
      yield { name: inner.name, apply: (request) => put(request, (old) => inner.apply(old as Struct)) };
    }
  } else {
    for (const to of otherValues(field, limited)) if (to !== null) yield change(to);
  }
}
