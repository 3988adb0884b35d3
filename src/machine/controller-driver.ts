/**
 * Drives the controller over the metadata log: while this node leads, it runs commands, appends their records and
 * answers when those are committed (org.apache.kafka.controller.QuorumController).
 *
 * What is always true:
 * - one command runs at a time and sees the working image, which holds all that was appended before it;
 * - records are replayed at once, so the next command builds on them, but nobody is answered before they are
 *   committed; an answer that has no records waits for what it may have seen;
 * - the committed image is the loader's, who follows the log on every node. Losing the leadership means forgetting the
 *   working image and telling everybody who waits NOT_CONTROLLER: nothing uncommitted survives;
 * - an error that is no refusal is a bug of ours. It is reported, and the controller serves no more (KAFKA-14275).
 */
import { assert } from '../../protocol/assert.ts';
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { Api, RequestOf, ResponseInput } from '../../protocol/schema.ts';
import type { Cancel, Clock, Timer } from '../../storage/clock.ts';
import type { AclOperationName, Caller } from '../controller/caller.ts';
import type { CommandContext, CommandResult } from '../controller/command.ts';
import { MAX_RECORDS_PER_OPERATION } from '../controller/command.ts';
import type { Controller } from '../controller/controller.ts';
import { MetadataDelta } from '../metadata/delta.ts';
import type { MetadataImage } from '../metadata/image.ts';
import type { MetadataLoader } from '../metadata/loader.ts';
import type { ControllerChannel, RequestContext } from './controller-channel.ts';

/** The metadata log as its leader writes it. */
export interface MetadataLog {
  /** Offset that the next record will get. */
  readonly endOffset: number;
  /**
   * Appends the records as one batch, written as the level of metadata.version has them, and returns the offset of
   * the first. May report commits before it returns.
   * @throws {KafkaError} NOT_CONTROLLER when this node does not lead in `epoch`.
   */
  propose(epoch: number, records: readonly MetadataRecord[], metadataLevel: number): number;
}

export interface ControllerSettings {
  /** metadata.max.idle.interval.ms; 0 writes no records into an idle log. */
  readonly maxIdleIntervalMs: number;
  /** leader.imbalance.check.interval.seconds in milliseconds; null without auto.leader.rebalance.enable. */
  readonly leaderBalanceIntervalMs: number | null;
}

/** As pino has it. */
export interface ControllerLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export type Authorize = (
  caller: RequestContext,
  operation: AclOperationName,
  resource: 'CLUSTER' | 'TOPIC',
  name: string,
) => boolean;

export interface ControllerDriverParts {
  readonly controller: Controller;
  readonly log: MetadataLog;
  /** Of this node. It has loaded whatever is committed before this driver is told. */
  readonly loader: MetadataLoader;
  readonly clock: Clock;
  readonly timer: Timer;
  readonly logger: ControllerLogger;
  readonly settings: ControllerSettings;
  /** Whether a caller may do something; everybody may do everything without it. */
  readonly authorize?: Authorize;
  /** Charges partition changes to a caller's quota; throws THROTTLING_QUOTA_EXCEEDED (KIP-599). */
  readonly charge?: (caller: RequestContext, partitionCount: number) => void;
  /** Resolves when the node's own metadata has come as far as `offset`; asked for before each answer. */
  readonly whenApplied?: (offset: number) => Promise<void>;
  /** Told of a bug. The node must stop. */
  readonly onFault: (error: unknown) => void;
}

/** A timer that fires this late says that the whole process stood still: then heartbeats wait to be read. */
const STALL_MS = 500;
const WARNING_INTERVAL_MS = 30_000;

interface Waiting {
  /** The answer may leave once this offset is committed. */
  readonly offset: number;
  readonly resolve: () => void;
  readonly reject: (error: KafkaError) => void;
}

export class ControllerDriver implements ControllerChannel {
  readonly #parts: ControllerDriverParts;
  /** The leadership in which this controller is active, with the image on which the next command works. */
  #active: { readonly epoch: number; image: MetadataImage } | null = null;
  #committedOffset = -1;
  /** In the order of their offsets. */
  #waiting: Waiting[] = [];
  #lastAppendMs = 0;
  #warnedMs = Number.NEGATIVE_INFINITY;
  #stopped = false;
  #cancelIdle: Cancel | null = null;
  #cancelSessions: Cancel | null = null;
  #cancelBalance: Cancel | null = null;

