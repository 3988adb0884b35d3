/**
 * Drives one shard of a coordinator (a pure machine) over one partition of its internal topic, from election to
 * resignation: loads it, gives it commands and time, appends what it writes, and tells it what became of that.
 *
 * What is always true:
 * - the machine is called by one step at a time, and its writes reach the log in the order in which they came out;
 * - a committed fate is told in log order: before the fate of a later write, and before that of a later marker;
 * - every submitted command is answered once, at the latest when the shard stops;
 * - the shard serves only when all that it has loaded is committed, so that nothing it tells can be lost;
 * - a failure of the machine itself is an error of ours: the shard is loaded anew, others are not touched.
 *
 * Not the machine but this file knows promises, timers and the log. Used for groups and transactions alike.
 */
import { assert } from '../../protocol/assert.ts';
import { NO_SEQUENCE } from '../../protocol/batch.ts';
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { Slots } from '../../protocol/slots.ts';
import type { Cancel, Clock, Timer } from '../../storage/clock.ts';
import type { BatchTransaction, CommitLog, LoadedBatch, LogRecord } from './coordinator-log.ts';

export interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export interface MachineWrite {
  readonly id: number;
  readonly records: readonly LogRecord[];
  readonly transaction: BatchTransaction | null;
  /** What the batch bears; writes that differ in it do not share one. */
  readonly baseSequence: number;
  /** How long an answer waits for the records to be committed; null for as long as the settings say. */
  readonly timeoutMs: number | null;
}

export interface MachineOutcome<Response> {
  readonly writes: readonly MachineWrite[];
  readonly answers: readonly { readonly token: number; readonly response: Response }[];
  readonly notes: readonly { readonly event: string }[];
}

export interface LoggedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly offset: number;
  readonly producerId: number;
  readonly isTransactional: boolean;
}

/** The shape of a coordinator's machine. See src/group/machine.ts for what each step means. */
export interface Machine<Command, Response> {
  readonly nextDeadlineMs: number | null;
  /** Returns why the record was left out, or null. */
  replay(record: LoggedRecord): string | null;
  replayMarker(producerId: number, isCommit: boolean): void;
  loaded(now: Instant): MachineOutcome<Response>;
  handle(token: number, command: Command, now: Instant): MachineOutcome<Response>;
  tick(now: Instant): MachineOutcome<Response>;
  committed(writeId: number, baseOffset: number, now: Instant): MachineOutcome<Response>;
  failed(writeId: number, errorCode: number, now: Instant): MachineOutcome<Response>;
  overdue(writeId: number, errorCode: number, now: Instant): MachineOutcome<Response>;
  transactionEnded(producerId: number, isCommit: boolean, now: Instant): MachineOutcome<Response>;
  refuse(command: Command, errorCode: number): Response;
}

/** As pino has it. */
export interface ShardLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ShardSettings {
  /** How long an answer waits for its records to be committed, unless the write has a time of its own. */
  readonly commitTimeoutMs: number;
  /** Writes of one turn share a batch up to about this size; it must stay below max.message.bytes. */
  readonly batchBytes: number;
  /** Commands without an answer; further ones are refused with COORDINATOR_NOT_AVAILABLE. */
  readonly maxPendingCommands: number;
}

export const defaultShardSettings: ShardSettings = {
  commitTimeoutMs: 5_000,
  batchBytes: 256 * 1024,
  maxPendingCommands: 200_000,
};

export interface ShardParts<Command, Response> {
  readonly createMachine: () => Machine<Command, Response>;
  readonly log: CommitLog;
  readonly clock: Clock;
  readonly timer: Timer;
  /** Runs an action once the callbacks of this turn are through, as setImmediate does. */
  readonly endOfTurn: (action: () => void) => void;
  readonly logger: ShardLogger;
  readonly settings: ShardSettings;
}

/** A timer that fires this late says that the whole process stood still: then heartbeats wait to be read. */
const STALL_MS = 250;
const RELOAD_DELAY_MS = 1_000;
const RELOAD_DELAY_MAX_MS = 30_000;
/** What a record takes in a batch beside key and value, at most. */
const RECORD_OVERHEAD_BYTES = 24;

