/**
 * One sensible request per API, from which the wrong ones are made, and what must be there before it.
 *
 * `n` is a word of its own for each request sent, the same on both sides: names of what a request creates are made
 * of it, so that requests do not stand in each other's way.
 */
import { buildBatch } from '../../../protocol/batch.ts';
import * as messages from '../../../protocol/messages/index.ts';
import type { Api } from '../../../protocol/schema.ts';
import type { Limits, Struct } from './requests.ts';
import type { Side } from './side.ts';

export interface Case {
  readonly api: Api;
  /** Tells cases of one API apart. */
  readonly name?: string;
  readonly base: (side: Side, n: string, version: number) => Struct | Promise<Struct>;
  readonly limits?: Limits;
  /** Changes, by their names, whose answer is chance, or that differ for a reason that stands beside them. */
  readonly except?: RegExp;
  /** First and last version, where not all are meant. */
  readonly versions?: readonly [number, number];
  /** Changes that Apache Kafka never answers, by a mistake of its own: here an answer is all that is asked for. */
  readonly unanswered?: RegExp;
  /** Makes sense only where this API is served, too. */
  readonly needs?: Api;
  /** Send the base alone. */
  readonly plain?: boolean;
}

const byName = new Map(messages.apis.map((api) => [api.name, api]));

export const apiOf = (name: string): Api => {
  const found = byName.get(name);
  if (found === undefined) throw new Error(`no API ${name}`);
  return found;
};

const TIMESTAMP_MS = 1_700_000_000_000;

export const batch = (
  values: readonly string[],
  more: Partial<Parameters<typeof buildBatch>[0]> = {},
): Buffer =>
  buildBatch({
    records: values.map((value, index) => ({
      key: Buffer.from(`k${index}`),
      value: Buffer.from(value),
      timestampMs: TIMESTAMP_MS + index,
      headers: [],
    })),
    ...more,
  });

const createTopic = (side: Side, name: string, numPartitions = 1, configs: Struct[] = []): Promise<Struct> =>
  side.do(apiOf('CreateTopics'), 7, {
    topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs }],
    timeoutMs: 10_000,
  });

/** Produces to a topic that may just have been made: Apache Kafka's leaders come a moment after the answer. */
async function produce(side: Side, name: string, index: number, records: Buffer): Promise<void> {
  const request = { acks: -1, timeoutMs: 10_000, topicData: [{ name, partitionData: [{ index, records }] }] };
  for (let attempt = 0; attempt < 200; attempt++) {
    const answer = JSON.stringify(await side.do(apiOf('Produce'), 9, request));
    if (answer.includes('"errorCode":0')) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nothing could be produced to ${name}`);
}

/** What every case may count on: topics with known records, a group with offsets, the internal topics. */
export async function prepare(side: Side, hasTransactions: boolean): Promise<void> {
  await createTopic(side, 'alpha', 2);
  await createTopic(side, 'gamma', 1, [{ name: 'retention.ms', value: '-1' }]);
  await createTopic(side, 'compacted', 1, [{ name: 'cleanup.policy', value: 'compact' }]);
  for (const values of [['a', 'b', 'c'], ['d'], ['e', 'f']]) {
    for (const topic of ['alpha', 'gamma', 'compacted']) await produce(side, topic, 0, batch(values));
  }
  await coordinatorOf(side, 'readers', 0);
  if (hasTransactions) await coordinatorOf(side, 'transaction', 1);
  await producerIdsOf(side);
  await side.do(apiOf('OffsetCommit'), 8, {
    groupId: 'readers',
    topics: [
      { name: 'alpha', partitions: [{ partitionIndex: 0, committedOffset: 2, committedMetadata: 'm' }] },
    ],
  });
  await side.learn();
}

/** Asks until the coordinator's partition is loaded, as a client does. */
async function coordinatorOf(side: Side, key: string, keyType: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const found = await side.do(apiOf('FindCoordinator'), 3, { key, keyType });
    if (found['errorCode'] === 0) {
      const tried =
        keyType === 0
          ? await side.do(apiOf('Heartbeat'), 4, { groupId: key, generationId: 1, memberId: 'x' })
          : await side.do(apiOf('InitProducerId'), 4, { transactionalId: key, transactionTimeoutMs: 10_000 });
      if (![14, 15, 16].includes(tried['errorCode'] as number)) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no coordinator of ${key}`);
}

