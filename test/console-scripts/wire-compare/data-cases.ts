/** Records and where they are: Metadata, ListOffsets, Fetch, Produce and what a client asks before. */
import type { Case } from './case.ts';
import { apiOf, batch } from './case.ts';

const TIMESTAMP_MS = 1_700_000_000_000;

export const dataCases: readonly Case[] = [
  // Before other cases leave groups behind.
  { api: apiOf('ListGroups'), base: () => ({ statesFilter: ['NoSuchState'] }) },
  {
    api: apiOf('Metadata'),
    base: (side, _n, version) => ({
      topics: [{ name: 'alpha', topicId: version >= 12 ? side.topicId('alpha') : undefined }],
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: true,
      includeClusterAuthorizedOperations: true,
    }),
  },
  {
    api: apiOf('Metadata'),
    name: 'of all topics',
    base: () => ({ topics: [] }),
    versions: [0, 0],
    plain: true,
  },
  {
    api: apiOf('ListOffsets'),
    base: () => ({
      replicaId: -1,
      topics: [{ name: 'alpha', partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
    }),
  },
  {
    api: apiOf('ListOffsets'),
    name: 'by time',
    base: () => ({
      replicaId: -1,
      isolationLevel: 1,
      topics: [
        {
          name: 'alpha',
          partitions: [
            -1,
            -2,
            -3,
            -4,
            0,
            TIMESTAMP_MS,
            TIMESTAMP_MS + 1,
            TIMESTAMP_MS + 2,
            TIMESTAMP_MS + 3,
          ].map((timestamp, index) => ({ partitionIndex: index % 2, timestamp, maxNumOffsets: index })),
        },
      ],
    }),
    plain: true,
  },
  {
    api: apiOf('Fetch'),
    base: (side) => ({
      replicaId: -1,
      maxWaitMs: 50,
      minBytes: 1,
      maxBytes: 10_000,
      topics: [
        {
          topic: 'alpha',
          topicId: side.topicId('alpha'),
          partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10_000 }],
        },
      ],
    }),
    limits: { maxWaitMs: [-1, 0, 1], 'replicaState.replicaId': [-1, -2], replicaId: [-1, -2] },
  },
  {
    api: apiOf('Fetch'),
    name: 'in a session',
    versions: [7, 16],
    base: (side) => ({
      replicaId: -1,
      maxWaitMs: 50,
      minBytes: 0,
      maxBytes: 10_000,
      sessionId: 0,
      sessionEpoch: 0,
      topics: ['alpha', 'gamma'].map((topic) => ({
        topic,
        topicId: side.topicId(topic),
        partitions: [{ partition: 0, fetchOffset: 1, partitionMaxBytes: 100 }],
      })),
    }),
    plain: true,
  },
  {
    api: apiOf('OffsetForLeaderEpoch'),
    base: () => ({
      replicaId: -1,
      topics: [{ topic: 'alpha', partitions: [{ partition: 0, currentLeaderEpoch: 0, leaderEpoch: 0 }] }],
    }),
    limits: { replicaId: [-1, -2] },
  },
  {
    api: apiOf('Produce'),
    base: () => ({
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: 'alpha', partitionData: [{ index: 1, records: batch(['x']) }] }],
    }),
    // Without acknowledgement there is no answer to compare; waiting for the disk may take longer than a few ms.
    limits: { acks: [-2, -1, 1, 2], timeoutMs: [1000, 60_000] },
  },
  ...producedWrong(),
  {
    api: apiOf('InitProducerId'),
    base: () => ({ transactionalId: null, transactionTimeoutMs: 60_000 }),
    limits: { transactionalId: [null, ''] },
  },
  {
    api: apiOf('FindCoordinator'),
    base: (_side, n) => ({ key: `g-${n}`, keyType: 0, coordinatorKeys: [`g-${n}`, 'readers'] }),
  },
  {
    api: apiOf('FindCoordinator'),
    name: 'of a transaction',
    versions: [1, 4],
    base: (_side, n) => ({ key: `t-${n}`, keyType: 1, coordinatorKeys: [`t-${n}`] }),
  },
];

/** Batches that are wrong in ways that no field of the request shows. */
function producedWrong(): Case[] {
  const good = batch(['x', 'y']);
  const changed = (offset: number, value: number): Buffer => {
    const bytes = Buffer.from(good);
    bytes[offset] = value;
    return bytes;
  };
  const wrong: Readonly<Record<string, Buffer | null>> = {
    'no records': null,
    'an empty set': Buffer.alloc(0),
    'half a header': good.subarray(0, 30),
    'half a batch': good.subarray(0, good.length - 3),
    'a wrong checksum': changed(17, 0x55),
    'a base offset': batch(['x'], { baseOffset: 5 }),
    'two batches': Buffer.concat([batch(['x']), batch(['y'])]),
    'bytes behind the batch': Buffer.concat([good, Buffer.from('tail')]),
    'a control batch': batch(['x'], { control: true, producerId: 9, producerEpoch: 0, baseSequence: 0 }),
    'a transactional batch of no transaction': batch(['x'], {
      transactional: true,
      producerId: 9,
      producerEpoch: 0,
      baseSequence: 0,
    }),
    'an unknown producer from sequence 5': batch(['x'], { producerId: 9, producerEpoch: 0, baseSequence: 5 }),
    'a leader epoch': batch(['x'], { leaderEpoch: 3 }),
    'magic 1': changed(16, 1),
    gzip: batch(['x', 'y'], { compression: 'gzip' }),
    'log append time': batch(['x'], { logAppendTimeMs: TIMESTAMP_MS }),
    'no timestamp': batch(['x'], { maxTimestampMs: 5 }),
  };
  return ['alpha', 'compacted'].flatMap((topic) =>
    Object.entries(wrong).map(([name, records]) => ({
      api: apiOf('Produce'),
      name: `${name} to ${topic}`,
      base: () => ({
        acks: -1,
        timeoutMs: 1000,
        topicData: [{ name: topic, partitionData: [{ index: topic === 'alpha' ? 1 : 0, records }] }],
      }),
      plain: true,
    })),
  );
}
