/** Connections, configurations, topics, partitions, ACLs, quotas, users and tokens. */
import type { Case } from './case.ts';
import { apiOf, batch } from './case.ts';
import { createTopic, produce } from './prepare.ts';
import type { Struct } from './requests.ts';

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

export const administrationCases: readonly Case[] = [
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
];
