/** ElectLeaders (key 43), versions 0 to 2: v1 unclean elections (KIP-460); v2 flexible. */
import { ElectLeaders } from '../../protocol/messages/elect-leaders.ts';
import { forwarded } from './forwarded.ts';

export const electLeaders = forwarded(ElectLeaders, (request, errorCode, errorMessage) => ({
  throttleTimeMs: 0,
  errorCode,
  replicaElectionResults: (request.topicPartitions ?? []).map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) => ({ partitionId, errorCode, errorMessage })),
  })),
}));
