/**
 * The transaction coordinator of this broker: the shards whose partitions of __transaction_state it leads. Who
 * serves an id, and what is answered where nobody does, is told in led-shards.ts.
 *
 * What is always true:
 * - markers go out in the turn in which the decision is committed, bear the newest leader epoch of the partition, and
 *   are reported to the very machine that sent them, or to nobody: a later life of the shard sends its own.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { ListTransactions } from '../../protocol/messages/list-transactions.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import type { TransactionConfig } from '../transaction/config.ts';
import { TransactionMachine } from '../transaction/machine.ts';
import type {
  Command,
  DescribedTransaction,
  InitializedProducer,
  MarkerSend,
  Outcome,
  ProducerIdAndEpoch,
  Response,
  Responses,
} from '../transaction/outcome.ts';
import type { TopicPartitions } from '../transaction/partition-set.ts';
import { initError, refuse, refuseInvalid } from '../transaction/responses.ts';
import type { TransactionStatus } from '../transaction/transaction.ts';
import { TRANSACTION_STATUSES } from '../transaction/transaction.ts';
import type { Instant, LoggedRecord, Machine } from './driver.ts';
import type { LedShard, ShardEnvironment } from './led-shards.ts';
import { LedShards } from './led-shards.ts';
import type { MarkerSender, ProducerTransaction } from './transaction-ports.ts';

export interface TransactionCoordinatorParts extends ShardEnvironment {
  readonly config: TransactionConfig;
  readonly markers: MarkerSender;
  /** Hands out producer ids. @throws {KafkaError} when none can be had now. */
  readonly producerIds: { next(): Promise<number> };
}

type Shard = LedShard<Command, Response>;

/** A machine whose sends of markers are carried out; all else passes through. */
class MarkingMachine implements Machine<Command, Response> {
  readonly machine: TransactionMachine;
  readonly #onMarkers: (machine: MarkingMachine, sends: readonly MarkerSend[]) => void;

  constructor(
    machine: TransactionMachine,
    onMarkers: (machine: MarkingMachine, sends: readonly MarkerSend[]) => void,
  ) {
    this.machine = machine;
    this.#onMarkers = onMarkers;
  }

  get nextDeadlineMs(): number | null {
    return this.machine.nextDeadlineMs;
  }

  replay(record: LoggedRecord): string | null {
    return this.machine.replay(record);
  }

  replayMarker(): void {
    this.machine.replayMarker();
  }

  loaded(now: Instant): Outcome {
    return this.#pass(this.machine.loaded(now));
  }

  handle(token: number, command: Command, now: Instant): Outcome {
    return this.#pass(this.machine.handle(token, command, now));
  }

  tick(now: Instant): Outcome {
    return this.#pass(this.machine.tick(now));
  }

  committed(writeId: number, baseOffset: number, now: Instant): Outcome {
    return this.#pass(this.machine.committed(writeId, baseOffset, now));
  }

  failed(writeId: number, errorCode: number, now: Instant): Outcome {
    return this.#pass(this.machine.failed(writeId, errorCode, now));
  }

  overdue(writeId: number, errorCode: number, now: Instant): Outcome {
    return this.#pass(this.machine.overdue(writeId, errorCode, now));
  }

  transactionEnded(producerId: number, isCommit: boolean, now: Instant): Outcome {
    return this.#pass(this.machine.transactionEnded(producerId, isCommit, now));
  }

  refuse(command: Command, errorCode: number): Response {
    return this.machine.refuse(command, errorCode);
  }

  #pass(outcome: Outcome): Outcome {
    if (outcome.markers.length > 0) this.#onMarkers(this, outcome.markers);
    return outcome;
  }
}

export class TransactionCoordinator {
  readonly #parts: TransactionCoordinatorParts;
  readonly #shards: LedShards<Command, Response>;

