/** Ready-made request frames for the load generator, in versions whose fields stand at fixed places. */
import { buildBatch } from '../../protocol/batch.ts';
import { encodeRequestFrame } from '../../protocol/frame.ts';
import { ApiVersions } from '../../protocol/messages/api-versions.ts';
import { Fetch } from '../../protocol/messages/fetch.ts';
import { Metadata } from '../../protocol/messages/metadata.ts';
import { Produce } from '../../protocol/messages/produce.ts';

/** A frame, and where in its answer (size included) an error code stands that must be 0; -1 for none. */
export interface Frame {
  readonly bytes: Buffer;
  readonly errorAt: number;
  /** Place of the fetch offset in the request, -1 for none. */
  readonly offsetAt: number;
}

const header = { correlationId: 1, clientId: 'bench' };

/** A batch of `count` records with values of `valueBytes`, all alike but not all zeros. */
function makeBatch(count: number, valueBytes: number): Buffer {
  const value = Buffer.alloc(valueBytes);
  for (let i = 0; i < valueBytes; i++) value[i] = 32 + ((i * 31) % 95);
  return buildBatch({
    records: Array.from({ length: count }, () => ({ key: null, value, headers: [] })),
    timestampMs: Date.now(),
    producerId: -1,
    producerEpoch: -1,
    baseSequence: -1,
  });
}

/** Produce v7 with acks=all to partition 0. */
export function produceFrame(topic: string, count: number, valueBytes: number): Frame {
  const records = makeBatch(count, valueBytes);
  const bytes = Buffer.concat(
    encodeRequestFrame(Produce, 7, header, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
    }),
  );
  // size, correlation id, count, name, count, index.
  return { bytes, errorAt: 4 + 4 + 4 + 2 + topic.length + 4 + 4, offsetAt: -1 };
}

/** The same to partition 0, and made so that its `offsetAt`, advanced by 1, gives the next partition. */
export function produceInTurnFrame(topic: string, count: number, valueBytes: number): Frame {
  const frame = produceFrame(topic, count, valueBytes);
  // The int32 of the partition is the lower half of an int64 whose upper half counts the partitions: one.
  const end = makeBatch(count, valueBytes).length;
  return { ...frame, offsetAt: frame.bytes.length - end - 4 - 8 };
}

/** Fetch v11 of partition 0, without a session. */
export function fetchFrame(topic: string, maxBytes: number, maxWaitMs = 500): Frame {
  const marker = 0x0102_0304_0506;
  const bytes = Buffer.concat(
    encodeRequestFrame(Fetch, 11, header, {
      maxWaitMs,
      minBytes: 1,
      maxBytes,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{ topic, topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partitions: [partition(marker, maxBytes)] }],
      forgottenTopicsData: [],
      rackId: '',
    }),
  );
  const marked = Buffer.alloc(8);
  marked.writeBigInt64BE(BigInt(marker));
  const offsetAt = bytes.indexOf(marked);
  bytes.fill(0, offsetAt, offsetAt + 8);
  // size, correlation id, throttle time, error, session, count, name, count, index.
  return { bytes, errorAt: 4 + 4 + 4 + 2 + 4 + 4 + 2 + topic.length + 4 + 4, offsetAt };
}

const partition = (fetchOffset: number, partitionMaxBytes: number) => ({
  partition: 0,
  currentLeaderEpoch: -1,
  fetchOffset,
  lastFetchedEpoch: -1,
  logStartOffset: -1,
  partitionMaxBytes,
});

export const apiVersionsFrame = (): Frame => ({
  bytes: Buffer.concat(
    encodeRequestFrame(ApiVersions, 2, header, { clientSoftwareName: '', clientSoftwareVersion: '' }),
  ),
  errorAt: 8,
  offsetAt: -1,
});

export const metadataFrame = (topic: string): Frame => ({
  bytes: Buffer.concat(
    encodeRequestFrame(Metadata, 8, header, {
      topics: [{ name: topic, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }],
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    }),
  ),
  errorAt: -1,
  offsetAt: -1,
});
