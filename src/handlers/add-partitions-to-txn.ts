/**
 * AddPartitionsToTxn (key 24), versions 0 to 4.
 *
 * v2 PRODUCER_FENCED; v3 flexible; v4 is for brokers alone: many transactions, or the mere question whether partitions
 * are in (KIP-890).
 *
 * All or nothing: where one partition of a transaction can't be added, the others answer OPERATION_NOT_ATTEMPTED.
 * Kafka 3.7.0 never answers a request of version 4 without transactions; here the answer is empty.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { AddPartitionsToTxn } from '../../protocol/messages/add-partitions-to-txn.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import { isInternalTopic } from '../metadata/names.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';
import { fencedBefore } from './transactional.ts';

type Request = RequestOf<typeof AddPartitionsToTxn>;
type Transaction = Request['transactions'][number];
type Topics = Transaction['topics'];
type TopicResults = NonNullable<ResponseInput<typeof AddPartitionsToTxn>['resultsByTopicV3AndBelow']>;

const FIRST_VERSION_OF_BROKERS = 4;

export const addPartitionsToTxn = (services: Services) =>
  handler(AddPartitionsToTxn, {
    async run(request, call) {
      const { version } = call;
      if (version >= FIRST_VERSION_OF_BROKERS) {
        const resultsByTransaction = await Promise.all(
          request.transactions.map(async (transaction) => ({
            transactionalId: transaction.transactionalId,
            topicResults: await add(services, transaction, version),
          })),
        );
        return {
          throttleTimeMs: 0,
          errorCode: ErrorCode.NONE,
          resultsByTransaction,
          resultsByTopicV3AndBelow: [],
        };
      }
      const only = {
        transactionalId: request.v3AndBelowTransactionalId,
        producerId: request.v3AndBelowProducerId,
        producerEpoch: request.v3AndBelowProducerEpoch,
        verifyOnly: false,
        topics: request.v3AndBelowTopics,
      };
      const resultsByTopicV3AndBelow = await add(services, only, version);
      return {
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        resultsByTransaction: [],
        resultsByTopicV3AndBelow,
      };
    },
    refuse: (request, errorCode) => ({
      throttleTimeMs: 0,
      errorCode,
      resultsByTransaction: [],
      resultsByTopicV3AndBelow: results(request.v3AndBelowTopics, () => errorCode),
    }),
  });

async function add(services: Services, transaction: Transaction, version: number): Promise<TopicResults> {
  const { topics, verifyOnly } = transaction;
  const obstacle = (topic: string, partition: number): number => {
    // No client writes to internal topics; brokers ask for those that offsets are committed to.
    if (version < FIRST_VERSION_OF_BROKERS && isInternalTopic(topic))
      return ErrorCode.TOPIC_AUTHORIZATION_FAILED;
    return services.image().partition(topic, partition) === undefined
      ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      : ErrorCode.NONE;
  };
  const isObstructed = topics.some(({ name, partitions }) =>
    partitions.some((partition) => obstacle(name, partition) !== ErrorCode.NONE),
  );
  if (isObstructed) {
    return results(topics, (name, partition) => {
      const errorCode = obstacle(name, partition);
      return errorCode === ErrorCode.NONE ? ErrorCode.OPERATION_NOT_ATTEMPTED : errorCode;
    });
  }
  const { coordinator } = services.transactions;
  if (verifyOnly) {
    return results(topics, (name, partition) => coordinator.verifyPartition(transaction, name, partition));
  }
  const added = topics.map(({ name, partitions }) => ({ topic: name, partitions }));
  const errorCode = fencedBefore(2, version, await coordinator.addPartitions(transaction, added));
  return results(topics, () => errorCode);
}

/** A result each time that a partition was named, as Kafka answers. */
function results(topics: Topics, errorCodeOf: (topic: string, partition: number) => number): TopicResults {
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: errorCodeOf(name, partitionIndex),
    })),
  }));
}
