/**
 * The vectors that Apache Kafka's own classes made (scripts/vectors/messages), and the schema that each belongs to.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { defaultOf } from '../../protocol/field.ts';
import { RequestHeaderSchema, ResponseHeaderSchema } from '../../protocol/frame.ts';
import { apis } from '../../protocol/messages/index.ts';
import * as consumerProtocol from '../../protocol/records/consumer-protocol.ts';
import * as control from '../../protocol/records/control.ts';
import * as group from '../../protocol/records/group.ts';
import { metadataSchemas } from '../../protocol/records/metadata-schemas.ts';
import * as principal from '../../protocol/records/principal.ts';
import * as raft from '../../protocol/records/raft.ts';
import * as remoteStorage from '../../protocol/records/remote-storage.ts';
import * as transaction from '../../protocol/records/transaction.ts';
import type { Field, Fields, Message } from '../../protocol/schema.ts';
import { textOfOurs } from '../../scripts/schema-text.ts';

export type Struct = Record<string, unknown>;

export interface Vector {
  readonly name: string;
  readonly version: number;
  readonly flavour: string;
  readonly value: Struct;
  readonly bytes: Buffer;
}

const vectorDir = join(import.meta.dirname, 'vectors');

/** All vectors, by the name of their message. */
export function readVectors(): Map<string, Vector[]> {
  const byName = new Map<string, Vector[]>();
  const files = readdirSync(vectorDir).filter((name) => name.endsWith('.jsonl.gz'));
  for (const file of files.sort()) {
    const lines = gunzipSync(readFileSync(join(vectorDir, file)))
      .toString()
      .trimEnd()
      .split('\n');
    for (const line of lines) {
      const vector = JSON.parse(line) as Vector & { readonly bytes: string };
      const list = byName.get(vector.name) ?? [];
      list.push({ ...vector, bytes: Buffer.from(vector.bytes, 'base64') });
      byName.set(vector.name, list);
    }
  }
  return byName;
}

/** Messages that Apache Kafka 3.7.0 does not have: they came with KIP-853 in 3.9. */
export const laterMessages: readonly string[] = ['KRaftVersionRecord', 'VotersRecord'];

/** Messages whose unstable version 0 in 3.7.0 was not the one that was released. */
export const changedMessages: readonly string[] = ['ConsumerGroupDescribeResponse'];

/** The last version in 3.7.0 of messages that go further here: those of KIP-848 were finished in 4.0. */
export const lastVersionsOf37: Readonly<Record<string, number>> = {
  ConsumerGroupDescribeRequest: 0,
  ConsumerGroupHeartbeatRequest: 0,
  ConsumerGroupHeartbeatResponse: 0,
};

/** The message as 3.7.0 has it. */
export function asOf37<M extends Message>(message: M): M {
  const [first, last] = message.versions;
  return { ...message, versions: [first, lastVersionsOf37[message.name] ?? last] };
}

/** Every message of ours by Kafka's name, requests and responses as messages of their own. */
export const messages: ReadonlyMap<string, Message> = new Map(
  [
    ...apis.flatMap((api) => [
      { ...api, name: `${api.name}Request`, fields: api.request },
      { ...api, name: `${api.name}Response`, fields: api.response },
    ]),
    ...[
      consumerProtocol,
      control,
      group,
      metadataSchemas,
      principal,
      raft,
      remoteStorage,
      transaction,
    ].flatMap((module): Message[] => Object.values(module)),
    RequestHeaderSchema,
    ResponseHeaderSchema,
  ].map((message) => [message.name, message]),
);

/** The canonical text of a message of ours, to compare with that of Kafka's schema file. */
export function schemaText(message: Message): string {
  const [, name, direction] = /^(.*)(Request|Response)$/.exec(message.name) ?? [];
  const api = apis.find((candidate) => candidate.name === name);
  if (api === undefined || direction === undefined) {
    return textOfOurs({ ...message, unstable: false });
  }
  const unstable = direction === 'Request' && api.latestVersionUnstable;
  return textOfOurs({ ...message, name: `${api.name}.${direction.toLowerCase()}`, unstable });
}

/** What a decoder must make of a vector: its values in our types, with the defaults of all that it does not name. */
export function expectedStruct(fields: Fields, value: Struct): Struct {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      name in value ? ours(field, value[name], expectedStruct) : defaultOf(field),
    ]),
  );
}

/** What to give to an encoder for a vector: its values in our types, all else left out. */
export function inputStruct(fields: Fields, value: Struct): Struct {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, ours(fields[name] as Field, member, inputStruct)]),
  );
}

/** The JSON form of a value in our types. */
function ours(field: Field, value: unknown, structOf: (fields: Fields, value: Struct) => Struct): unknown {
  if (value === null) {
    return null;
  }
  switch (field.type) {
    case 'int64':
      return Number(value);
    case 'int64Exact':
      return BigInt(value as string);
    case 'bytes':
    case 'records':
      return Buffer.from(value as string, 'base64');
    case 'array':
      return (value as unknown[]).map((element) => ours(field.element as Field, element, structOf));
    case 'struct':
      return structOf(field.fields as Fields, value as Struct);
    default:
      return value;
  }
}
