/**
 * A broker's transactional half over a disk in memory: both coordinators, verification, markers, and partitions that
 * are durable by fsync; everything real but disk, network and time.
 */
import { buildBatch } from '../../../protocol/batch.ts';
import { ErrorCode } from '../../../protocol/errors.ts';
import { defaultGroupConfig } from '../../../src/group/config.ts';
import { GroupCoordinator } from '../../../src/machine/coordinator-group.ts';
import { CoordinatorPartition } from '../../../src/machine/coordinator-partition.ts';
import type { Transactions } from '../../../src/machine/transactions.ts';
import { makeTransactions } from '../../../src/machine/transactions.ts';
import { GROUP_METADATA_TOPIC, TRANSACTION_STATE_TOPIC } from '../../../src/metadata/names.ts';
import type { PartitionImage } from '../../../src/metadata/partition-image.ts';
import { AppendStage } from '../../../src/partition/append-stage.ts';
import { Partition } from '../../../src/partition/partition.ts';
import { Purgatory } from '../../../src/partition/purgatory.ts';
import { defaultTransactionConfig } from '../../../src/transaction/config.ts';
import type { MemoryDisk } from '../../../storage/memory-disk.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';
import { openDataLog } from './data-partition.ts';

export const DATA_TOPIC = 'd';
const BROKER_ID = 1;
const ALL_IN_SYNC = -1;

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** This broker leads it, alone. */
const ledHere: PartitionImage = {
  replicas: [BROKER_ID],
  directories: [],
  isr: [BROKER_ID],
  removingReplicas: [],
  addingReplicas: [],
  elr: [],
  lastKnownElr: [],
  leader: BROKER_ID,
  leaderRecoveryState: 0,
  leaderEpoch: 0,
  partitionEpoch: 0,
};

export class TransactionalNode {
  readonly time = new VirtualTime();
  readonly transactions: Transactions;
  readonly groups: GroupCoordinator;
  readonly #partitions = new Map<string, Partition>();

  constructor(disk: MemoryDisk, dataPartitions: number, firstProducerId: number) {
    const endOfTurn = (action: () => void): void => void setImmediate(action);
    const purgatory = new Purgatory(this.time);
    const stage = new AppendStage(endOfTurn, purgatory);
    const places: [string, number][] = [
      [TRANSACTION_STATE_TOPIC, 0],
      [GROUP_METADATA_TOPIC, 0],
    ];
    for (let index = 0; index < dataPartitions; index++) places.push([DATA_TOPIC, index]);
    for (const [topic, index] of places) {
      const partition = new Partition({
        topic,
        index,
        log: openDataLog(disk, topic, index),
        state: ledHere,
        settings: { brokerId: BROKER_ID, durability: 'fsync' },
        stage,
        purgatory,
        onFailure: (_partition, error) => {
          throw error;
        },
      });
      this.#partitions.set(`${topic}-${index}`, partition);
    }
    const shared = { clock: this.time, timer: this.time, endOfTurn, loggerFor: () => silent };
    let nextProducerId = firstProducerId;
    this.transactions = makeTransactions({
      ...shared,
      brokerId: BROKER_ID,
      config: defaultTransactionConfig,
      commitTimeoutMs: 30_000,
      isVerificationEnabled: () => true,
      partitionCount: () => 1,
      openLog: () => new CoordinatorPartition(this.partition(TRANSACTION_STATE_TOPIC, 0)),
      partition: (topic, index) => this.#partitions.get(`${topic}-${index}`),
      leaderOf: (topic, index) => this.#partitions.get(`${topic}-${index}`)?.state.leader ?? null,
      channel: { send: () => Promise.reject(new Error('nobody else is there')) },
      producerIds: { next: async () => nextProducerId++ },
      onOffsetsMarker: (index, producerId, isCommit, offset) =>
        this.groups.onTransactionMarker(index, producerId, isCommit, offset),
    });
    this.groups = new GroupCoordinator({
      ...shared,
      config: defaultGroupConfig,
      partitionCount: () => 1,
      openLog: () => new CoordinatorPartition(this.partition(GROUP_METADATA_TOPIC, 0)),
      verifyTransaction: (index, transaction) => this.transactions.verifier.verifyOffsets(index, transaction),
    });
  }

  async start(): Promise<void> {
    await Promise.all([this.groups.onElection(0, 0), this.transactions.coordinator.onElection(0, 0)]);
  }

  stop(): void {
    this.transactions.coordinator.shutdown();
    this.groups.shutdown();
  }

  partition(topic: string, index: number): Partition {
    const partition = this.#partitions.get(`${topic}-${index}`);
    if (partition === undefined) throw new Error(`there is no ${topic}-${index}`);
    return partition;
  }

  /** As Produce with acks=all, after the coordinator was asked. Resolves to the error code. */
  produce(
    producer: { transactionalId: string; producerId: number; producerEpoch: number },
    index: number,
    sequence: number,
    value: string,
  ): Promise<number> {
    const { producerId, producerEpoch } = producer;
    const partition = this.partition(DATA_TOPIC, index);
    const nowMs = this.time.wallMs();
    const guard = partition.log.producers.startVerification(producerId, sequence, producerEpoch, nowMs);
    if (guard !== 0) {
      const code = this.transactions.coordinator.verifyPartition(producer, DATA_TOPIC, index);
      if (code !== ErrorCode.NONE) return Promise.resolve(code);
    }
    const records = buildBatch({
      records: [{ value: Buffer.from(value) }],
      timestampMs: nowMs,
      producerId,
      producerEpoch,
      baseSequence: sequence,
      transactional: true,
    });
    const options = { origin: 'client', nowMs, verificationGuard: guard } as const;
    const appended = partition.append(records, options, ALL_IN_SYNC);
    if (appended.errorCode !== ErrorCode.NONE) return Promise.resolve(appended.errorCode);
    return new Promise((resolve) => partition.awaitCommitted(appended.lastOffset + 1, resolve));
  }
}
