/**
 * DescribeProducers (key 61), version 0: what partitions know of the producers that write to them (KIP-664). Leaders
 * and followers answer alike.
 */
import { ErrorCode, errorMessage } from '../../protocol/errors.ts';
import { DescribeProducers } from '../../protocol/messages/describe-producers.ts';
import type { ResponseInput } from '../../protocol/schema.ts';
import { lastSequenceOf } from '../../storage/producer-entry.ts';
import { topicNameProblem } from '../metadata/names.ts';
import { handler } from '../server/handler.ts';
import { partitionOrError } from './partition-or-error.ts';
import type { Services } from './services.ts';

type PartitionResponse = ResponseInput<typeof DescribeProducers>['topics'][number]['partitions'][number];

export const describeProducers = (services: Services) =>
  handler(DescribeProducers, {
    run: (request) => ({
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitionIndexes }) => {
        const problem = topicProblem(services, name);
        return {
          name,
          partitions: partitionIndexes.map((partitionIndex) =>
            problem === null
              ? describe(services, name, partitionIndex)
              : { partitionIndex, ...problem, activeProducers: [] },
          ),
        };
      }),
    }),
    refuse: (request, errorCode) => ({
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => ({
          partitionIndex,
          errorCode,
          activeProducers: [],
        })),
      })),
    }),
  });

/** What is wrong with the topic as a whole, in words; with a single partition Kafka gives the code alone. */
function topicProblem(
  services: Services,
  name: string,
): { readonly errorCode: number; readonly errorMessage: string } | null {
  const invalid = topicNameProblem(name);
  if (invalid !== null) return { errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION, errorMessage: invalid };
  if (services.image().topic(name) !== undefined) return null;
  const errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  return { errorCode, errorMessage: errorMessage(errorCode) };
}

function describe(services: Services, topic: string, partitionIndex: number): PartitionResponse {
  const partition = partitionOrError(services, topic, partitionIndex);
  if (typeof partition === 'number') return { partitionIndex, errorCode: partition, activeProducers: [] };
  return {
    partitionIndex,
    errorCode: ErrorCode.NONE,
    activeProducers: [...partition.log.producers.activeProducers()].map((entry) => ({
      producerId: entry.producerId,
      producerEpoch: entry.producerEpoch,
      lastSequence: lastSequenceOf(entry),
      lastTimestamp: entry.lastTimestampMs,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTxnStartOffset: entry.currentTxnFirstOffset,
    })),
  };
}