interface Append {
  readonly writes: readonly PlacedWrite[];
  readonly lastOffset: number;
  /** When the first of the writes whose answers still wait is overdue; Infinity when none waits. */
  dueMs: number;
}

interface PlacedWrite {
  readonly id: number;
  readonly baseOffset: number;
  readonly dueMs: number;
  isOverdue: boolean;
}

interface Pending<Command, Response> {
  readonly command: Command;
  readonly resolve: (response: Response) => void;
}

interface Marker {
  readonly producerId: number;
  readonly isCommit: boolean;
  readonly offset: number;
}

/** One loaded life of the machine; what belongs to an earlier one is ignored. */
interface Life<Command, Response> {
  readonly machine: Machine<Command, Response>;
  isServing: boolean;
  /** First offset that was not replayed. */
  loadedEndOffset: number;
  queue: MachineWrite[];
  readonly outstanding: Append[];
  /** Markers that were committed while the log was being read. */
  readonly markers: Marker[];
}

export class ShardDriver<Command, Response> {
  readonly #parts: ShardParts<Command, Response>;
  /** Answers for commands that no life can take. */
  readonly #refusals: Machine<Command, Response>;
  readonly #pending = new Slots<Pending<Command, Response>>();
  #life: Life<Command, Response> | null = null;
  #isStopped = false;
  #isFlushScheduled = false;
  #tick: { readonly atMs: number; readonly cancel: Cancel } | null = null;
  #overdueCheck: { readonly atMs: number; readonly cancel: Cancel } | null = null;
  #reload: Cancel | null = null;
  #failureCount = 0;

  constructor(parts: ShardParts<Command, Response>) {
    this.#parts = parts;
    this.#refusals = parts.createMachine();
  }

  get isServing(): boolean {
    return this.#life?.isServing ?? false;
  }

  /** The machine while it serves, to be read only. */
  get machine(): Machine<Command, Response> | null {
    return this.#life?.isServing ? this.#life.machine : null;
  }

  get pendingCommandCount(): number {
    return this.#pending.size;
  }

  // Life -------------------------------------------------------------------------------------------------------

