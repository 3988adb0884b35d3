/**
 * OffsetForLeaderEpoch (key 23), versions 0 to 4: where an epoch of the log ends, so that a client or follower can
 * tell whether what it has read was truncated since (KIP-101, KIP-320).
 *
 * v1 the epoch that was found; v2 fencing by the current leader epoch; v3 replica id; v4 flexible.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { OffsetForLeaderEpoch } from '../../protocol/messages/offset-for-leader-epoch.ts';
import { handler } from '../server/handler.ts';
import { partitionOrError } from './partition-or-error.ts';
import type { Services } from './services.ts';

export const offsetForLeaderEpoch = (services: Services) =>
  handler(OffsetForLeaderEpoch, {
    run: (request) => ({
      throttleTimeMs: 0,
      topics: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map((part) => {
          const partition = partitionOrError(services, topic, part.partition);
          if (typeof partition === 'number') return { partition: part.partition, errorCode: partition };
          const errorCode = partition.checkLeader(part.currentLeaderEpoch);
          if (errorCode !== ErrorCode.NONE) return { partition: part.partition, errorCode };
          const { epoch, endOffset } = partition.log.endOffsetForEpoch(part.leaderEpoch);
          return { partition: part.partition, errorCode, leaderEpoch: epoch, endOffset };
        }),
      })),
    }),
    refuse: (request, errorCode) => ({
      throttleTimeMs: 0,
      topics: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition }) => ({ partition, errorCode })),
      })),
    }),
  });
