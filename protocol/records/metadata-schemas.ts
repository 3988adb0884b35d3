/**
 * Records of the metadata log.
 */
import {
  array,
  bool,
  brokerId,
  bytes,
  float64,
  int8,
  int16,
  int32,
  int64,
  leaderEpoch,
  mapKey,
  message,
  nullable,
  or,
  since,
  string,
  tagged,
  topicName,
  uint16,
  uuid,
} from '../schema.ts';

export const RegisterBrokerRecord = message({
  name: 'RegisterBrokerRecord',
  key: 0,
  versions: [0, 3],
  flexible: 0,
  fields: {
    brokerId,
    isMigratingZkBroker: since(2, or(false, bool)),
    incarnationId: uuid,
    brokerEpoch: int64,
    endPoints: array({
      name: mapKey(string),
      host: string,
      port: uint16,
      securityProtocol: int16,
    }),
    features: array({
      name: mapKey(string),
      minSupportedVersion: int16,
      maxSupportedVersion: int16,
    }),
    rack: nullable(string),
    fenced: or(true, bool),
    inControlledShutdown: since(1, or(false, bool)),
    logDirs: tagged(0, 3, array(uuid)),
  },
});

export const UnregisterBrokerRecord = message({
  name: 'UnregisterBrokerRecord',
  key: 1,
  versions: [0, 0],
  flexible: 0,
  fields: {
    brokerId,
    brokerEpoch: int64,
  },
});

export const TopicRecord = message({
  name: 'TopicRecord',
  key: 2,
  versions: [0, 0],
  flexible: 0,
  fields: {
    name: topicName,
    topicId: uuid,
  },
});

export const PartitionRecord = message({
  name: 'PartitionRecord',
  key: 3,
  versions: [0, 2],
  flexible: 0,
  fields: {
    partitionId: or(-1, int32),
    topicId: uuid,
    replicas: array(brokerId),
    isr: array(int32),
    removingReplicas: array(brokerId),
    addingReplicas: array(brokerId),
    leader: or(-1, brokerId),
    leaderRecoveryState: tagged(0, 0, or(0, int8)),
    leaderEpoch: or(-1, leaderEpoch),
    partitionEpoch: or(-1, int32),
    directories: since(1, array(uuid)),
    eligibleLeaderReplicas: tagged(1, 2, or(null, nullable(array(brokerId)))),
    lastKnownELR: tagged(2, 2, or(null, nullable(array(brokerId)))),
  },
});

export const ConfigRecord = message({
  name: 'ConfigRecord',
  key: 4,
  versions: [0, 0],
  flexible: 0,
  fields: {
    resourceType: int8,
    resourceName: string,
    name: string,
    value: nullable(string),
  },
});

export const PartitionChangeRecord = message({
  name: 'PartitionChangeRecord',
  key: 5,
  versions: [0, 2],
  flexible: 0,
  fields: {
    partitionId: or(-1, int32),
    topicId: uuid,
    isr: tagged(0, 0, or(null, nullable(array(brokerId)))),
    leader: tagged(1, 0, or(-2, brokerId)),
    replicas: tagged(2, 0, or(null, nullable(array(brokerId)))),
    removingReplicas: tagged(3, 0, or(null, nullable(array(brokerId)))),
    addingReplicas: tagged(4, 0, or(null, nullable(array(brokerId)))),
    leaderRecoveryState: tagged(5, 0, or(-1, int8)),
    directories: tagged(8, 1, or(null, nullable(array(uuid)))),
    eligibleLeaderReplicas: tagged(6, 2, or(null, nullable(array(brokerId)))),
    lastKnownELR: tagged(7, 2, or(null, nullable(array(brokerId)))),
  },
});

export const FenceBrokerRecord = message({
  name: 'FenceBrokerRecord',
  key: 7,
  versions: [0, 0],
  flexible: 0,
  fields: {
    id: brokerId,
    epoch: int64,
  },
});

export const UnfenceBrokerRecord = message({
  name: 'UnfenceBrokerRecord',
  key: 8,
  versions: [0, 0],
  flexible: 0,
  fields: {
    id: brokerId,
    epoch: int64,
  },
});

export const RemoveTopicRecord = message({
  name: 'RemoveTopicRecord',
  key: 9,
  versions: [0, 0],
  flexible: 0,
  fields: {
    topicId: uuid,
  },
});

export const DelegationTokenRecord = message({
  name: 'DelegationTokenRecord',
  key: 10,
  versions: [0, 0],
  flexible: 0,
  fields: {
    owner: string,
    requester: string,
    renewers: array(string),
    issueTimestamp: int64,
    maxTimestamp: int64,
    expirationTimestamp: int64,
    tokenId: string,
  },
});

