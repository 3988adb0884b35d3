/**
 * One canonical text for a message schema, made from our declaration or from Kafka's JSON, so that the two compare
 * as text and a digest can stand for either.
 *
 * ```
 *   Heartbeat key 12 versions 0-4 flexible 4
 *   request
 *     groupId: string 0-4
 *     groupInstanceId: string 3-4 null from 3 default null
 * ```
 *
 * What always holds: a window is cut to that of the struct around it and to the versions of the message, so that
 * different spellings of the same fact give the same text; common structs are written out where they are used.
 */
import { createHash } from 'node:crypto';
import type { Field, Fields } from '../protocol/schema.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';

type Range = readonly [number, number];

/** A field of Kafka's JSON, as far as it matters on the wire. */
export interface KafkaField {
  readonly name: string;
  readonly type: string;
  readonly versions: string;
  readonly nullableVersions?: string;
  readonly taggedVersions?: string;
  readonly flexibleVersions?: string;
  readonly tag?: number;
  readonly ignorable?: boolean | string;
  readonly mapKey?: boolean;
  readonly default?: unknown;
  readonly fields?: readonly KafkaField[];
}

export interface KafkaSchema {
  readonly name: string;
  readonly type: string;
  readonly apiKey?: number;
  readonly validVersions: string;
  readonly flexibleVersions: string;
  readonly latestVersionUnstable?: boolean;
  readonly fields: readonly KafkaField[];
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly KafkaField[] }[];
}

/** What both forms say of one field. */
interface Facts {
  readonly name: string;
  readonly type: string;
  readonly range: Range;
  readonly nullableFrom: number | null;
  readonly tag: number;
  readonly ignorable: boolean;
  readonly mapKey: boolean;
  readonly compact: boolean;
  readonly defaultText: string;
}

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** The text of a message of ours. `unstable` is for requests, whose latest version may be unstable. */
export function textOfOurs(message: {
  readonly name: string;
  readonly key: number;
  readonly versions: Range;
  readonly flexible: number;
  readonly unstable: boolean;
  readonly fields: Fields;
}): string {
  const head = headLine(message, message.versions, message.unstable);
  return [head, ...ourFields(message.fields, message.versions, 1)].join('\n');
}

function ourFields(fields: Fields, within: Range, depth: number): string[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const range = cut([field.since, field.until], within);
    const nested = field.fields ?? field.element?.fields ?? null;
    const line = fieldLine(
      {
        name,
        type: ourType(field),
        range,
        nullableFrom: field.nullableSince <= range[1] ? Math.max(field.nullableSince, range[0]) : null,
        tag: field.tag,
        ignorable: field.ignorable,
        mapKey: field.mapKey,
        compact: field.compact,
        defaultText: ourDefault(field),
      },
      depth,
    );
    return [line, ...(nested === null ? [] : ourFields(nested, range, depth + 1))];
  });
}

function ourType(field: Field): string {
  if (field.type === 'array') {
    return `[]${ourType(field.element as Field)}`;
  }
  return field.type === 'int64Exact' ? 'int64' : field.type;
}

function ourDefault(field: Field): string {
  return field.defaultValue === undefined ? 'empty' : String(field.defaultValue);
}

/** The text of a message in Kafka's JSON. */
export function textOfKafka(schema: KafkaSchema): string {
  const versions = parseRange(schema.validVersions);
  const flexible =
    schema.flexibleVersions === 'none' ? Number.POSITIVE_INFINITY : parseRange(schema.flexibleVersions)[0];
  const api = schema.type === 'request' || schema.type === 'response';
  const name = api ? schema.name.replace(/(Request|Response)$/, '') : schema.name;
  const head = headLine(
    { name: api ? `${name}.${schema.type}` : name, key: schema.apiKey ?? -1, flexible },
    versions,
    schema.latestVersionUnstable === true,
  );
  return [head, ...kafkaFields(schema, schema.fields, versions, 1)].join('\n');
}

