/**
 * A seeded simulation of transactions: producers that follow the protocol, and also die, come back under their name,
 * resend, and leave requests behind that arrive late; a coordinator whose commits are delayed, refused and lost, and
 * that fails over with markers half written; partitions that are real logs.
 *
 * One seed decides everything. After each event every invariant is checked; a broken one throws with its name, the
 * seed and the event. Records say which transaction they belong to.
 *
 * What is left out because no coordinator of this protocol can do anything about it: an EndTxn of a live producer that
 * arrives after its next transaction has begun, and data of it likewise (KIP-890 part 2 came with Kafka 4.0).
 */
import { buildBatch } from '../../../protocol/batch.ts';
import { ErrorCode } from '../../../protocol/errors.ts';
import type { TransactionConfig } from '../../../src/transaction/config.ts';
import { TransactionMachine } from '../../../src/transaction/machine.ts';
import type { Command, MarkerSend, Responses } from '../../../src/transaction/outcome.ts';
import { decodeTransactionKey, decodeTransactionValue } from '../../../src/transaction/records.ts';
import { EventSimulation, InvariantError } from '../event-simulation.ts';
import { DataPartition } from './data-partition.ts';
import { EPOCH_MS, TransactionHarness } from './harness.ts';

const TOPIC = 'd';
const PARTITIONS = 3;
const IDS = 3;
const TIMEOUT_MS = 20_000;

type Fate = 'open' | 'committed' | 'aborted' | 'unknown';

/** One transaction as its producer knows it. */
interface Attempt {
  readonly name: string;
  /** Acknowledged values, by partition. */
  readonly acknowledged: { readonly partition: number; readonly value: string }[];
  fate: Fate;
}

interface Producer {
  readonly transactionalId: string;
  producerId: number;
  producerEpoch: number;
  phase: 'init' | 'begin' | 'open' | 'ended' | 'dead';
  attempt: Attempt;
  added: Set<number>;
  readonly sequences: Map<number, number>;
  /** Token of the request to the coordinator that it waits for. */
  waitsFor: number | null;
}

/** A batch between the question whether it may go in and its append. */
interface Verifying {
  readonly producer: Producer;
  readonly partition: number;
  readonly records: Buffer;
  readonly value: string;
  readonly guard: number;
  readonly verdict: number;
}

/** Data that a producer left behind when it died, to arrive at any time. */
interface LateBatch {
  readonly producer: Producer;
  readonly partition: number;
  readonly value: string;
  readonly sequence: number;
}

const ensure = (holds: boolean, name: string): void => {
  if (!holds) throw new InvariantError(name);
};

export class Simulation extends EventSimulation {
  readonly harness: TransactionHarness;
  readonly partitions: readonly DataPartition[];
  readonly #producers: Producer[] = [];
  readonly #attempts = new Map<string, Attempt>();
  #attemptCount = 0;
  #valueCount = 0;
  #coordinatorEpoch = 0;
  #verifying: Verifying[] = [];
  readonly #lateBatches: LateBatch[] = [];
  readonly #lateCommands: Command[] = [];
  /** Sends of a coordinator that is none any more: some of its markers may still arrive. */
  #zombieSends: { readonly send: MarkerSend; readonly coordinatorEpoch: number }[] = [];
  /** By producer and epoch, what the log of the coordinator has decided for the transaction under way. */
  readonly #tokens = new Map<number, Producer>();
  commitCount = 0;
  abortCount = 0;

  constructor(
    seed: number,
    create: (config: TransactionConfig) => TransactionMachine = (c) => new TransactionMachine(c),
  ) {
    super(seed);
    this.harness = new TransactionHarness({}, create);
    this.harness.isHeld = true;
    this.harness.areMarkersHeld = true;
    this.partitions = Array.from({ length: PARTITIONS }, (_, index) => new DataPartition(TOPIC, index));
    for (let i = 0; i < IDS; i++) this.#spawn(`t${i}`);
  }

