/**
 * Control records: what Kafka itself puts into a log, in batches with the control attribute. The key of each
 * is int16 version, int16 type: 0 abort, 1 commit, 2 leader change, 3 snapshot header, 4 snapshot footer, 5
 * KRaft version, 6 voters.
 */
import {
  array,
  brokerId,
  int16,
  int32,
  int64,
  mapKey,
  message,
  string,
  struct,
  uint16,
  uuid,
} from '../schema.ts';

const voter = {
  voterId: int32,
};

/** First record of each epoch of the metadata log: who leads, who voted. */
export const LeaderChangeMessage = message({
  name: 'LeaderChangeMessage',
  versions: [0, 0],
  flexible: 0,
  fields: {
    version: int16,
    leaderId: brokerId,
    voters: array(voter),
    grantingVoters: array(voter),
  },
});

/** Last record of a snapshot: without it the snapshot is incomplete. */
export const SnapshotFooterRecord = message({
  name: 'SnapshotFooterRecord',
  versions: [0, 0],
  flexible: 0,
  fields: {
    version: int16,
  },
});

/** First record of a snapshot. */
export const SnapshotHeaderRecord = message({
  name: 'SnapshotHeaderRecord',
  versions: [0, 0],
  flexible: 0,
  fields: {
    version: int16,
    lastContainedLogTimestamp: int64,
  },
});

/** Level of kraft.version, since 3.9 (KIP-853). */
export const KRaftVersionRecord = message({
  name: 'KRaftVersionRecord',
  versions: [0, 0],
  flexible: 0,
  fields: {
    version: int16,
    kRaftVersion: int16,
  },
});

/** The voters and their endpoints, since 3.9 (KIP-853). */
export const VotersRecord = message({
  name: 'VotersRecord',
  versions: [0, 0],
  flexible: 0,
  fields: {
    version: int16,
    voters: array({
      voterId: brokerId,
      voterDirectoryId: uuid,
      endpoints: array({
        name: mapKey(string),
        host: string,
        port: uint16,
      }),
      kRaftVersionFeature: struct({
        minSupportedVersion: int16,
        maxSupportedVersion: int16,
      }),
    }),
  },
});