/** The first block of producer ids comes from the controller; until then brokers ask for patience. */
async function producerIdsOf(side: Side): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const request = { transactionalId: null, transactionTimeoutMs: 1000 };
    if ((await side.do(apiOf('InitProducerId'), 4, request))['errorCode'] === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('no producer ids');
}

/** A member, alone in a stable group. */
async function member(side: Side, groupId: string): Promise<Struct> {
  const join = {
    groupId,
    sessionTimeoutMs: 60_000,
    rebalanceTimeoutMs: 60_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from([0, 1, 0, 0, 0, 0, 0, 0, 0, 0]) }],
  };
  const { memberId, generationId } = await side.do(apiOf('JoinGroup'), 3, { ...join, memberId: '' });
  await side.do(apiOf('SyncGroup'), 3, {
    groupId,
    generationId,
    memberId,
    assignments: [{ memberId, assignment: Buffer.from([0, 1, 0, 0, 0, 0]) }],
  });
  return { memberId, generationId };
}

interface Transaction {
  readonly transactionalId: string;
  readonly producerId: unknown;
  readonly producerEpoch: unknown;
}

async function transaction(side: Side, transactionalId: string): Promise<Transaction> {
  await coordinatorOf(side, transactionalId, 1);
  const { producerId, producerEpoch } = await side.do(apiOf('InitProducerId'), 4, {
    transactionalId,
    transactionTimeoutMs: 60_000,
  });
  return { transactionalId, producerId, producerEpoch };
}

const adding = async (side: Side, id: string): Promise<Transaction> => {
  const begun = await transaction(side, id);
  await side.do(apiOf('AddPartitionsToTxn'), 3, {
    v3AndBelowTransactionalId: id,
    v3AndBelowProducerId: begun.producerId,
    v3AndBelowProducerEpoch: begun.producerEpoch,
    v3AndBelowTopics: [{ name: 'alpha', partitions: [1] }],
  });
  return begun;
};

const COUNTS = [-2, -1, 0, 1, 2, 10_001];
const TIMEOUTS = [20_000, 30_000];
const RESOURCE_TYPES = [-1, 0, 1, 2, 4, 8, 16, 32, 127];

const aclFilter: Struct = {
  resourceTypeFilter: 2,
  resourceNameFilter: 'alpha',
  patternTypeFilter: 3,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
};

/** Apache Kafka closes the connection on them; a refusal is kinder. */
const UNKNOWN_IN_ACLS = / = 0$/;

const owned: Struct[] = [{ principalType: 'User', principalName: 'ANONYMOUS' }];

