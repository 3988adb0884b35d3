/**
 * The vocabulary in which messages are declared: one value per API, from which types are inferred and codecs made.
 *
 * What always holds:
 * - The order of the keys of an object literal is the order of the fields on the wire.
 * - One object stands for every version. A field that a version lacks is decoded to its default, and may be encoded
 *   into that version only when it is `ignorable` or has its default.
 * - A field that is not wrapped in a window is in every version.
 * - Field values are immutable: each wrapper returns a copy.
 *
 * In an input to encode a field may be left out when it has an explicit default, is tagged, or has ended before the
 * newest version; everything else must be given, so that a forgotten field is a compile error.
 */
import { assert } from './assert.ts';
import type { Uuid } from './uuid.ts';
import { ZERO_UUID } from './uuid.ts';

export type ScalarType =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'int64'
  | 'int64Exact'
  | 'float64'
  | 'string'
  | 'uuid'
  | 'bytes'
  | 'records';

/** What the codecs read. The type parameters exist only for the compiler. */
export interface Field<Out = unknown, In = unknown, Optional extends boolean = boolean> {
  readonly type: ScalarType | 'array' | 'struct';
  /** Of an array. */
  readonly element: Field | null;
  /** Of a struct. */
  readonly fields: Fields | null;
  /** First and last version that has the field. */
  readonly since: number;
  readonly until: number;
  /** First version in which null is allowed; Infinity when never. */
  readonly nullableSince: number;
  /** Number of the tag, or -1. A tagged field is tagged in each of its versions. */
  readonly tag: number;
  readonly ignorable: boolean;
  /** False for the one string that keeps its int16 length in flexible versions (the client id of the header). */
  readonly compact: boolean;
  /** Kafka keeps arrays of such elements as sets with this field as key. */
  readonly mapKey: boolean;
  /** Value in versions that lack the field, and of an omitted optional field; undefined where it must be made anew. */
  readonly defaultValue: unknown;
  readonly optional: Optional;
  readonly '~out'?: Out;
  readonly '~in'?: In;
}

export interface Fields {
  readonly [name: string]: Field;
}

type OutOf<F> = F extends { readonly '~out'?: infer Out } ? Out : never;
type InOf<F> = F extends { readonly '~in'?: infer In } ? In : never;
interface OptionalField {
  readonly optional: true;
}

/** The decoded object: every field present. */
export type Decoded<F extends Fields> = { -readonly [K in keyof F]: OutOf<F[K]> };

/** The object to encode: fields that have a default may be left out. */
export type Encodable<F extends Fields> = {
  [K in keyof F as F[K] extends OptionalField ? never : K]: InOf<F[K]>;
} & {
  [K in keyof F as F[K] extends OptionalField ? K : never]?: InOf<F[K]> | undefined;
};

/** One API: a request and the response to it. */
export interface Api<Request extends Fields = Fields, Response extends Fields = Fields> {
  readonly name: string;
  readonly key: number;
  /** First and last version. */
  readonly versions: readonly [number, number];
  /** First flexible version (KIP-482); Infinity when none is. */
  readonly flexible: number;
  /** The last version is listed only when unstable APIs are switched on. */
  readonly latestVersionUnstable: boolean;
  readonly request: Request;
  readonly response: Response;
}

/** A message that is not a request or response: a record of a log, a header, a blob inside another message. */
export interface Message<F extends Fields = Fields> {
  readonly name: string;
  /** Number of the record type, or -1 where the type is told otherwise. */
  readonly key: number;
  readonly versions: readonly [number, number];
  readonly flexible: number;
  readonly fields: F;
}

export type RequestOf<A extends Api> = Decoded<A['request']>;
export type ResponseOf<A extends Api> = Decoded<A['response']>;
export type RequestInput<A extends Api> = Encodable<A['request']>;
export type ResponseInput<A extends Api> = Encodable<A['response']>;
export type DataOf<M extends Message> = Decoded<M['fields']>;
export type DataInput<M extends Message> = Encodable<M['fields']>;

const NEVER = Number.POSITIVE_INFINITY;

/** Declares an API. `flexible` is the first flexible version. */
export function api<const Q extends Fields, const R extends Fields>(declaration: {
  name: string;
  key: number;
  versions: readonly [number, number];
  flexible: number | 'none';
  latestVersionUnstable?: boolean;
  request: Q;
  response: R;
}): Api<Q, R> {
  const { flexible, latestVersionUnstable = false } = declaration;
  assertNames(declaration.request);
  assertNames(declaration.response);
  return { ...declaration, flexible: flexible === 'none' ? NEVER : flexible, latestVersionUnstable };
}

/** Declares a record or another message that stands alone. */
export function message<const F extends Fields>(declaration: {
  name: string;
  key?: number;
  versions: readonly [number, number];
  flexible: number | 'none';
  fields: F;
}): Message<F> {
  const { flexible, key = -1 } = declaration;
  assertNames(declaration.fields);
  return { ...declaration, key, flexible: flexible === 'none' ? NEVER : flexible };
}

