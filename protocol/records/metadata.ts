/**
 * Records of the metadata log as they stand in the value of a Kafka record (KIP-631).
 *
 * ```
 *   uvarint  frame version, always 1
 *   uvarint  type of the record (the key of its schema)
 *   uvarint  version of the record
 *   …        the fields
 * ```
 *
 * In memory a record is its fields plus `type`, the name of its schema.
 */
import { assert } from '../assert.ts';
import { decodeMessage, writeMessage } from '../codec.ts';
import { MalformedMessage } from '../errors.ts';
import { Reader } from '../reader.ts';
import type { DataInput, DataOf, Message } from '../schema.ts';
import { Writer } from '../writer.ts';
import { metadataSchemas } from './metadata-schemas.ts';

const FRAME_VERSION = 1;

type Schemas = typeof metadataSchemas;

export type MetadataRecordType = keyof Schemas;

/** A record as it is decoded: every field present. Discriminated by `type`. */
export type MetadataRecord = {
  [T in MetadataRecordType]: { readonly type: T } & Readonly<DataOf<Schemas[T]>>;
}[MetadataRecordType];

/** A record to encode: fields that have a default may be left out. */
export type MetadataRecordInput = {
  [T in MetadataRecordType]: { readonly type: T } & Readonly<DataInput<Schemas[T]>>;
}[MetadataRecordType];

/** The record of one type. */
export type MetadataRecordOf<T extends MetadataRecordType> = Extract<MetadataRecord, { readonly type: T }>;

const schemaByKey: ReadonlyMap<number, Message> = new Map(
  Object.values(metadataSchemas).map((schema) => [schema.key, schema]),
);

const writer = new Writer();

/** The bytes of `record` in the given version of its type, which the metadata.version decides. */
export function encodeMetadataRecord(record: MetadataRecordInput, version: number): Buffer {
  const schema: Message = metadataSchemas[record.type];
  writer.begin();
  writer.unsignedVarint(FRAME_VERSION);
  writer.unsignedVarint(schema.key);
  writer.unsignedVarint(version);
  writeMessage(writer, schema, version, record);
  return Buffer.concat(writer.finish());
}

/**
 * The record in the bytes `offset` to `end`.
 * @throws {MalformedMessage} for an unknown frame version, type or version as well as for damaged bytes.
 */
export function decodeMetadataRecord(buffer: Buffer, offset = 0, end = buffer.length): MetadataRecord {
  const reader = new Reader(buffer, offset, end);
  if (reader.unsignedVarint() !== FRAME_VERSION) {
    throw new MalformedMessage('A metadata record has an unknown frame version.');
  }
  const schema = schemaByKey.get(reader.unsignedVarint());
  const version = reader.unsignedVarint();
  if (schema === undefined || version < schema.versions[0] || version > schema.versions[1]) {
    throw new MalformedMessage('A metadata record has an unknown type or version.');
  }
  const fields = decodeMessage(schema, version, buffer, reader.position, end);
  assert(!('type' in fields), 'No field of a metadata record is called type.');
  return { type: schema.name, ...fields } as unknown as MetadataRecord;
}