  constructor(parts: ControllerDriverParts) {
    this.#parts = parts;
  }

  /** The epoch in which this controller is active, null while it is not. */
  get activeEpoch(): number | null {
    return this.#active?.epoch ?? null;
  }

  /** The image on which the next command would work. */
  get workingImage(): MetadataImage {
    return this.#active?.image ?? this.#parts.loader.image;
  }

  /** Everything up to `offset` is committed, and the loader has it. */
  committed(offset: number): void {
    this.#committedOffset = Math.max(this.#committedOffset, offset);
    while (this.#waiting[0] !== undefined && this.#waiting[0].offset <= this.#committedOffset) {
      this.#waiting.shift()?.resolve();
    }
  }

  /** To be called when this node leads in `epoch` and everything before that epoch was committed and loaded. */
  becomeActive(epoch: number): void {
    if (this.#stopped) return;
    assert(this.#active === null, 'A controller becomes active once per leadership.');
    const { controller, loader, logger } = this.#parts;
    if (loader.faulty) {
      this.#fail(new Error('The metadata log could not be read to its end.'));
      return;
    }
    this.#active = { epoch, image: loader.image };
    const result = this.#runOwn((context) => controller.activate(context, loader.inTransaction));
    if (!result) return;
    logger.info({ epoch, offset: this.workingImage.offset }, 'controller became active');
    this.#armIdle();
    this.#armSessions();
    this.#armBalance();
  }

  /** To be called when this node no longer leads. Harmless when it did not. */
  resign(): void {
    if (this.#active === null) return;
    this.#parts.logger.info({ epoch: this.#active.epoch }, 'controller resigned');
    this.#active = null;
    this.#disarm();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(new KafkaError(ErrorCode.NOT_CONTROLLER));
  }

  /** Serves no more. */
  stop(): void {
    this.resign();
    this.#stopped = true;
  }

  async request<A extends Api>(
    api: A,
    request: RequestOf<A>,
    requestContext: RequestContext,
  ): Promise<ResponseInput<A>> {
    if (this.#active === null) throw new KafkaError(ErrorCode.NOT_CONTROLLER);
    const caller = this.#caller(requestContext);
    const response = this.#run((context) => this.#parts.controller.serve(context, api, request, caller));
    const { offset } = this.workingImage;
    this.#armSessions();
    await this.#whenCommitted(offset);
    await this.#parts.whenApplied?.(offset);
    return response;
  }

  /** @throws {KafkaError} */
  #run<R>(command: (context: CommandContext) => CommandResult<R>): R {
    try {
      const result = command(this.#context());
      this.#append(result);
      return result.response;
    } catch (error) {
      if (error instanceof KafkaError) throw error;
      this.#fail(error);
      throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR);
    }
  }

  #context(): CommandContext {
    return {
      image: this.workingImage,
      nowMs: this.#parts.clock.monotonicMs(),
      nextOffset: this.#parts.log.endOffset,
    };
  }

  #caller(context: RequestContext): Caller {
    const { authorize, charge } = this.#parts;
    return {
      version: context.version,
      principal: context.principal,
      allows: (operation, resource, name) => authorize?.(context, operation, resource, name) ?? true,
      charge: (partitionCount) => charge?.(context, partitionCount),
    };
  }

  /** Appends and replays. Only a list that may be cut goes into more than one batch. */
  #append(result: CommandResult<unknown>): void {
    const { records, atomic } = result;
    const active = this.#active;
    assert(active !== null, 'Only an active controller writes.');
    if (records.length > 0) {
      assert(!atomic || records.length <= MAX_RECORDS_PER_OPERATION, 'What must be one batch fits into one.');
      const delta = new MetadataDelta(active.image);
      for (const record of records) delta.replay(record);
      const lastOffset = this.#parts.log.endOffset + records.length - 1;
      const image = delta.build({ offset: lastOffset, epoch: active.epoch, timestampMs: -1 });
      this.#propose(active.epoch, records, active.image.metadataVersion);
      active.image = image;
      this.#lastAppendMs = this.#parts.clock.monotonicMs();
    }
    result.onAppended?.(active.image.offset);
  }

