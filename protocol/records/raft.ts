/**
 * The file `quorum-state` of the metadata log: the epoch, the vote and the leader that a node must not
 * forget.
 */
import { array, int32, int64, leaderEpoch, message, nullable, or, string } from '../schema.ts';

const voter = {
  voterId: int32,
};

/** Written as JSON, with the version in the field `data_version`. */
export const QuorumStateData = message({
  name: 'QuorumStateData',
  versions: [0, 0],
  flexible: 0,
  fields: {
    clusterId: string,
    leaderId: or(-1, int32),
    leaderEpoch: or(-1, leaderEpoch),
    votedId: or(-1, int32),
    appliedOffset: int64,
    currentVoters: nullable(array(voter)),
  },
});