  constructor(parts: TransactionCoordinatorParts) {
    this.#parts = parts;
    this.#shards = new LedShards(parts, {
      createMachine: (partition) =>
        new MarkingMachine(new TransactionMachine(parts.config), (machine, sends) =>
          this.#sendMarkers(partition, machine, sends),
        ),
      refuse,
    });
  }

  // Leadership -------------------------------------------------------------------------------------------------

  partitionFor(transactionalId: string): number {
    return this.#shards.partitionFor(transactionalId);
  }

  /** This broker leads the partition: loads its ids. Resolves when they are served, or no longer ours. */
  onElection(partition: number, leaderEpoch: number): Promise<void> {
    return this.#shards.onElection(partition, leaderEpoch);
  }

  /** This broker no longer leads the partition (null epoch: the partition is gone). */
  onResignation(partition: number, leaderEpoch: number | null): void {
    this.#shards.onResignation(partition, leaderEpoch);
  }

  /** Whether the partition's ids are served now. */
  isServing(partition: number): boolean {
    return this.#shards.isServing(partition);
  }

  /** Ends the service; what waits is told to look for another coordinator. */
  shutdown(): void {
    this.#shards.shutdown();
  }

  // Markers ----------------------------------------------------------------------------------------------------

  /** Once the step that decided is over, and still in its turn. */
  #sendMarkers(partition: number, machine: MarkingMachine, sends: readonly MarkerSend[]): void {
    queueMicrotask(() => {
      for (const send of sends) {
        const owned = this.#shards.get(partition);
        if (owned === undefined || owned.driver.machine !== machine) return;
        void this.#sendMarker(owned, machine, send);
      }
    });
  }

  async #sendMarker(owned: Shard, machine: MarkingMachine, send: MarkerSend): Promise<void> {
    const { transactionalId, sendId, producerId, producerEpoch, isCommit, topics } = send;
    const marker = { producerId, producerEpoch, isCommit, coordinatorEpoch: owned.leaderEpoch };
    const results = await this.#parts.markers.send(marker, topics);
    const { timer, config } = this.#parts;
    const report = (): void => {
      if (owned.driver.machine !== machine) return;
      const written = { type: 'markersWritten', transactionalId, sendId, results } as const;
      void owned.driver.submit(written).then(({ errorCode }) => {
        // Too many commands wait: this one must not be lost, or the transaction would never end.
        if (errorCode !== ErrorCode.NONE) timer.after(config.retryDelayMs, report);
      });
    };
    report();
  }

  // Transactions -----------------------------------------------------------------------------------------------

  /** Takes over the transactional id; `expected` is what a producer says it is already. */
  async initProducerId(
    transactionalId: string,
    timeoutMs: number,
    expected: ProducerIdAndEpoch | null,
  ): Promise<InitializedProducer> {
    const command = { type: 'initProducerId', transactionalId, timeoutMs, expected } as const;
    const first = await this.#submit({ ...command, freshProducerId: null });
    if (!first.needsProducerId) return first;
    try {
      const freshProducerId = await this.#parts.producerIds.next();
      return await this.#submit({ ...command, freshProducerId });
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      return initError(error.code);
    }
  }

  async addPartitions(transaction: ProducerTransaction, topics: readonly TopicPartitions[]): Promise<number> {
    const { transactionalId, producerId, producerEpoch } = transaction;
    const command = { type: 'addPartitions', transactionalId, producerId, producerEpoch, topics } as const;
    return (await this.#submit(command)).errorCode;
  }

  async endTransaction(transaction: ProducerTransaction, isCommit: boolean): Promise<number> {
    const { transactionalId, producerId, producerEpoch } = transaction;
    const command = { type: 'endTransaction', transactionalId, producerId, producerEpoch, isCommit } as const;
    return (await this.#submit(command)).errorCode;
  }

  /**
   * Whether the partition is in the transaction, at once: NONE or INVALID_TXN_STATE, or why it can't be told
   * (COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, CONCURRENT_TRANSACTIONS,
   * INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, INVALID_REQUEST).
   */
  verifyPartition(transaction: ProducerTransaction, topic: string, partition: number): number {
    const { transactionalId } = transaction;
    if (!this.#shards.isActive) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    if (transactionalId === '') return ErrorCode.INVALID_REQUEST;
    const owned = this.#shards.get(this.partitionFor(transactionalId));
    if (owned === undefined) return ErrorCode.NOT_COORDINATOR;
    const { machine } = owned.driver;
    if (!(machine instanceof MarkingMachine)) return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    return machine.machine.verifyPartition(transactionalId, transaction, topic, partition);
  }

  describeTransactions(transactionalIds: readonly string[]): Promise<DescribedTransaction[]> {
    return Promise.all(
      transactionalIds.map((transactionalId) =>
        this.#submit({ type: 'describeTransaction', transactionalId }),
      ),
    );
  }

  /** All ids of the shards here. No list while one of them is being read. */
  async listTransactions(
    request: RequestOf<typeof ListTransactions>,
  ): Promise<ResponseInput<typeof ListTransactions>> {
    const refused = (errorCode: number) => ({
      throttleTimeMs: 0,
      errorCode,
      unknownStateFilters: [],
      transactionStates: [],
    });
    if (!this.#shards.isActive) return refused(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    const { stateFilters, producerIdFilters } = request;
    const command: Command = {
      type: 'listTransactions',
      producerIds: producerIdFilters,
      states: stateFilters,
    };
    const lists = (await this.#shards.submitToAll(command)) as Responses['listTransactions'][];
    const failed = lists.find(({ errorCode }) => errorCode !== ErrorCode.NONE);
    if (failed !== undefined) return refused(failed.errorCode);
    const isKnown = (state: string) => TRANSACTION_STATUSES.includes(state as TransactionStatus);
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      unknownStateFilters: [...new Set(stateFilters)].filter((state) => !isKnown(state)),
      transactionStates: lists.flatMap(({ transactions }) => transactions),
    };
  }

  // Routing ----------------------------------------------------------------------------------------------------

  #submit<C extends Command & { readonly transactionalId: string }>(
    command: C,
  ): Promise<Responses[C['type']]> {
    return this.#route(command) as Promise<Responses[C['type']]>;
  }

  #route(command: Command & { readonly transactionalId: string }): Promise<Response> {
    // After the end of the service that is what all are told, valid or not.
    const refusal = this.#shards.isActive ? refuseInvalid(command, this.#parts.config) : null;
    if (refusal !== null) return Promise.resolve(refusal);
    return this.#shards.submit(command.transactionalId, command);
  }
}