function kafkaFields(
  schema: KafkaSchema,
  fields: readonly KafkaField[],
  within: Range,
  depth: number,
): string[] {
  return fields.flatMap((field) => {
    const range = cut(parseRange(field.versions), within);
    const structName = field.type.replace('[]', '');
    const isStruct = /^[A-Z]/.test(structName);
    const nested = field.fields ?? schema.commonStructs?.find(({ name }) => name === structName)?.fields;
    const nullable = field.nullableVersions === undefined ? null : parseRange(field.nullableVersions);
    const line = fieldLine(
      {
        name: (field.name[0] ?? '').toLowerCase() + field.name.slice(1),
        type: isStruct ? field.type.replace(structName, 'struct') : field.type,
        range,
        nullableFrom: nullable !== null && nullable[0] <= range[1] ? Math.max(nullable[0], range[0]) : null,
        tag: field.tag ?? -1,
        ignorable: String(field.ignorable) === 'true',
        mapKey: field.mapKey === true,
        compact: field.flexibleVersions !== 'none',
        defaultText: kafkaDefault(field),
      },
      depth,
    );
    return [line, ...(isStruct ? kafkaFields(schema, nested ?? [], range, depth + 1) : [])];
  });
}

function kafkaDefault(field: KafkaField): string {
  const text = field.default === undefined ? null : String(field.default);
  switch (field.type) {
    case 'bool':
      return text ?? 'false';
    case 'string':
      return text ?? '';
    case 'uuid':
      return text ?? ZERO_UUID;
    case 'records':
      return 'null';
    case 'bytes':
      return text ?? 'empty';
    default:
      if (/^(u?int\d+|float64)$/.test(field.type)) {
        return String(Number(text ?? 0));
      }
      return text ?? 'empty';
  }
}

function headLine(
  message: { name: string; key: number; flexible: number },
  versions: Range,
  unstable: boolean,
): string {
  const flexible = Number.isFinite(message.flexible) ? message.flexible : 'none';
  const tail = unstable ? ' latest unstable' : '';
  return `${message.name} key ${message.key} versions ${versions.join('-')} flexible ${flexible}${tail}`;
}

function fieldLine(facts: Facts, depth: number): string {
  const words = [`${facts.name}:`, facts.type, facts.range.join('-')];
  if (facts.nullableFrom !== null) {
    words.push(`null from ${facts.nullableFrom}`);
  }
  if (facts.tag >= 0) {
    words.push(`tag ${facts.tag}`);
  }
  if (facts.ignorable) {
    words.push('ignorable');
  }
  if (facts.mapKey) {
    words.push('key');
  }
  if (!facts.compact) {
    words.push('classic');
  }
  words.push(`default ${JSON.stringify(facts.defaultText)}`);
  return `${'  '.repeat(depth)}${words.join(' ')}`;
}

function cut([first, last]: Range, within: Range): Range {
  return [Math.max(first, within[0]), Math.min(last, within[1])];
}

function parseRange(text: string): Range {
  if (text === 'none') {
    return [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  }
  if (text.endsWith('+')) {
    return [Number(text.slice(0, -1)), Number.POSITIVE_INFINITY];
  }
  const [first, last] = text.split('-');
  return [Number(first), Number(last ?? first)];
}

/** Kafka's schema files are JSON with comments that begin with two slashes. */
export function parseKafkaSchema(text: string): KafkaSchema {
  const lines = text.split('\n').map((line) => {
    let quoted = false;
    for (let index = 0; index < line.length; index++) {
      if (line[index] === '"' && line[index - 1] !== '\\') {
        quoted = !quoted;
      } else if (!quoted && line.startsWith('//', index)) {
        return line.slice(0, index);
      }
    }
    return line;
  });
  return JSON.parse(lines.join('\n')) as KafkaSchema;
}