  /** Loads the shard; resolves when it serves, has been stopped, or has put its load off. Never rejects. */
  async start(): Promise<void> {
    assert(this.#life === null, 'A shard is started once.');
    if (this.#isStopped) return;
    const life: Life<Command, Response> = {
      machine: this.#parts.createMachine(),
      isServing: false,
      loadedEndOffset: 0,
      queue: [],
      outstanding: [],
      markers: [],
    };
    this.#life = life;
    try {
      await this.#load(life);
    } catch (error) {
      if (this.#life === life) this.#fail(life, error, 'shard could not be loaded');
    }
  }

  /** Ends the shard: what waits for an answer gets `errorCode`. */
  stop(errorCode: number = ErrorCode.NOT_COORDINATOR): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#endLife(errorCode);
  }

  #endLife(errorCode: number): void {
    this.#life = null;
    this.#tick?.cancel();
    this.#tick = null;
    this.#overdueCheck?.cancel();
    this.#overdueCheck = null;
    this.#reload?.();
    this.#reload = null;
    for (const { command, resolve } of this.#pending.takeAll())
      resolve(this.#refusals.refuse(command, errorCode));
  }

  async #load(life: Life<Command, Response>): Promise<void> {
    const { log, clock, logger } = this.#parts;
    const startedMs = clock.monotonicMs();
    let recordCount = 0;
    let skippedCount = 0;
    for await (const batch of log.read()) {
      if (this.#life !== life) return;
      recordCount += batch.records.length;
      skippedCount += this.#replay(life, batch);
    }
    if (this.#life !== life) return;
    const errorCode = await this.#untilCommitted(life.loadedEndOffset - 1);
    if (this.#life !== life) return;
    if (errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode);
    life.isServing = true;
    this.#failureCount = 0;
    this.#process(life, life.machine.loaded(this.#now()));
    const durationMs = Math.round(clock.monotonicMs() - startedMs);
    const fields = { recordCount, skippedCount, durationMs };
    // A fresh broker has fifty shards and nothing to tell of them.
    if (recordCount === 0) logger.debug(fields, 'shard loaded');
    else logger.info(fields, 'shard loaded');
    for (const marker of life.markers.splice(0)) this.#endTransaction(life, marker);
  }

  #replay(life: Life<Command, Response>, batch: LoadedBatch): number {
    const { producerId, isTransactional } = batch;
    let skippedCount = 0;
    for (const { offset, key, value } of batch.records) {
      const skipped = life.machine.replay({ key, value, offset, producerId, isTransactional });
      if (skipped === null) continue;
      skippedCount++;
      this.#parts.logger.warn({ offset, why: skipped }, 'record left out');
    }
    if (batch.marker !== null) life.machine.replayMarker(producerId, batch.marker === 'commit');
    life.loadedEndOffset = batch.lastOffset + 1;
    return skippedCount;
  }

  #untilCommitted(offset: number): Promise<number> {
    if (offset < 0) return Promise.resolve(ErrorCode.NONE);
    return new Promise((resolve) => this.#parts.log.onCommitted(offset, resolve));
  }

  /** The machine, or reading its log, failed: begin anew from the log, each time a little later. */
  #fail(life: Life<Command, Response>, error: unknown, message: string): void {
    if (this.#life !== life) return;
    this.#failureCount++;
    const delayMs = Math.min(RELOAD_DELAY_MS * 2 ** (this.#failureCount - 1), RELOAD_DELAY_MAX_MS);
    this.#parts.logger.error({ err: error, reloadInMs: delayMs }, message);
    this.#endLife(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    this.#reload = this.#parts.timer.after(delayMs, () => {
      this.#reload = null;
      void this.start();
    });
  }

  // Commands ---------------------------------------------------------------------------------------------------

  /** Gives the machine a command. The promise never rejects: refusals are responses. */
  submit(command: Command): Promise<Response> {
    const life = this.#life;
    if (this.#isStopped) return this.#refused(command, ErrorCode.NOT_COORDINATOR);
    if (life === null || !life.isServing)
      return this.#refused(command, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    if (this.#pending.size >= this.#parts.settings.maxPendingCommands) {
      return this.#refused(command, ErrorCode.COORDINATOR_NOT_AVAILABLE);
    }
    return new Promise((resolve) => {
      const token = this.#pending.put({ command, resolve });
      this.#step(life, (machine, now) => machine.handle(token, command, now), token);
    });
  }

  #refused(command: Command, errorCode: number): Promise<Response> {
    return Promise.resolve(this.#refusals.refuse(command, errorCode));
  }

  /** The marker of a transaction at `offset` is committed in this partition. */
  transactionEnded(producerId: number, isCommit: boolean, offset: number): void {
    const life = this.#life;
    if (life === null) return;
    const marker = { producerId, isCommit, offset };
    if (life.isServing) this.#endTransaction(life, marker);
    else life.markers.push(marker);
  }

  #endTransaction(life: Life<Command, Response>, marker: Marker): void {
    // It was among what was replayed.
    if (marker.offset < life.loadedEndOffset) return;
    // Since the marker is committed, so is all before it; of that the machine must hear first.
    this.#settleUpTo(life, marker.offset);
    this.#step(life, (machine, now) => machine.transactionEnded(marker.producerId, marker.isCommit, now));
  }

  // Steps ------------------------------------------------------------------------------------------------------

  #now(): Instant {
    return { monotonicMs: this.#parts.clock.monotonicMs(), wallMs: this.#parts.clock.wallMs() };
  }

  #step(
    life: Life<Command, Response>,
    step: (machine: Machine<Command, Response>, now: Instant) => MachineOutcome<Response>,
    token: number | null = null,
  ): void {
    if (this.#life !== life) return;
    try {
      this.#process(life, step(life.machine, this.#now()));
    } catch (error) {
      // Whose command it was hears that we are at fault, and does not come back with it at once.
      if (token !== null) this.#answerFailure(token);
      this.#fail(life, error, 'shard failed');
    }
  }

  #answerFailure(token: number): void {
    const culprit = this.#pending.take(token);
    if (culprit === undefined) return;
    culprit.resolve(this.#refusals.refuse(culprit.command, ErrorCode.UNKNOWN_SERVER_ERROR));
  }

  #process(life: Life<Command, Response>, outcome: MachineOutcome<Response>): void {
    for (const write of outcome.writes) life.queue.push(write);
    if (life.queue.length > 0) this.#scheduleFlush();
    for (const { token, response } of outcome.answers) {
      const pending = this.#pending.take(token);
      assert(pending !== undefined, 'A command is answered once.');
      pending.resolve(response);
    }
    for (const { event, ...fields } of outcome.notes) {
      if (event === 'write failed') this.#parts.logger.warn(fields, event);
      else this.#parts.logger.info(fields, event);
    }
    this.#armTick(life);
  }

  // Time -------------------------------------------------------------------------------------------------------

  /** A deadline that moves further away, as with each heartbeat, leaves the timer as it is. */
  #armTick(life: Life<Command, Response>): void {
    const atMs = life.machine.nextDeadlineMs;
    if (atMs === null || (this.#tick !== null && this.#tick.atMs <= atMs)) return;
    this.#tick?.cancel();
    const delayMs = Math.max(0, Math.ceil(atMs - this.#parts.clock.monotonicMs()));
    this.#tick = { atMs, cancel: this.#parts.timer.after(delayMs, () => this.#onTick(life, atMs)) };
  }

  #onTick(life: Life<Command, Response>, atMs: number): void {
    this.#tick = null;
    const tick = () => this.#step(life, (machine, now) => machine.tick(now));
    if (this.#parts.clock.monotonicMs() - atMs <= STALL_MS) {
      tick();
      return;
    }
    // We stood still: heartbeats that arrived meanwhile lie in the sockets, and are read before anybody is dead.
    const { endOfTurn } = this.#parts;
    endOfTurn(() => endOfTurn(tick));
  }

  // Writing ----------------------------------------------------------------------------------------------------

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    this.#parts.endOfTurn(() => {
      this.#isFlushScheduled = false;
      if (this.#life !== null) this.#flush(this.#life);
    });
  }

  /** Appends what the turn has written, in as few batches as may be. */
  #flush(life: Life<Command, Response>): void {
    const writes = life.queue;
    life.queue = [];
    let batch: MachineWrite[] = [];
    let bytes = 0;
    for (const write of writes) {
      const writeBytes = bytesOf(write);
      const [first] = batch;
      const isOnItsOwn =
        write.transaction !== null ||
        first?.transaction !== null ||
        write.baseSequence !== first.baseSequence;
      if (batch.length > 0 && (isOnItsOwn || bytes + writeBytes > this.#parts.settings.batchBytes)) {
        this.#append(life, batch);
        batch = [];
        bytes = 0;
      }
      batch.push(write);
      bytes += writeBytes;
    }
    if (batch.length > 0) this.#append(life, batch);
    this.#armOverdueCheck(life);
  }

  #append(life: Life<Command, Response>, writes: readonly MachineWrite[]): void {
    if (this.#life !== life) return;
    const records = writes.flatMap((write) => write.records);
    const { transaction = null, baseSequence = NO_SEQUENCE } = writes[0] ?? {};
    let baseOffset: number;
    let lastOffset: number;
    try {
      const options = { timestampMs: this.#parts.clock.wallMs(), transaction, baseSequence };
      ({ baseOffset, lastOffset } = this.#parts.log.append(records, options));
    } catch (error) {
      this.#appendFailed(life, writes, error);
      return;
    }
    assert(lastOffset - baseOffset + 1 === records.length, 'A batch takes one offset per record.');
    const nowMs = this.#parts.clock.monotonicMs();
    const placed: PlacedWrite[] = [];
    for (const { id, records: own, timeoutMs } of writes) {
      const dueMs = nowMs + (timeoutMs ?? this.#parts.settings.commitTimeoutMs);
      placed.push({ id, baseOffset, dueMs, isOverdue: false });
      baseOffset += own.length;
    }
    const append: Append = { writes: placed, lastOffset, dueMs: firstDueMs(placed) };
    life.outstanding.push(append);
    this.#parts.log.onCommitted(lastOffset, (errorCode) => this.#onFate(life, append, errorCode));
  }

  #appendFailed(life: Life<Command, Response>, writes: readonly MachineWrite[], error: unknown): void {
    if (!(error instanceof KafkaError)) {
      this.#fail(life, error, 'shard could not append');
      return;
    }
    const { code } = error;
    const isTooLarge = code === ErrorCode.MESSAGE_TOO_LARGE || code === ErrorCode.RECORD_LIST_TOO_LARGE;
    if (isTooLarge && writes.length > 1) {
      // Together they were too large; each for itself is judged by its own size.
      for (const write of writes) this.#append(life, [write]);
      return;
    }
    for (const { id } of writes) this.#step(life, (machine, now) => machine.failed(id, code, now));
  }

  #onFate(life: Life<Command, Response>, append: Append, errorCode: number): void {
    if (this.#life !== life || !life.outstanding.includes(append)) return;
    if (errorCode === ErrorCode.NONE) {
      this.#settleUpTo(life, append.lastOffset);
      return;
    }
    if (errorCode === ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND) {
      // Committed, but by fewer than promised: refused to the client, and there all the same.
      this.#tellOverdue(life, append, errorCode, Number.POSITIVE_INFINITY);
      this.#settleUpTo(life, append.lastOffset);
      return;
    }
    life.outstanding.splice(life.outstanding.indexOf(append), 1);
    for (const { id } of append.writes)
      this.#step(life, (machine, now) => machine.failed(id, errorCode, now));
  }

  /** All up to `offset` is committed. */
  #settleUpTo(life: Life<Command, Response>, offset: number): void {
    for (;;) {
      const first = life.outstanding[0];
      if (first === undefined || first.lastOffset > offset || this.#life !== life) return;
      life.outstanding.shift();
      for (const { id, baseOffset } of first.writes) {
        this.#step(life, (machine, now) => machine.committed(id, baseOffset, now));
      }
    }
  }

  /** Tells it of the writes that are due by `nowMs`. */
  #tellOverdue(life: Life<Command, Response>, append: Append, errorCode: number, nowMs: number): void {
    for (const write of append.writes) {
      if (write.isOverdue || write.dueMs > nowMs) continue;
      write.isOverdue = true;
      this.#step(life, (machine, now) => machine.overdue(write.id, errorCode, now));
    }
    append.dueMs = firstDueMs(append.writes);
  }

  #armOverdueCheck(life: Life<Command, Response>): void {
    if (this.#life !== life) return;
    let atMs = Number.POSITIVE_INFINITY;
    for (const { dueMs } of life.outstanding) atMs = Math.min(atMs, dueMs);
    if (atMs >= (this.#overdueCheck?.atMs ?? Number.POSITIVE_INFINITY)) return;
    this.#overdueCheck?.cancel();
    const delayMs = Math.max(0, Math.ceil(atMs - this.#parts.clock.monotonicMs()));
    const cancel = this.#parts.timer.after(delayMs, () => {
      this.#overdueCheck = null;
      const nowMs = this.#parts.clock.monotonicMs();
      for (const append of [...life.outstanding]) {
        this.#tellOverdue(life, append, ErrorCode.REQUEST_TIMED_OUT, nowMs);
      }
      this.#armOverdueCheck(life);
    });
    this.#overdueCheck = { atMs, cancel };
  }
}

function firstDueMs(writes: readonly PlacedWrite[]): number {
  let firstMs = Number.POSITIVE_INFINITY;
  for (const { isOverdue, dueMs } of writes) if (!isOverdue) firstMs = Math.min(firstMs, dueMs);
  return firstMs;
}

function bytesOf(write: MachineWrite): number {
  let bytes = 0;
  for (const { key, value } of write.records) {
    bytes += key.length + (value?.length ?? 0) + RECORD_OVERHEAD_BYTES;
  }
  return bytes;
}