/** The table. Cases that change much stand last. */
export const cases: readonly Case[] = [
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
  {
    api: apiOf('OffsetCommit'),
    base: (_side, n) => ({
      groupId: `commit-${n}`,
      topics: [
        { name: 'alpha', partitions: [{ partitionIndex: 0, committedOffset: 2, committedMetadata: '' }] },
      ],
    }),
  },
  {
    api: apiOf('OffsetFetch'),
    base: () => {
      const topics = [{ name: 'alpha', partitionIndexes: [0] }];
      return { groupId: 'readers', topics, groups: [{ groupId: 'readers', topics }], requireStable: false };
    },
    unanswered: /^groups = \[\]/,
  },
  {
    api: apiOf('JoinGroup'),
    base: (_side, n) => ({
      groupId: `join-${n}`,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from([0, 0]) }],
    }),
    limits: {
      sessionTimeoutMs: [-1, 0, 5_999, 6_000, 1_800_000, 1_800_001],
      rebalanceTimeoutMs: [0, 1000],
      groupId: [''],
    },
    unanswered: /^protocols twice|^protocols.metadata = 0xff/,
  },
  {
    api: apiOf('SyncGroup'),
    base: async (side, n, version) => ({
      groupId: `sync-${n}`,
      ...(await member(side, `sync-${n}`)),
      protocolType: version >= 5 ? 'consumer' : null,
      protocolName: version >= 5 ? 'range' : null,
      assignments: [],
    }),
  },
  {
    api: apiOf('Heartbeat'),
    base: async (side, n) => ({ groupId: `beat-${n}`, ...(await member(side, `beat-${n}`)) }),
  },
  {
    api: apiOf('OffsetCommit'),
    name: 'of a member',
    versions: [1, 9],
    base: async (side, n) => {
      const { memberId, generationId } = await member(side, `cm-${n}`);
      return {
        groupId: `cm-${n}`,
        memberId,
        generationIdOrMemberEpoch: generationId,
        topics: [
          { name: 'alpha', partitions: [{ partitionIndex: 0, committedOffset: 2, committedMetadata: '' }] },
        ],
      };
    },
  },
  {
    api: apiOf('LeaveGroup'),
    base: async (side, n) => {
      const { memberId } = await member(side, `leave-${n}`);
      return { groupId: `leave-${n}`, memberId, members: [{ memberId, groupInstanceId: null }] };
    },
  },
  {
    api: apiOf('DescribeGroups'),
    base: () => ({ groups: ['readers'], includeAuthorizedOperations: true }),
  },
  {
    api: apiOf('DescribeGroups'),
    name: 'of a stable group',
    base: async (side, n) => {
      await member(side, `described-${n}`);
      return { groups: [`described-${n}`, 'unknown', '__proto__'] };
    },
    plain: true,
  },
  { api: apiOf('SaslHandshake'), base: () => ({ mechanism: 'PLAIN' }) },
  { api: apiOf('SaslAuthenticate'), base: () => ({ authBytes: Buffer.from('x') }) },
  {
    api: apiOf('ApiVersions'),
    base: () => ({ clientSoftwareName: 'test', clientSoftwareVersion: '1.0' }),
  },
  {
    api: apiOf('DescribeConfigs'),
    base: () => ({
      resources: [{ resourceType: 2, resourceName: 'gamma', configurationKeys: null }],
      includeSynonyms: true,
      includeDocumentation: false,
    }),
    // Documentation is in our own words; what is asked of brokers has a case of its own.
    limits: { 'resources.resourceType': [-1, 0, 1, 2, 16, 32, 127], includeDocumentation: [false] },
  },
  {
    api: apiOf('DescribeConfigs'),
    name: 'of the broker',
    base: () => ({
      resources: [
        {
          resourceType: 4,
          resourceName: '1',
          configurationKeys: ['num.network.threads', 'num.partitions', 'no.such'],
        },
        { resourceType: 4, resourceName: '', configurationKeys: null },
      ],
      includeSynonyms: true,
    }),
    limits: {
      'resources.resourceType': [4],
      includeDocumentation: [false],
      'resources.configurationKeys': ['a', ''],
    },
    // All settings of a broker differ by ports and directories.
    except: /configurationKeys = \[\]/,
  },
  // The logs of coordinators grow at their own pace.
  {
    api: apiOf('DescribeLogDirs'),
    base: () => ({ topics: [{ topic: 'gamma', partitions: [0] }] }),
    except: /topics = null/,
  },
  {
    api: apiOf('AlterReplicaLogDirs'),
    base: () => ({ dirs: [{ path: '/no/such/dir', topics: [{ name: 'gamma', partitions: [0] }] }] }),
  },
  {
    api: apiOf('CreateTopics'),
    base: (_side, n) => ({
      topics: [{ name: `made-${n}`, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
      timeoutMs: 10_000,
    }),
    limits: { 'topics.numPartitions': COUNTS, timeoutMs: TIMEOUTS },
  },
  {
    api: apiOf('CreateTopics'),
    name: 'with replicas and configs',
    base: (_side, n) => ({
      topics: [
        {
          name: `placed-${n}`,
          numPartitions: -1,
          replicationFactor: -1,
          assignments: [{ partitionIndex: 0, brokerIds: [1] }],
          configs: [{ name: 'retention.ms', value: '1000' }],
        },
      ],
      timeoutMs: 10_000,
      validateOnly: false,
    }),
    limits: { 'topics.numPartitions': COUNTS, timeoutMs: TIMEOUTS },
  },
  {
    api: apiOf('DeleteTopics'),
    base: async (side, n, version) => {
      await createTopic(side, `doomed-${n}`);
      await side.learnOf(`doomed-${n}`);
      return {
        topics: [version >= 6 ? { name: `doomed-${n}` } : {}],
        topicNames: [`doomed-${n}`],
        timeoutMs: 10_000,
      };
    },
    limits: { timeoutMs: TIMEOUTS },
  },
  {
    api: apiOf('DeleteTopics'),
    name: 'by id',
    versions: [6, 6],
    base: async (side, n) => {
      await createTopic(side, `doomed-${n}`);
      await side.learnOf(`doomed-${n}`);
      return { topics: [{ name: null, topicId: side.topicId(`doomed-${n}`) }], timeoutMs: 10_000 };
    },
    limits: { timeoutMs: TIMEOUTS },
  },
  {
    api: apiOf('CreatePartitions'),
    base: async (side, n) => {
      await createTopic(side, `grown-${n}`, 2);
      return {
        topics: [{ name: `grown-${n}`, count: 3, assignments: [{ brokerIds: [1] }] }],
        timeoutMs: 10_000,
      };
    },
    limits: { 'topics.count': COUNTS, timeoutMs: TIMEOUTS },
  },
  {
    api: apiOf('DeleteRecords'),
    base: async (side, n) => {
      await createTopic(side, `cut-${n}`);
      await produce(side, `cut-${n}`, 0, batch(['a', 'b', 'c']));
      return {
        topics: [{ name: `cut-${n}`, partitions: [{ partitionIndex: 0, offset: 2 }] }],
        timeoutMs: 10_000,
      };
    },
    limits: { timeoutMs: TIMEOUTS },
  },
  {
    api: apiOf('IncrementalAlterConfigs'),
    base: () => ({
      resources: [
        {
          resourceType: 2,
          resourceName: 'gamma',
          configs: [{ name: 'cleanup.policy', configOperation: 2, value: 'compact' }],
        },
      ],
      validateOnly: true,
    }),
    limits: {
      'resources.resourceType': RESOURCE_TYPES,
      // Another operation makes Apache Kafka's controller resign.
      'resources.configs.configOperation': [0, 1, 2, 3],
      validateOnly: [true],
    },
    // Loggers are no resource here.
    except: /resourceType = 8/,
  },
  {
    api: apiOf('AlterConfigs'),
    base: () => ({
      resources: [
        { resourceType: 2, resourceName: 'gamma', configs: [{ name: 'retention.ms', value: '5' }] },
      ],
      validateOnly: true,
    }),
    limits: { 'resources.resourceType': RESOURCE_TYPES, validateOnly: [true] },
    unanswered: /^resources twice/,
  },
  {
    api: apiOf('ElectLeaders'),
    base: () => ({
      electionType: 0,
      topicPartitions: [{ topic: 'alpha', partitions: [0] }],
      timeoutMs: 10_000,
    }),
    limits: { timeoutMs: TIMEOUTS },
    // That answer names every topic there is.
    except: /topicPartitions = null/,
  },
  {
    api: apiOf('AlterPartitionReassignments'),
    base: () => ({
      timeoutMs: 10_000,
      topics: [{ name: 'alpha', partitions: [{ partitionIndex: 0, replicas: [1] }] }],
    }),
    limits: { timeoutMs: TIMEOUTS },
  },
  {
    api: apiOf('ListPartitionReassignments'),
    base: () => ({ timeoutMs: 10_000, topics: [{ name: 'alpha', partitionIndexes: [0] }] }),
    limits: { timeoutMs: TIMEOUTS },
  },
  {
    api: apiOf('DescribeQuorum'),
    base: () => ({ topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] }),
  },
  {
    api: apiOf('UpdateFeatures'),
    base: () => ({
      timeoutMs: 10_000,
      featureUpdates: [
        { feature: 'metadata.version', maxVersionLevel: 19, allowDowngrade: false, upgradeType: 1 },
      ],
      validateOnly: true,
    }),
    limits: { timeoutMs: TIMEOUTS },
  },
  {
    api: apiOf('DescribeCluster'),
    base: () => ({ includeClusterAuthorizedOperations: true, endpointType: 1 }),
  },
  { api: apiOf('UnregisterBroker'), base: () => ({ brokerId: 7 }), limits: { brokerId: [-2, -1, 0, 2, 7] } },
  { api: apiOf('DescribeProducers'), base: () => ({ topics: [{ name: 'alpha', partitionIndexes: [0] }] }) },
  { api: apiOf('ListClientMetricsResources'), base: () => ({}) },
  { api: apiOf('DescribeAcls'), base: () => aclFilter, except: UNKNOWN_IN_ACLS },
  {
    api: apiOf('CreateAcls'),
    except: UNKNOWN_IN_ACLS,
    base: () => ({
      creations: [
        {
          resourceType: 2,
          resourceName: 'alpha',
          resourcePatternType: 3,
          principal: 'User:a',
          host: '*',
          operation: 3,
          permissionType: 3,
        },
      ],
    }),
  },
  { api: apiOf('DeleteAcls'), base: () => ({ filters: [aclFilter] }), except: UNKNOWN_IN_ACLS },
  {
    api: apiOf('DescribeClientQuotas'),
    base: () => ({ components: [{ entityType: 'user', matchType: 0, match: 'u' }], strict: false }),
  },
  {
    api: apiOf('AlterClientQuotas'),
    base: (_side, n) => ({
      entries: [
        {
          entity: [{ entityType: 'user', entityName: `u-${n}` }],
          ops: [{ key: 'producer_byte_rate', value: 1000, remove: false }],
        },
      ],
      validateOnly: false,
    }),
  },
  { api: apiOf('DescribeUserScramCredentials'), base: () => ({ users: [{ name: 'nobody' }] }) },
  {
    api: apiOf('AlterUserScramCredentials'),
    base: (_side, n) => ({
      deletions: [],
      upsertions: [
        {
          name: `s-${n}`,
          mechanism: 1,
          iterations: 4096,
          salt: Buffer.from('salt'),
          saltedPassword: Buffer.alloc(32),
        },
      ],
    }),
  },
  {
    api: apiOf('AlterUserScramCredentials'),
    name: 'deleting',
    base: () => ({ deletions: [{ name: 'nobody', mechanism: 1 }], upsertions: [] }),
  },
  { api: apiOf('CreateDelegationToken'), base: () => ({ renewers: owned, maxLifetimeMs: -1 }) },
  { api: apiOf('RenewDelegationToken'), base: () => ({ hmac: Buffer.from('x'), renewPeriodMs: -1 }) },
  { api: apiOf('ExpireDelegationToken'), base: () => ({ hmac: Buffer.from('x'), expiryTimePeriodMs: -1 }) },
  { api: apiOf('DescribeDelegationToken'), base: () => ({ owners: owned }) },
  {
    api: apiOf('InitProducerId'),
    name: 'of a transaction',
    needs: apiOf('AddPartitionsToTxn'),
    base: async (side, n) => {
      const { transactionalId } = await transaction(side, `init-${n}`);
      return { transactionalId, transactionTimeoutMs: 60_000 };
    },
    limits: { transactionalId: ['', 'init-other'], transactionTimeoutMs: [-1, 0, 1, 900_000, 900_001] },
  },
  {
    api: apiOf('AddPartitionsToTxn'),
    unanswered: /^transactions = \[\]/,
    // One of two equal ones in flight is chance.
    except: /^transactions twice/,
    base: async (side, n) => {
      const { transactionalId, producerId, producerEpoch } = await transaction(side, `add-${n}`);
      const topics = [{ name: 'alpha', partitions: [1] }];
      return {
        transactions: [{ transactionalId, producerId, producerEpoch, verifyOnly: false, topics }],
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: producerId,
        v3AndBelowProducerEpoch: producerEpoch,
        v3AndBelowTopics: topics,
      };
    },
  },
  {
    api: apiOf('AddOffsetsToTxn'),
    base: async (side, n) => ({ ...(await transaction(side, `offsets-${n}`)), groupId: 'readers' }),
  },
  {
    api: apiOf('TxnOffsetCommit'),
    base: async (side, n) => {
      const begun = await transaction(side, `txn-commit-${n}`);
      await side.do(apiOf('AddOffsetsToTxn'), 3, { ...begun, groupId: 'in-txn' });
      return {
        ...begun,
        groupId: 'in-txn',
        topics: [
          { name: 'alpha', partitions: [{ partitionIndex: 0, committedOffset: 2, committedMetadata: '' }] },
        ],
      };
    },
  },
  {
    api: apiOf('EndTxn'),
    base: async (side, n) => ({ ...(await adding(side, `end-${n}`)), committed: true }),
  },
  {
    api: apiOf('EndTxn'),
    name: 'of an empty transaction',
    base: async (side, n) => ({ ...(await transaction(side, `end-empty-${n}`)), committed: true }),
    plain: true,
  },
  {
    api: apiOf('WriteTxnMarkers'),
    unanswered: /^markers.topics twice|^markers.topics.partitionIndexes twice/,
    // Markers of no producer are refused here.
    except: /producerId = -/,
    base: () => ({
      markers: [
        {
          producerId: 4_000_000,
          producerEpoch: 0,
          transactionResult: true,
          topics: [{ name: 'compacted', partitionIndexes: [0] }],
          coordinatorEpoch: 0,
        },
      ],
    }),
    limits: { 'markers.producerEpoch': [0, 1], 'markers.coordinatorEpoch': [0, 1] },
  },
  { api: apiOf('DescribeTransactions'), base: () => ({ transactionalIds: ['nobody'] }) },
  {
    api: apiOf('DescribeTransactions'),
    name: 'of one under way',
    base: async (side, n) => {
      await adding(side, `described-${n}`);
      return { transactionalIds: [`described-${n}`] };
    },
    plain: true,
  },
  {
    api: apiOf('ListTransactions'),
    base: () => ({ stateFilters: ['NoSuchState'], producerIdFilters: [77] }),
    limits: { stateFilters: ['', 'no-such', 'ongoing'], producerIdFilters: [-1, 99] },
  },
  {
    api: apiOf('OffsetDelete'),
    base: async (side, n) => {
      await side.do(apiOf('OffsetCommit'), 8, {
        groupId: `forgetful-${n}`,
        topics: [
          { name: 'alpha', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] },
        ],
      });
      return { groupId: `forgetful-${n}`, topics: [{ name: 'alpha', partitions: [{ partitionIndex: 0 }] }] };
    },
  },
  {
    api: apiOf('DeleteGroups'),
    base: async (side, n) => {
      await side.do(apiOf('OffsetCommit'), 8, {
        groupId: `dying-${n}`,
        topics: [
          { name: 'alpha', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] },
        ],
      });
      return { groupsNames: [`dying-${n}`] };
    },
  },
  {
    api: apiOf('ConsumerGroupHeartbeat'),
    base: (_side, n) => ({
      groupId: `new-${n}`,
      memberId: '',
      memberEpoch: 0,
      rebalanceTimeoutMs: 1000,
      subscribedTopicNames: ['alpha'],
      topicPartitions: [],
    }),
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
