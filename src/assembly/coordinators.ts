/**
 * The coordinators of groups and transactions on the partitions of their internal topics, and what they need of each
 * other: a transaction that commits offsets is verified before they are taken, and its marker tells the groups.
 */
import type { Clock, Timer } from '../../storage/clock.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import type { Logger } from '../logging.ts';
import { GroupCoordinator } from '../machine/coordinator-group.ts';
import { CoordinatorPartition } from '../machine/coordinator-partition.ts';
import type { ProducerIds } from '../machine/producer-ids.ts';
import type { BrokerChannel } from '../machine/transaction-ports.ts';
import type { Transactions } from '../machine/transactions.ts';
import { makeTransactions } from '../machine/transactions.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { GROUP_METADATA_TOPIC, TRANSACTION_STATE_TOPIC } from '../metadata/names.ts';
import type { MetadataSubscriber } from '../metadata/publisher.ts';
import type { Replicas } from '../partition/replicas.ts';
import { defaultTransactionConfig } from '../transaction/config.ts';
import { maxTransactionalIdBytes } from './coordinator-memory.ts';
import { groupConfigOf } from './group-config.ts';
import { coordinatorSubscriber, deletedOffsetsSubscriber } from './subscribers.ts';

export interface CoordinatorParts {
  readonly settings: { readonly current: BrokerConfig };
  readonly nodeId: number;
  readonly replicas: Replicas;
  readonly image: () => MetadataImage;
  readonly producerIds: ProducerIds;
  readonly clock: Clock;
  readonly timer: Timer;
  readonly log: Logger;
  readonly endOfTurn: (action: () => void) => void;
}

export interface Coordinators {
  readonly groups: GroupCoordinator;
  readonly transactions: Transactions;
  readonly subscribers: readonly MetadataSubscriber[];
  /** A partition got its log only now, long after the metadata that gave it to this broker. */
  openedLate(topic: string, index: number): void;
  /** Resolves once every partition that is led here by now is loaded. */
  loaded(): Promise<void>;
  close(): void;
}

/** There is no other broker yet to which a marker or a question could go. */
const noOtherBroker: BrokerChannel = {
  send: (brokerId) => Promise.reject(new Error(`broker ${brokerId} can not be reached`)),
};

export function makeCoordinators(parts: CoordinatorParts): Coordinators {
  const { nodeId, log } = parts;
  const transactions = transactionsOf(parts, (...marker) => groups.onTransactionMarker(...marker));
  const groups = groupsOf(parts, transactions);
  const elections = new Map<string, Promise<void>>();
  const subscriberOf = (topic: string, coordinator: GroupCoordinator | Transactions['coordinator']) =>
    coordinatorSubscriber(nodeId, {
      topic,
      elected(partition, epoch) {
        // Without a log for want of disk space; `openedLate` follows.
        if (parts.replicas.get(topic, partition) === undefined) return;
        elections.set(`${topic}-${partition}`, coordinator.onElection(partition, epoch));
      },
      resigned: (partition, epoch) => coordinator.onResignation(partition, epoch),
    });
  return {
    groups,
    transactions,
    subscribers: [
      subscriberOf(GROUP_METADATA_TOPIC, groups),
      subscriberOf(TRANSACTION_STATE_TOPIC, transactions.coordinator),
      deletedOffsetsSubscriber(groups, log),
    ],
    openedLate(topic, index) {
      const partition = parts.replicas.get(topic, index);
      if (partition === undefined || !partition.isLeader) return;
      const { leaderEpoch } = partition;
      if (topic === GROUP_METADATA_TOPIC)
        elections.set(`${topic}-${index}`, groups.onElection(index, leaderEpoch));
      if (topic === TRANSACTION_STATE_TOPIC) {
        elections.set(`${topic}-${index}`, transactions.coordinator.onElection(index, leaderEpoch));
      }
    },
    async loaded() {
      await Promise.all(elections.values());
    },
    close() {
      transactions.coordinator.shutdown();
      groups.shutdown();
    },
  };
}

function groupsOf(parts: CoordinatorParts, transactions: Transactions): GroupCoordinator {
  const { settings, replicas, clock, timer, endOfTurn } = parts;
  const { offsets } = settings.current;
  const log = parts.log.child({ part: 'group' });
  return new GroupCoordinator({
    config: groupConfigOf(settings.current),
    settings: { commitTimeoutMs: offsets.commitTimeoutMs },
    partitionCount: () => partitionCount(parts, GROUP_METADATA_TOPIC, offsets.topicNumPartitions),
    openLog: (index) => openLog(replicas, GROUP_METADATA_TOPIC, index, offsets.loadBufferBytes),
    clock,
    timer,
    endOfTurn,
    loggerFor: (partition) => log.child({ partition }),
    verifyTransaction: (partition, transaction) =>
      transactions.verifier.verifyOffsets(partition, transaction),
  });
}

function transactionsOf(
  parts: CoordinatorParts,
  onOffsetsMarker: GroupCoordinator['onTransactionMarker'],
): Transactions {
  const { settings, nodeId, replicas, image, producerIds, clock, timer, endOfTurn } = parts;
  const { transaction } = settings.current;
  const log = parts.log.child({ part: 'transaction' });
  return makeTransactions({
    brokerId: nodeId,
    config: {
      ...defaultTransactionConfig,
      maxTransactionalIdBytes: maxTransactionalIdBytes(transaction.topicNumPartitions),
      maxTimeoutMs: transaction.maxTimeoutMs,
      transactionalIdExpirationMs: transaction.transactionalIdExpirationMs,
      abortTimedOutCleanupIntervalMs: transaction.abortTimedOutCleanupIntervalMs,
      removeExpiredCleanupIntervalMs: transaction.removeExpiredCleanupIntervalMs,
    },
    commitTimeoutMs: settings.current.network.requestTimeoutMs,
    isVerificationEnabled: () => settings.current.transaction.partitionVerificationEnable,
    partitionCount: () => partitionCount(parts, TRANSACTION_STATE_TOPIC, transaction.topicNumPartitions),
    openLog: (index) => openLog(replicas, TRANSACTION_STATE_TOPIC, index, transaction.loadBufferBytes),
    partition: (topic, index) => replicas.get(topic, index),
    leaderOf: (topic, index) => image().partition(topic, index)?.leader ?? null,
    channel: noOtherBroker,
    producerIds,
    onOffsetsMarker,
    clock,
    timer,
    endOfTurn,
    loggerFor: (partition) => log.child({ partition }),
  });
}

/** What the topic has if it exists, else what it will be made with. */
function partitionCount({ image }: CoordinatorParts, topic: string, configured: number): number {
  return image().topic(topic)?.partitions.length ?? configured;
}

function openLog(
  replicas: Replicas,
  topic: string,
  index: number,
  loadBufferBytes: number,
): CoordinatorPartition {
  const partition = replicas.get(topic, index);
  if (partition === undefined) throw new Error('A coordinator is elected where its partition is.');
  return new CoordinatorPartition(partition, { loadBufferBytes });
}