export const UserScramCredentialRecord = message({
  name: 'UserScramCredentialRecord',
  key: 11,
  versions: [0, 0],
  flexible: 0,
  fields: {
    name: string,
    mechanism: int8,
    salt: bytes,
    storedKey: bytes,
    serverKey: bytes,
    iterations: int32,
  },
});

export const FeatureLevelRecord = message({
  name: 'FeatureLevelRecord',
  key: 12,
  versions: [0, 0],
  flexible: 0,
  fields: {
    name: string,
    featureLevel: int16,
  },
});

export const ClientQuotaRecord = message({
  name: 'ClientQuotaRecord',
  key: 14,
  versions: [0, 0],
  flexible: 0,
  fields: {
    entity: array({
      entityType: string,
      entityName: nullable(string),
    }),
    key: string,
    value: float64,
    remove: bool,
  },
});

export const ProducerIdsRecord = message({
  name: 'ProducerIdsRecord',
  key: 15,
  versions: [0, 0],
  flexible: 0,
  fields: {
    brokerId,
    brokerEpoch: or(-1, int64),
    nextProducerId: int64,
  },
});

export const BrokerRegistrationChangeRecord = message({
  name: 'BrokerRegistrationChangeRecord',
  key: 17,
  versions: [0, 2],
  flexible: 0,
  fields: {
    brokerId,
    brokerEpoch: int64,
    fenced: tagged(0, 0, int8),
    inControlledShutdown: tagged(1, 1, int8),
    logDirs: tagged(2, 2, array(uuid)),
  },
});

export const AccessControlEntryRecord = message({
  name: 'AccessControlEntryRecord',
  key: 18,
  versions: [0, 0],
  flexible: 0,
  fields: {
    id: uuid,
    resourceType: int8,
    resourceName: string,
    patternType: int8,
    principal: string,
    host: string,
    operation: int8,
    permissionType: int8,
  },
});

export const RemoveAccessControlEntryRecord = message({
  name: 'RemoveAccessControlEntryRecord',
  key: 19,
  versions: [0, 0],
  flexible: 0,
  fields: {
    id: uuid,
  },
});

export const NoOpRecord = message({
  name: 'NoOpRecord',
  key: 20,
  versions: [0, 0],
  flexible: 0,
  fields: {},
});

export const ZkMigrationStateRecord = message({
  name: 'ZkMigrationStateRecord',
  key: 21,
  versions: [0, 0],
  flexible: 0,
  fields: {
    zkMigrationState: int8,
  },
});

export const RemoveUserScramCredentialRecord = message({
  name: 'RemoveUserScramCredentialRecord',
  key: 22,
  versions: [0, 0],
  flexible: 0,
  fields: {
    name: string,
    mechanism: int8,
  },
});

export const BeginTransactionRecord = message({
  name: 'BeginTransactionRecord',
  key: 23,
  versions: [0, 0],
  flexible: 0,
  fields: {
    name: tagged(0, 0, or(null, nullable(string))),
  },
});

export const EndTransactionRecord = message({
  name: 'EndTransactionRecord',
  key: 24,
  versions: [0, 0],
  flexible: 0,
  fields: {},
});

export const AbortTransactionRecord = message({
  name: 'AbortTransactionRecord',
  key: 25,
  versions: [0, 0],
  flexible: 0,
  fields: {
    reason: tagged(0, 0, or(null, nullable(string))),
  },
});

export const RemoveDelegationTokenRecord = message({
  name: 'RemoveDelegationTokenRecord',
  key: 26,
  versions: [0, 0],
  flexible: 0,
  fields: {
    tokenId: string,
  },
});

export const RegisterControllerRecord = message({
  name: 'RegisterControllerRecord',
  key: 27,
  versions: [0, 0],
  flexible: 0,
  fields: {
    controllerId: int32,
    incarnationId: uuid,
    zkMigrationReady: bool,
    endPoints: array({
      name: mapKey(string),
      host: string,
      port: uint16,
      securityProtocol: int16,
    }),
    features: array({
      name: mapKey(string),
      minSupportedVersion: int16,
      maxSupportedVersion: int16,
    }),
  },
});

export const metadataSchemas = {
  RegisterBrokerRecord,
  UnregisterBrokerRecord,
  TopicRecord,
  PartitionRecord,
  ConfigRecord,
  PartitionChangeRecord,
  FenceBrokerRecord,
  UnfenceBrokerRecord,
  RemoveTopicRecord,
  DelegationTokenRecord,
  UserScramCredentialRecord,
  FeatureLevelRecord,
  ClientQuotaRecord,
  ProducerIdsRecord,
  BrokerRegistrationChangeRecord,
  AccessControlEntryRecord,
  RemoveAccessControlEntryRecord,
  NoOpRecord,
  ZkMigrationStateRecord,
  RemoveUserScramCredentialRecord,
  BeginTransactionRecord,
  EndTransactionRecord,
  AbortTransactionRecord,
  RemoveDelegationTokenRecord,
  RegisterControllerRecord,
};
