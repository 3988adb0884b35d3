/**
 * The types of records in `__cluster_metadata` and its snapshots (KIP-631), as of metadata.version 3.7-IV4.
 *
 * What always holds: keys and fields are never reused; in which version a type is written depends on the
 * metadata.version of the cluster. See `metadata.ts` for the frame around them.
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

/** A broker has registered. The offset of this record is its broker epoch. */
export const RegisterBrokerRecord = message({
  name: 'RegisterBrokerRecord',
  key: 0,
  versions: [0, 3],
  flexible: 0,
  fields: {
    brokerId,
    isMigratingZkBroker: since(2, or(false, bool)),
    /** Names one life of the broker process. */
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

/** A broker has been taken out of the cluster. */
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

/** A topic exists from here on; its partitions follow. */
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

/** A partition as a whole: at its creation and in snapshots. */
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
    /** Replicas that go when the move under way is done. */
    removingReplicas: array(brokerId),
    /** Replicas that come with the move under way. */
    addingReplicas: array(brokerId),
    leader: or(-1, brokerId),
    /** 1 while the leader recovers after an unclean election (KIP-704). */
    leaderRecoveryState: tagged(0, 0, or(0, int8)),
    leaderEpoch: or(-1, leaderEpoch),
    partitionEpoch: or(-1, int32),
    /** Log directory of each replica, in the order of `replicas` (KIP-858). */
    directories: since(1, array(uuid)),
    eligibleLeaderReplicas: tagged(1, 2, or(null, nullable(array(brokerId)))),
    lastKnownELR: tagged(2, 2, or(null, nullable(array(brokerId)))),
  },
});

/** One configuration value of a topic, broker or client metrics subscription. */
export const ConfigRecord = message({
  name: 'ConfigRecord',
  key: 4,
  versions: [0, 0],
  flexible: 0,
  fields: {
    resourceType: int8,
    resourceName: string,
    name: string,
    /** Null removes the value. */
    value: nullable(string),
  },
});

/**
 * What has changed in a partition; fields that are not sent stay as they are. A new leader raises the leader
 * epoch.
 */
export const PartitionChangeRecord = message({
  name: 'PartitionChangeRecord',
  key: 5,
  versions: [0, 2],
  flexible: 0,
  fields: {
    partitionId: or(-1, int32),
    topicId: uuid,
    /** Null when unchanged, as for the lists below. */
    isr: tagged(0, 0, or(null, nullable(array(brokerId)))),
    /** -1 for no leader, -2 when unchanged. */
    leader: tagged(1, 0, or(-2, brokerId)),
    replicas: tagged(2, 0, or(null, nullable(array(brokerId)))),
    removingReplicas: tagged(3, 0, or(null, nullable(array(brokerId)))),
    addingReplicas: tagged(4, 0, or(null, nullable(array(brokerId)))),
    /** -1 when unchanged. */
    leaderRecoveryState: tagged(5, 0, or(-1, int8)),
    directories: tagged(8, 1, or(null, nullable(array(uuid)))),
    eligibleLeaderReplicas: tagged(6, 2, or(null, nullable(array(brokerId)))),
    lastKnownELR: tagged(7, 2, or(null, nullable(array(brokerId)))),
  },
});

/** A broker may no longer lead. BrokerRegistrationChangeRecord has taken its place. */
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

/** A broker may lead again. BrokerRegistrationChangeRecord has taken its place. */
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

/** A topic is gone with all its partitions. */
export const RemoveTopicRecord = message({
  name: 'RemoveTopicRecord',
  key: 9,
  versions: [0, 0],
  flexible: 0,
  fields: {
    topicId: uuid,
  },
});

/** A delegation token as it is now. */
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

/** The SCRAM credential of a user for one mechanism. */
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

/** A feature has been finalized at a level; metadata.version is the first. */
export const FeatureLevelRecord = message({
  name: 'FeatureLevelRecord',
  key: 12,
  versions: [0, 0],
  flexible: 0,
  fields: {
    name: string,
    /** 0 removes the feature. */
    featureLevel: int16,
  },
});

/** One quota of one entity, set or removed. */
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

/** The block of producer ids before `nextProducerId` has been given to a broker. */
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

/** A broker was fenced or unfenced, begins to shut down, or its log directories changed. */
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

/** An access rule, by its own id. */
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

/** The access rule with this id is gone. */
export const RemoveAccessControlEntryRecord = message({
  name: 'RemoveAccessControlEntryRecord',
  key: 19,
  versions: [0, 0],
  flexible: 0,
  fields: {
    id: uuid,
  },
});

/**
 * Nothing. Moves the end of the log forward at times, by which nodes can tell how far behind they are
 * (KIP-835).
 */
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

/** A user has no longer a SCRAM credential for the mechanism. */
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

/** The records from here to the end record take effect together (KIP-868). */
export const BeginTransactionRecord = message({
  name: 'BeginTransactionRecord',
  key: 23,
  versions: [0, 0],
  flexible: 0,
  fields: {
    name: tagged(0, 0, or(null, nullable(string))),
  },
});

/** The transaction of records takes effect. */
export const EndTransactionRecord = message({
  name: 'EndTransactionRecord',
  key: 24,
  versions: [0, 0],
  flexible: 0,
  fields: {},
});

/** The transaction of records is void. */
export const AbortTransactionRecord = message({
  name: 'AbortTransactionRecord',
  key: 25,
  versions: [0, 0],
  flexible: 0,
  fields: {
    reason: tagged(0, 0, or(null, nullable(string))),
  },
});

/** A delegation token is gone. */
export const RemoveDelegationTokenRecord = message({
  name: 'RemoveDelegationTokenRecord',
  key: 26,
  versions: [0, 0],
  flexible: 0,
  fields: {
    tokenId: string,
  },
});

/** A controller has registered (KIP-919). */
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