/** Names become source text in the compiled codecs, so nothing but plain identifiers may pass. */
function assertNames(fields: Fields): void {
  for (const [name, field] of Object.entries(fields)) {
    assert(/^[a-z][A-Za-z0-9]*$/.test(name), 'A field name is a plain identifier.');
    const nested = field.fields ?? field.element?.fields;
    if (nested) {
      assertNames(nested);
    }
  }
}

type Scalar<Out, In = Out> = Field<Out, In, false>;

function scalar<Out, In = Out>(type: ScalarType, defaultValue: unknown): Scalar<Out, In> {
  return {
    type,
    element: null,
    fields: null,
    since: 0,
    until: NEVER,
    nullableSince: NEVER,
    tag: -1,
    ignorable: false,
    compact: true,
    mapKey: false,
    defaultValue,
    optional: false,
  };
}

export const bool: Scalar<boolean> = scalar('bool', false);
export const int8: Scalar<number> = scalar('int8', 0);
export const int16: Scalar<number> = scalar('int16', 0);
export const uint16: Scalar<number> = scalar('uint16', 0);
export const int32: Scalar<number> = scalar('int32', 0);
/** Exact up to 2^53 and monotone beyond; the encoder saturates at the ends of the range. */
export const int64: Scalar<number> = scalar('int64', 0);
/** For numbers of a client's own that must come back bit for bit. */
export const int64Exact: Scalar<bigint, bigint | number> = scalar('int64Exact', 0n);
export const float64: Scalar<number> = scalar('float64', 0);
export const string: Scalar<string> = scalar('string', '');
export const uuid: Scalar<Uuid> = scalar('uuid', ZERO_UUID);
/** Decoded to a copy of its own: it may be kept after the frame is gone. */
export const bytes: Scalar<Buffer, Uint8Array> = scalar('bytes', undefined);
/**
 * Record batches, opaque to the codec. Decoded to a view into the frame; encoded without a copy.
 * As in Kafka the default is null even where null is not allowed.
 */
export const records: Scalar<Buffer | null, Buffer | readonly Buffer[] | null> = scalar('records', null);

// Aliases that say what a number or string means.
export const errorCode = int16;
export const errorMessage = string;
export const brokerId = int32;
export const leaderEpoch = int32;
export const topicName = string;
export const groupId = string;
export const transactionalId = string;
export const producerId = int64;

/** A list. `of` is a scalar, or the fields of a struct. */
export function array<Out, In>(of: Field<Out, In>): Field<readonly Out[], readonly In[], false>;
export function array<const F extends Fields>(
  of: F,
): Field<readonly Decoded<F>[], readonly Encodable<F>[], false>;
export function array(of: Field | Fields): Field {
  const element = isField(of) ? of : struct(of);
  return { ...scalar('bool', undefined), type: 'array', element };
}

/** A struct inside a struct. Where it is absent it is decoded to the struct of all defaults. */
export function struct<const F extends Fields>(fields: F): Field<Decoded<F>, Encodable<F>, false> {
  return { ...scalar<Decoded<F>, Encodable<F>>('bool', undefined), type: 'struct', fields };
}

function isField(of: Field | Fields): of is Field {
  return typeof of['type'] === 'string';
}

/** The field is in `version` and all later ones. */
export function since<Out, In, Optional extends boolean>(
  version: number,
  field: Field<Out, In, Optional>,
): Field<Out, In, Optional> {
  return { ...field, since: version };
}

/** The field is in versions 0 to `version`, both included. */
export function until<Out, In>(version: number, field: Field<Out, In>): Field<Out, In, true> {
  return { ...field, until: version, optional: true };
}

/** The field is in versions `first` to `last`, both included. */
export function between<Out, In>(first: number, last: number, field: Field<Out, In>): Field<Out, In, true> {
  return { ...field, since: first, until: last, optional: true };
}

/** Null is allowed in version `from` and later. It is the default only where `or(null, …)` says so. */
export function nullable<Out, In, Optional extends boolean>(
  field: Field<Out, In, Optional>,
  from = 0,
): Field<Out | null, In | null, Optional> {
  return { ...field, nullableSince: from } as Field<Out | null, In | null, Optional>;
}

/** The field is in the tagged section of `version` and later (KIP-482), and sent only when it has not its default. */
export function tagged<Out, In>(tag: number, version: number, field: Field<Out, In>): Field<Out, In, true> {
  return { ...field, tag, since: version, optional: true };
}

/** A value may be dropped silently in versions that lack the field. */
export function ignorable<Out, In, Optional extends boolean>(
  field: Field<Out, In, Optional>,
): Field<Out, In, Optional> {
  return { ...field, ignorable: true };
}

/** The explicit default of the field. */
export function or<Out, In>(defaultValue: NoInfer<Out>, field: Field<Out, In>): Field<Out, In, true> {
  return { ...field, defaultValue, optional: true };
}

/** The field is the key of its struct among the elements of the array. */
export function mapKey<Out, In, Optional extends boolean>(
  field: Field<Out, In, Optional>,
): Field<Out, In, Optional> {
  return { ...field, mapKey: true };
}

/** The string keeps its int16 length also in flexible versions. */
export function classic<Out, In, Optional extends boolean>(
  field: Field<Out, In, Optional>,
): Field<Out, In, Optional> {
  return { ...field, compact: false };
}