  override run(steps: number): void {
    this.events(steps);
    this.do('heal', () => this.#heal());
    this.do('end', () => this.#checkEnd());
  }

  get #nowMs(): number {
    return EPOCH_MS + this.harness.nowMs;
  }

  // Events -----------------------------------------------------------------------------------------------------

  protected override look(): void {
    this.#collect();
    this.#check();
  }

  protected override event(): void {
    const r = this.random();
    const { harness } = this;
    if (r < 0.4) this.#act(this.pick(this.#producers));
    else if (r < 0.62) harness.commitNext();
    else if (r < 0.74) this.#writeMarkers();
    else if (r < 0.8) this.#finishVerification();
    else if (r < 0.86) this.pick(this.partitions)?.commit();
    else if (r < 0.9) harness.advance(Math.floor(this.random() * 400));
    else if (r < 0.91) harness.advance(Math.floor(this.random() * 12_000));
    else if (r < 0.925) harness.failLast(ErrorCode.NOT_ENOUGH_REPLICAS);
    else if (r < 0.935) harness.overdueNext(ErrorCode.REQUEST_TIMED_OUT);
    else if (r < 0.955) this.#die();
    else if (r < 0.975) this.#arriveLate();
    else if (r < 0.98) this.failover(this.random() < 0.3);
    else this.#duplicate(this.pick(this.#producers));
  }

  #newAttempt(): Attempt {
    const name = `x${++this.#attemptCount}`;
    const attempt: Attempt = { name, acknowledged: [], fate: 'unknown' };
    this.#attempts.set(name, attempt);
    return attempt;
  }

