/** Records of `__remote_log_metadata`, the topic of tiered storage (KIP-405). */
import {
  array,
  bytes,
  int8,
  int32,
  int64,
  leaderEpoch,
  message,
  nullable,
  or,
  string,
  struct,
  uuid,
} from '../schema.ts';

export const RemoteLogSegmentMetadataRecord = message({
  name: 'RemoteLogSegmentMetadataRecord',
  key: 0,
  versions: [0, 0],
  flexible: 0,
  fields: {
    remoteLogSegmentId: struct({
      topicIdPartition: struct({
        name: string,
        id: uuid,
        partition: int32,
      }),
      id: uuid,
    }),
    startOffset: int64,
    endOffset: int64,
    brokerId: int32,
    maxTimestampMs: int64,
    eventTimestampMs: int64,
    segmentLeaderEpochs: array({
      leaderEpoch,
      offset: int64,
    }),
    segmentSizeInBytes: int32,
    customMetadata: or(null, nullable(bytes)),
    remoteLogSegmentState: int8,
  },
});

export const RemoteLogSegmentMetadataSnapshotRecord = message({
  name: 'RemoteLogSegmentMetadataSnapshotRecord',
  key: 3,
  versions: [0, 0],
  flexible: 0,
  fields: {
    segmentId: uuid,
    startOffset: int64,
    endOffset: int64,
    brokerId: int32,
    maxTimestampMs: int64,
    eventTimestampMs: int64,
    segmentLeaderEpochs: array({
      leaderEpoch,
      offset: int64,
    }),
    segmentSizeInBytes: int32,
    customMetadata: or(null, nullable(bytes)),
    remoteLogSegmentState: int8,
  },
});

export const RemoteLogSegmentMetadataUpdateRecord = message({
  name: 'RemoteLogSegmentMetadataUpdateRecord',
  key: 1,
  versions: [0, 0],
  flexible: 0,
  fields: {
    remoteLogSegmentId: struct({
      topicIdPartition: struct({
        name: string,
        id: uuid,
        partition: int32,
      }),
      id: uuid,
    }),
    brokerId: int32,
    eventTimestampMs: int64,
    customMetadata: or(null, nullable(bytes)),
    remoteLogSegmentState: int8,
  },
});

export const RemotePartitionDeleteMetadataRecord = message({
  name: 'RemotePartitionDeleteMetadataRecord',
  key: 2,
  versions: [0, 0],
  flexible: 0,
  fields: {
    topicIdPartition: struct({
      name: string,
      id: uuid,
      partition: int32,
    }),
    brokerId: int32,
    eventTimestampMs: int64,
    remotePartitionDeleteState: int8,
  },
});
