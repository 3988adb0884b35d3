/**
 * Builds the parts that serve transactions, which know each other: coordinator, markers, verification.
 */
import type { Clock, Timer } from '../../storage/clock.ts';
import { GROUP_METADATA_TOPIC } from '../metadata/names.ts';
import type { TransactionConfig } from '../transaction/config.ts';
import type { CommitLog } from './coordinator-log.ts';
import { TransactionCoordinator } from './coordinator-transaction.ts';
import type { ShardLogger } from './driver.ts';
import type { MarkedPartition, MarkerWriterParts } from './transaction-markers.ts';
import { MarkerWriter, TransactionMarkers } from './transaction-markers.ts';
import type { BrokerChannel, LeaderOf } from './transaction-ports.ts';
import type { VerifiedPartition } from './transaction-verification.ts';
import { TransactionVerifier } from './transaction-verification.ts';

export interface Transactions {
  readonly coordinator: TransactionCoordinator;
  /** Asks the coordinator, here or elsewhere, what is in a transaction. */
  readonly verifier: TransactionVerifier;
  /** Writes markers into partitions that are led here. */
  readonly markers: MarkerWriter;
}

export interface TransactionsParts {
  readonly brokerId: number;
  readonly config: TransactionConfig;
  /** request.timeout.ms: the wait for tombstones. That for a transition is the timeout of its transaction. */
  readonly commitTimeoutMs: number;
  /** transaction.partition.verification.enable, a dynamic config. */
  readonly isVerificationEnabled: () => boolean;
  readonly partitionCount: () => number;
  readonly openLog: (partition: number) => CommitLog;
  readonly partition: (topic: string, partition: number) => (MarkedPartition & VerifiedPartition) | undefined;
  readonly leaderOf: LeaderOf;
  readonly channel: BrokerChannel;
  readonly producerIds: { next(): Promise<number> };
  readonly onOffsetsMarker: MarkerWriterParts['onOffsetsMarker'];
  readonly clock: Clock;
  readonly timer: Timer;
  readonly endOfTurn: (action: () => void) => void;
  readonly loggerFor: (partition: number) => ShardLogger;
}

export function makeTransactions(parts: TransactionsParts): Transactions {
  const { brokerId, leaderOf, channel, clock, partition } = parts;
  const markers = new MarkerWriter({ partition, clock, onOffsetsMarker: parts.onOffsetsMarker });
  const coordinator = new TransactionCoordinator({
    config: parts.config,
    settings: { commitTimeoutMs: parts.commitTimeoutMs },
    partitionCount: parts.partitionCount,
    openLog: parts.openLog,
    clock,
    timer: parts.timer,
    endOfTurn: parts.endOfTurn,
    loggerFor: parts.loggerFor,
    markers: new TransactionMarkers({ brokerId, leaderOf, writer: markers, channel }),
    producerIds: parts.producerIds,
  });
  const verifier = new TransactionVerifier({
    brokerId,
    coordinator,
    leaderOf,
    channel,
    clock,
    isEnabled: parts.isVerificationEnabled,
    offsetsPartition: (index) => partition(GROUP_METADATA_TOPIC, index),
  });
  return { coordinator, verifier, markers };
}
