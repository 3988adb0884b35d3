/**
 * Control records.
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

export const SnapshotFooterRecord = message({
  name: 'SnapshotFooterRecord',
  versions: [0, 0],
  flexible: 0,
  fields: {
    version: int16,
  },
});

export const SnapshotHeaderRecord = message({
  name: 'SnapshotHeaderRecord',
  versions: [0, 0],
  flexible: 0,
  fields: {
    version: int16,
    lastContainedLogTimestamp: int64,
  },
});

export const KRaftVersionRecord = message({
  name: 'KRaftVersionRecord',
  versions: [0, 0],
  flexible: 0,
  fields: {
    version: int16,
    kRaftVersion: int16,
  },
});

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