  #spawn(transactionalId: string): void {
    this.#producers.push({
      transactionalId,
      producerId: -1,
      producerEpoch: -1,
      phase: 'init',
      attempt: this.#newAttempt(),
      added: new Set(),
      sequences: new Map(),
      waitsFor: null,
    });
  }

  /** A producer does the next thing that its protocol allows. */
  #act(producer: Producer | undefined): void {
    if (producer === undefined || producer.waitsFor !== null) return;
    if (producer.phase === 'init') this.#init(producer);
    else if (producer.phase === 'begin') this.#addPartition(producer);
    else if (producer.phase === 'open') {
      const r = this.random();
      const isProducing = this.#verifying.some((batch) => batch.producer === producer);
      if (r < 0.25) this.#addPartition(producer);
      else if (r < 0.75) this.#produce(producer);
      // A live producer ends its transaction only when nothing of it is under way.
      else if (!isProducing) this.#send(producer, this.#endOf(producer, this.random() < 0.7));
    }
  }

  #send(producer: Producer, command: Command): void {
    const token = this.harness.submit(command);
    this.#tokens.set(token, producer);
    producer.waitsFor = token;
    if (command.type === 'endTransaction') {
      producer.attempt.fate = 'unknown';
      producer.phase = 'ended';
    }
  }

  /** InitProducerId, with an id at hand in case that one is needed. */
  #init(producer: Producer): void {
    const { transactionalId } = producer;
    this.#send(producer, {
      type: 'initProducerId',
      transactionalId,
      timeoutMs: TIMEOUT_MS,
      expected: null,
      freshProducerId: this.harness.nextProducerId++,
    });
  }

  #addPartition(producer: Producer): void {
    const partition = Math.floor(this.random() * PARTITIONS);
    const { transactionalId, producerId, producerEpoch } = producer;
    const topics = [{ topic: TOPIC, partitions: [partition] }];
    producer.added.add(partition);
    this.#send(producer, { type: 'addPartitions', transactionalId, producerId, producerEpoch, topics });
  }

  #endOf({ transactionalId, producerId, producerEpoch }: Producer, isCommit: boolean): Command {
    return { type: 'endTransaction', transactionalId, producerId, producerEpoch, isCommit };
  }

  #produce(producer: Producer): void {
    const partition = this.pick([...producer.added]);
    if (partition === undefined) return;
    // One batch at a time and partition, so that nothing is out of order but what the simulation makes so.
    if (this.#verifying.some((batch) => batch.producer === producer && batch.partition === partition)) return;
    const sequence = producer.sequences.get(partition) ?? 0;
    const value = `${producer.attempt.name}/v${++this.#valueCount}`;
    this.#offer(producer, partition, value, sequence);
  }

  /** What a leader does with a batch: it asks the coordinator unless the transaction is open here. */
  #offer(producer: Producer, partition: number, value: string, sequence: number): void {
    const { producerId, producerEpoch, transactionalId } = producer;
    const { log } = this.#partition(partition);
    const records = buildBatch({
      records: [{ value: Buffer.from(value) }],
      timestampMs: this.#nowMs,
      producerId,
      producerEpoch,
      baseSequence: sequence,
      transactional: true,
    });
    const guard = log.producers.startVerification(producerId, sequence, producerEpoch, this.#nowMs);
    const verdict =
      guard === 0 ? 0 : this.harness.machine.verifyPartition(transactionalId, producer, TOPIC, partition);
    const batch = { producer, partition, records, value, guard, verdict };
    if (this.random() < 0.5) this.#verifying.push(batch);
    else this.#append(batch);
  }

  #partition(index: number): DataPartition {
    const partition = this.partitions[index];
    if (partition === undefined) throw new Error('no such partition');
    return partition;
  }

  #finishVerification(): void {
    const batch = this.pick(this.#verifying);
    if (batch === undefined) return;
    this.#verifying = this.#verifying.filter((other) => other !== batch);
    this.#append(batch);
  }

  #append({ producer, partition, records, value, guard, verdict }: Verifying): void {
    if (verdict !== ErrorCode.NONE) {
      this.#refused(producer, verdict);
      return;
    }
    const result = this.#partition(partition).produce(records, this.#nowMs, guard);
    if (result.errorCode !== ErrorCode.NONE) {
      this.#refused(producer, result.errorCode);
      return;
    }
    if (producer.phase !== 'dead')
      producer.sequences.set(partition, (producer.sequences.get(partition) ?? 0) + 1);
    // Taken for the retry of another batch of that sequence.
    if (!result.duplicate) producer.attempt.acknowledged.push({ partition, value });
  }

  /** A batch was refused: the producer tries later, or gives up. */
  #refused(producer: Producer, errorCode: number): void {
    const isRetriable =
      errorCode === ErrorCode.CONCURRENT_TRANSACTIONS || errorCode === ErrorCode.NOT_ENOUGH_REPLICAS;
    if (!isRetriable && producer.phase !== 'dead') this.#restart(producer);
  }

  /** A producer dies, leaving behind what it has sent or was about to send, and another comes under its name. */
  #die(): void {
    const producer = this.pick(this.#producers);
    if (producer !== undefined) this.#restart(producer);
  }

  #restart(producer: Producer): void {
    const { phase, transactionalId, producerId, attempt } = producer;
    producer.phase = 'dead';
    this.#producers.splice(this.#producers.indexOf(producer), 1);
    if (producerId >= 0 && phase === 'open') {
      const partition = this.pick([...producer.added]) ?? 0;
      const sequence = producer.sequences.get(partition) ?? 0;
      const value = `${attempt.name}/late${++this.#valueCount}`;
      this.#lateBatches.push({ producer, partition, value, sequence });
      this.#lateCommands.push(this.#endOf(producer, this.random() < 0.7));
    }
    this.#spawn(transactionalId);
  }

  /** Something of a dead producer arrives. */
  #arriveLate(): void {
    if (this.random() < 0.5) {
      const late = this.#lateBatches.shift();
      if (late !== undefined) this.#offer(late.producer, late.partition, late.value, late.sequence);
      return;
    }
    const command = this.#lateCommands.shift();
    if (command !== undefined) this.harness.submit(command);
  }

  /** The same request once more while its answer is awaited. */
  #duplicate(producer: Producer | undefined): void {
    if (producer === undefined || producer.waitsFor === null || producer.phase !== 'ended') return;
    const isCommit = this.random() < 0.5;
    // A producer repeats what it said; which that was, its own command tells.
    const command = this.harness.commandOf(producer.waitsFor);
    if (command?.type === 'endTransaction') this.harness.submit(isCommit ? command : { ...command });
  }

  // Markers ----------------------------------------------------------------------------------------------------

  #writeMarkers(): void {
    const zombie = this.#zombieSends[0];
    if (zombie !== undefined && this.random() < 0.3) {
      this.#zombieSends.shift();
      this.#mark(zombie.send, zombie.coordinatorEpoch, () => this.random() < 0.5);
      return;
    }
    const send = this.harness.sends.shift();
    if (send === undefined) return;
    const r = this.random();
    const written = this.#mark(send, this.#coordinatorEpoch, () => this.random() < 0.85);
    // Written, perhaps, but nobody hears of it.
    if (r < 0.1) this.harness.report(send, () => ErrorCode.NETWORK_EXCEPTION);
    else
      this.harness.report(
        send,
        (_topic, partition) => written.get(partition) ?? ErrorCode.NOT_LEADER_OR_FOLLOWER,
      );
  }

  #mark(send: MarkerSend, coordinatorEpoch: number, reaches: () => boolean): Map<number, number> {
    const { producerId, producerEpoch, isCommit, topics } = send;
    const codes = new Map<number, number>();
    for (const index of topics.flatMap(({ partitions }) => partitions)) {
      if (!reaches()) continue;
      const partition = this.#partition(index);
      const { errorCode } = partition.mark(
        { producerId, producerEpoch, isCommit, coordinatorEpoch },
        this.#nowMs,
      );
      partition.commit();
      codes.set(index, errorCode);
    }
    return codes;
  }

  /** Another broker becomes coordinator; markers of the old one may be under way. */
  failover(isLost: boolean): void {
    const coordinatorEpoch = this.#coordinatorEpoch++;
    for (const send of this.harness.sends) this.#zombieSends.push({ send, coordinatorEpoch });
    this.harness.failover(isLost);
    for (const producer of this.#producers) {
      if (producer.waitsFor === null) continue;
      producer.waitsFor = null;
      // Nobody answers: the producer can't know how its transaction ended, and begins anew.
      if (producer.phase !== 'init') this.#restart(producer);
    }
    this.#tokens.clear();
  }

  // Answers ----------------------------------------------------------------------------------------------------

  #collect(): void {
    for (const { token, command, response } of this.harness.take().answers) {
      const producer = this.#tokens.get(token);
      this.#tokens.delete(token);
      if (producer === undefined || producer.waitsFor !== token) continue;
      producer.waitsFor = null;
      if (producer.phase !== 'dead') this.#answered(producer, command, response.errorCode, response);
      else if (command.type === 'endTransaction' && response.errorCode === ErrorCode.NONE) {
        this.#decided(producer, command.isCommit);
      }
    }
  }

  #answered(producer: Producer, command: Command, errorCode: number, response: unknown): void {
    const isRetriable =
      errorCode === ErrorCode.CONCURRENT_TRANSACTIONS || errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE;
    switch (command.type) {
      case 'initProducerId':
        if (errorCode !== ErrorCode.NONE) {
          ensure(isRetriable, `a new producer is never refused for good (${errorCode})`);
          return;
        }
        Object.assign(producer, response as Responses['initProducerId']);
        producer.phase = 'begin';
        return;
      case 'addPartitions':
        if (errorCode === ErrorCode.NONE) producer.phase = 'open';
        else if (!isRetriable) this.#restart(producer);
        return;
      case 'endTransaction':
        if (errorCode === ErrorCode.NONE) {
          this.#decided(producer, command.isCommit);
          producer.attempt = this.#newAttempt();
          producer.added = new Set();
          producer.phase = 'begin';
        } else if (isRetriable) this.#send(producer, command);
        else this.#restart(producer);
        return;
      default:
        throw new Error('a producer asks no such thing');
    }
  }

  #decided({ attempt }: Producer, isCommit: boolean): void {
    attempt.fate = isCommit ? 'committed' : 'aborted';
    if (isCommit) this.commitCount++;
    else this.abortCount++;
  }

  // Invariants -------------------------------------------------------------------------------------------------

  #check(): void {
    for (const partition of this.partitions) {
      ensure(partition.checkLastStableOffset(), `${partition.name}: the last stable offset never goes back`);
      const visible = partition.readCommitted();
      const before = partition.visible;
      ensure(
        before.every((value, index) => visible[index] === value),
        `${partition.name}: what was read committed stays`,
      );
      partition.visible = visible;
      for (const value of visible.slice(before.length)) {
        const attempt = this.#attempts.get(value.split('/')[0] ?? '');
        ensure(attempt?.fate !== 'aborted', `${partition.name}: no aborted record is visible (${value})`);
        ensure(attempt?.fate !== 'open', `${partition.name}: no undecided record is visible (${value})`);
      }
    }
  }

  /** Lets everything that is under way come to its end. */
  #heal(): void {
    const { harness } = this;
    for (const producer of [...this.#producers]) {
      producer.phase = 'dead';
      producer.waitsFor = null;
    }
    for (let round = 0; round < 50; round++) {
      while (this.#verifying.length > 0) this.#finishVerification();
      harness.commitAll();
      for (const { send, coordinatorEpoch } of this.#zombieSends.splice(0))
        this.#mark(send, coordinatorEpoch, () => true);
      for (let send = harness.sends.shift(); send !== undefined; send = harness.sends.shift()) {
        const written = this.#mark(send, this.#coordinatorEpoch, () => true);
        harness.report(send, (_topic, partition) => written.get(partition) ?? ErrorCode.NONE);
      }
      harness.advance(1_000);
      for (const partition of this.partitions) partition.commit();
    }
  }

  #checkEnd(): void {
    for (const transaction of this.harness.machine.transactions.values()) {
      const isAtRest =
        transaction.pending === null && !transaction.isEnding && transaction.status !== 'Ongoing';
      ensure(
        isAtRest,
        `every transaction comes to an end (${transaction.transactionalId} ${transaction.status})`,
      );
    }
    for (const { log, name } of this.partitions) {
      ensure(log.lastStableOffset === log.highWatermark, `${name}: nothing hangs`);
    }
    this.#checkLog();
    const visible = this.partitions.map((partition) => new Set(partition.readCommitted()));
    const all = this.partitions.map((partition) => partition.readAll());
    for (const { name, fate, acknowledged } of this.#attempts.values()) {
      const seen = acknowledged.map(({ partition, value }) => visible[partition]?.has(value) ?? false);
      if (fate === 'committed')
        ensure(!seen.includes(false), `all of a committed transaction is visible (${name})`);
      if (fate === 'aborted')
        ensure(!seen.includes(true), `nothing of an aborted transaction is visible (${name})`);
      ensure(!(seen.includes(true) && seen.includes(false)), `no transaction is torn (${name})`);
      for (const { partition, value } of acknowledged) {
        const copies = all[partition]?.filter((other) => other === value).length;
        ensure(copies === 1, `what was acknowledged is there once (${value}, ${copies} times)`);
      }
    }
  }

  /** The states of an id follow each other as the table allows, also over failovers. */
  #checkLog(): void {
    const last = new Map<string, { status: string; producerId: number; producerEpoch: number }>();
    for (const { key, value } of this.harness.log) {
      const transactionalId = decodeTransactionKey(key) ?? '';
      if (value === null) {
        last.delete(transactionalId);
        continue;
      }
      const state = decodeTransactionValue(value);
      const before = last.get(transactionalId);
      if (before?.status === 'PrepareCommit')
        ensure(state.status === 'CompleteCommit', 'a decision to commit is carried out');
      if (before?.status === 'PrepareAbort')
        ensure(state.status === 'CompleteAbort', 'a decision to abort is carried out');
      if (before?.producerId === state.producerId)
        ensure(before.producerEpoch <= state.producerEpoch, 'the epoch of a producer id never goes back');
      last.set(transactionalId, state);
    }
  }
}