  #propose(epoch: number, records: readonly MetadataRecord[], metadataLevel: number): void {
    const firstOffset = this.#parts.log.endOffset;
    for (let start = 0; start < records.length; start += MAX_RECORDS_PER_OPERATION) {
      const batch = records.slice(start, start + MAX_RECORDS_PER_OPERATION);
      let baseOffset: number;
      try {
        baseOffset = this.#parts.log.propose(epoch, batch, metadataLevel);
      } catch (error) {
        // A batch that was refused for itself changed nothing. Any other refusal, or one half-way through, means that
        // the log is not what the working image says: only the committed one can be trusted then.
        const refused = error instanceof KafkaError && error.code !== ErrorCode.NOT_CONTROLLER;
        if (!refused || start > 0) this.resign();
        throw error;
      }
      assert(baseOffset === firstOffset + start, 'A leader knows the offset that its next record gets.');
    }
  }

  #whenCommitted(offset: number): Promise<void> {
    if (offset <= this.#committedOffset) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ offset, resolve, reject });
    });
  }

  /** Runs something that nobody asked for; null when it could not. */
  #runOwn<R>(command: (context: CommandContext) => CommandResult<R>): R | null {
    if (this.#active === null) return null;
    try {
      return this.#run(command);
    } catch (error) {
      this.#warn(error);
      return null;
    }
  }

  /** What lasts, such as a full disk, is said now and then only. */
  #warn(error: unknown): void {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#warnedMs < WARNING_INTERVAL_MS) return;
    this.#warnedMs = nowMs;
    this.#parts.logger.warn({ error }, 'controller could not write');
  }

  #fail(error: unknown): void {
    this.stop();
    this.#parts.onFault(error);
  }

  #disarm(): void {
    for (const cancel of [this.#cancelIdle, this.#cancelSessions, this.#cancelBalance]) cancel?.();
    this.#cancelIdle = null;
    this.#cancelSessions = null;
    this.#cancelBalance = null;
  }

  #armIdle(): void {
    const { maxIdleIntervalMs } = this.#parts.settings;
    if (maxIdleIntervalMs <= 0) return;
    const idleMs = this.#parts.clock.monotonicMs() - this.#lastAppendMs;
    const delayMs = Math.max(0, maxIdleIntervalMs - idleMs);
    this.#cancelIdle = this.#parts.timer.after(delayMs, () => {
      this.#cancelIdle = null;
      const isIdle = this.#parts.clock.monotonicMs() - this.#lastAppendMs >= maxIdleIntervalMs;
      if (isIdle) {
        this.#runOwn((context) => this.#parts.controller.noOp(context));
        // Also where it could not be written, for want of space: the next try is due an interval later.
        this.#lastAppendMs = this.#parts.clock.monotonicMs();
      }
      if (this.#active !== null) this.#armIdle();
    });
  }

  #armSessions(): void {
    if (this.#cancelSessions !== null || this.#active === null) return;
    const { controller, clock, timer } = this.#parts;
    const expiryMs = controller.nextSessionExpiryMs(this.#active.image);
    if (expiryMs === null) return;
    // One millisecond on: a session that ends now is still valid.
    const delayMs = Math.max(0, expiryMs - clock.monotonicMs() + 1);
    const dueMs = clock.monotonicMs() + delayMs;
    this.#cancelSessions = timer.after(delayMs, () => {
      this.#cancelSessions = null;
      this.#checkSessions(dueMs);
      this.#armSessions();
    });
  }

  #checkSessions(dueMs: number): void {
    const { controller, clock, logger } = this.#parts;
    const lateMs = clock.monotonicMs() - dueMs;
    if (lateMs > STALL_MS) {
      logger.warn({ lateMs }, 'controller stood still; broker sessions begin anew');
      controller.renewSessions(clock.monotonicMs());
      return;
    }
    for (;;) {
      const brokerId = this.#runOwn((context) => controller.fenceStaleBroker(context));
      if (brokerId === null) return;
      logger.warn({ brokerId }, 'broker was fenced because its session is over');
    }
  }

  #armBalance(delayMs = this.#parts.settings.leaderBalanceIntervalMs): void {
    if (delayMs === null || this.#active === null) return;
    this.#cancelBalance = this.#parts.timer.after(delayMs, () => {
      this.#cancelBalance = null;
      const more = this.#runOwn((context) => this.#parts.controller.balanceLeaders(context));
      if (more === true) this.#armBalance(0);
      else this.#armBalance();
    });
  }
}
