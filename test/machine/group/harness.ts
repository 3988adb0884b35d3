/**
 * A group machine with a clock and a log of its own, driven by hand: what the scenarios and the simulation share.
 *
 * Unless held, the log commits each write as soon as the step that issued it is over.
 */

import { encodeMessage } from '../../../protocol/codec.ts';
import { errorName } from '../../../protocol/errors.ts';
import { ConsumerProtocolSubscription } from '../../../protocol/records/consumer-protocol.ts';
import type { GroupConfig } from '../../../src/group/config.ts';
import { defaultGroupConfig } from '../../../src/group/config.ts';
import { GroupMachine } from '../../../src/group/machine.ts';
import type { Note } from '../../../src/group/notes.ts';
import type { Command, Outcome, Response, Responses, Write } from '../../../src/group/outcome.ts';
import { decodeKey } from '../../../src/group/records.ts';

export interface StoredRecord {
  readonly key: Buffer;
  readonly value: Buffer | null;
  readonly offset: number;
  readonly producerId: number;
  readonly isTransactional: boolean;
}

export type LogEntry =
  | StoredRecord
  | { readonly marker: 'commit' | 'abort'; readonly producerId: number; readonly offset: number };

export interface Happening {
  readonly answers: { readonly token: number; readonly command: Command; readonly response: Response }[];
  readonly writes: Write[];
  readonly notes: Note[];
}

/** Where wall time starts; monotonic time starts at 0. */
export const EPOCH_MS = 1_700_000_000_000;

export class GroupHarness {
  config: GroupConfig;
  machine: GroupMachine;
  nowMs = 0;
  log: LogEntry[] = [];
  endOffset = 0;
  isHeld = false;
  /** Writes that are in the log and not yet committed, with their base offsets. */
  inFlight: { readonly write: Write; readonly baseOffset: number }[] = [];
  readonly #commands = new Map<number, Command>();
  #nextToken = 1;
  #happening: Happening = { answers: [], writes: [], notes: [] };

  readonly #create: (config: GroupConfig) => GroupMachine;

  constructor(
    config: Partial<GroupConfig> = {},
    create: (config: GroupConfig) => GroupMachine = (c) => new GroupMachine(c),
  ) {
    this.config = { ...defaultGroupConfig, ...config };
    this.#create = create;
    this.machine = create(this.config);
    this.#take(this.machine.loaded(this.now));
  }

  get now() {
    return { monotonicMs: this.nowMs, wallMs: EPOCH_MS + this.nowMs };
  }

  get openCommands(): ReadonlyMap<number, Command> {
    return this.#commands;
  }

  /** What has happened since it was last asked. */
  take(): Happening {
    const happening = this.#happening;
    this.#happening = { answers: [], writes: [], notes: [] };
    return happening;
  }

  submit(command: Command): number {
    const token = this.#nextToken++;
    this.#commands.set(token, command);
    this.#take(this.machine.handle(token, command, this.now));
    return token;
  }

  /** Submits, and gives the answer if it came at once. */
  ask<C extends Command>(command: C): Responses[C['type']] | null {
    const token = this.submit(command);
    const answer = this.#happening.answers.find((a) => a.token === token);
    return (answer?.response ?? null) as Responses[C['type']] | null;
  }

  /** Lets time pass, deadline by deadline. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const next = this.machine.nextDeadlineMs;
      if (next === null || next > untilMs) break;
      this.nowMs = Math.max(this.nowMs, next);
      this.#take(this.machine.tick(this.now));
    }
    this.nowMs = untilMs;
  }

  /** Commits the oldest of what is on its way. */
  commitNext(): void {
    const next = this.inFlight.shift();
    if (next !== undefined) this.#take(this.machine.committed(next.write.id, next.baseOffset, this.now));
  }

  commitAll(): void {
    while (this.inFlight.length > 0) this.commitNext();
  }

  /** The newest of what is on its way never made it into the log. */
  failLast(errorCode: number): void {
    const last = this.inFlight.pop();
    if (last === undefined) return;
    const lost = last.write.records.length;
    this.log.splice(this.log.length - lost, lost);
    this.endOffset -= lost;
    this.#take(this.machine.failed(last.write.id, errorCode, this.now));
  }

  overdueNext(errorCode: number): void {
    const next = this.inFlight[0];
    if (next !== undefined) this.#take(this.machine.overdue(next.write.id, errorCode, this.now));
  }

  endTransaction(producerId: number, isCommit: boolean): void {
    const offset = this.endOffset++;
    this.log.push({ marker: isCommit ? 'commit' : 'abort', producerId, offset });
    this.commitAll();
    this.#take(this.machine.transactionEnded(producerId, isCommit, this.now));
  }

  /** A new machine from the log, as after a failover; what was parked is refused by whoever drives. */
  replayed(config = this.config): GroupMachine {
    const machine = this.#create(config);
    for (const entry of this.log) {
      if ('marker' in entry) machine.replayMarker(entry.producerId, entry.marker === 'commit');
      else machine.replay(entry);
    }
    return machine;
  }

  /** Another broker takes over. What was on its way is committed by then, or (`isLost`) never was. */
  failover(isLost = false): void {
    if (isLost) {
      const lost = this.inFlight.splice(0).reduce((sum, { write }) => sum + write.records.length, 0);
      this.log.splice(this.log.length - lost, lost);
      this.endOffset -= lost;
    }
    this.commitAll();
    this.machine = this.replayed();
    this.#take(this.machine.loaded(this.now));
    this.#commands.clear();
  }

  #take(outcome: Outcome): void {
    this.#happening.notes.push(...outcome.notes);
    for (const { token, response } of outcome.answers) {
      const command = this.#commands.get(token);
      if (command === undefined) throw new Error(`token ${token} was answered twice`);
      this.#commands.delete(token);
      this.#happening.answers.push({ token, command, response });
    }
    for (const write of outcome.writes) {
      this.#happening.writes.push(write);
      const isCommit = write.records.every(
        ({ key, value }) => decodeKey(key).type === 'offset' && value !== null,
      );
      if (write.baseSequence !== (isCommit ? 0 : -1))
        throw new Error('commits, and only they, bear sequence 0');
      this.inFlight.push({ write, baseOffset: this.endOffset });
      for (const { key, value } of write.records) {
        const producerId = write.transaction?.producerId ?? -1;
        this.log.push({
          key,
          value,
          offset: this.endOffset++,
          producerId,
          isTransactional: write.transaction !== null,
        });
      }
    }
    if (!this.isHeld) this.commitAll();
  }
}

/** A subscription as the Java consumer writes it, version 1. */
export function subscription(topics: readonly string[]): Buffer {
  const version = 1;
  const body = encodeMessage(ConsumerProtocolSubscription, version, {
    topics,
    userData: null,
    ownedPartitions: [],
  });
  const bytes = Buffer.alloc(2 + body.length);
  bytes.writeInt16BE(version, 0);
  bytes.set(body, 2);
  return bytes;
}

export function codeName(code: number): string {
  return errorName(code);
}
