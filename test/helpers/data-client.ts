/** What tests ask of a broker most: make a topic, write to it, read from it. Wire errors come back as codes. */

import { baseOffset, batchPositions, buildBatch, iterateRecords } from '../../protocol/batch.ts';
import { CreateTopics } from '../../protocol/messages/create-topics.ts';
import { Fetch } from '../../protocol/messages/fetch.ts';
import { Produce } from '../../protocol/messages/produce.ts';
import type { RequestInput } from '../../protocol/schema.ts';
import { ZERO_UUID } from '../../protocol/uuid.ts';
import type { WireClient } from './wire-client.ts';

const TIMEOUT_MS = 10_000;

/** The error code of the topic's creation. */
export async function createTopic(
  client: WireClient,
  name: string,
  numPartitions = 1,
  configs: Readonly<Record<string, string>> = {},
): Promise<number> {
  const { topics } = await client.send(CreateTopics, 5, {
    topics: [
      {
        name,
        numPartitions,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
    timeoutMs: TIMEOUT_MS,
  });
  return topics[0]?.errorCode ?? -1;
}

export interface Produced {
  readonly errorCode: number;
  readonly baseOffset: number;
}

/** Appends one batch of values with acks=all. */
export function produce(
  client: WireClient,
  topic: string,
  values: readonly (string | Buffer)[],
  partition = 0,
  timestampMs = Date.now(),
): Promise<Produced> {
  const records = buildBatch({
    records: values.map((value) => ({ value: Buffer.from(value) })),
    timestampMs,
  });
  return produceBatch(client, topic, records, partition);
}

export async function produceBatch(
  client: WireClient,
  topic: string,
  records: Buffer,
  partition = 0,
): Promise<Produced> {
  const { responses } = await client.send(Produce, 9, {
    acks: -1,
    timeoutMs: TIMEOUT_MS,
    topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
  });
  const answer = responses[0]?.partitionResponses[0];
  return { errorCode: answer?.errorCode ?? -1, baseOffset: answer?.baseOffset ?? -1 };
}

export function fetchRequest(
  topic: string,
  fetchOffset: number,
  maxBytes: number,
  partition = 0,
): RequestInput<typeof Fetch> {
  const partitions = [
    { partition, currentLeaderEpoch: -1, fetchOffset, lastFetchedEpoch: -1, partitionMaxBytes: maxBytes },
  ];
  return {
    replicaId: -1,
    replicaState: {},
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ topic, topicId: ZERO_UUID, partitions }],
    forgottenTopicsData: [],
    rackId: '',
  };
}

export interface Fetched {
  readonly errorCode: number;
  readonly highWatermark: number;
  /** Offset and value of each record from the fetch offset on. */
  readonly records: readonly { readonly offset: number; readonly value: string }[];
  /** Base offset of the first batch. */
  readonly firstBatch: number;
}

export async function fetch(
  client: WireClient,
  topic: string,
  offset: number,
  partition = 0,
  maxBytes = 1024 * 1024,
): Promise<Fetched> {
  const { responses } = await client.send(Fetch, 12, fetchRequest(topic, offset, maxBytes, partition));
  const answer = responses[0]?.partitions[0];
  const bytes = answer?.records ?? Buffer.alloc(0);
  const records: { offset: number; value: string }[] = [];
  for (const position of batchPositions(bytes)) {
    for (const record of iterateRecords(bytes, position)) {
      if (record.offset >= offset) records.push({ offset: record.offset, value: `${record.value}` });
    }
  }
  return {
    errorCode: answer?.errorCode ?? -1,
    highWatermark: answer?.highWatermark ?? -1,
    records,
    firstBatch: bytes.length === 0 ? -1 : baseOffset(bytes),
  };
}
