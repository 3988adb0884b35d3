/**
 * A transaction machine with a clock, a log and partitions to mark, driven by hand: what the scenarios and the
 * simulation share.
 *
 * Unless held, the log commits each write as soon as the step that issued it is over, and markers are written at once.
 */

import type { TransactionConfig } from '../../../src/transaction/config.ts';
import { defaultTransactionConfig } from '../../../src/transaction/config.ts';
import { TransactionMachine } from '../../../src/transaction/machine.ts';
import type { Note } from '../../../src/transaction/notes.ts';
import type {
  Command,
  MarkerResult,
  MarkerSend,
  Outcome,
  Response,
  Responses,
  Write,
} from '../../../src/transaction/outcome.ts';

export interface StoredRecord {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

export interface Happening {
  readonly answers: { readonly token: number; readonly command: Command; readonly response: Response }[];
  readonly writes: Write[];
  readonly notes: Note[];
  readonly sends: MarkerSend[];
}

/** Where wall time starts; monotonic time starts at 0. */
export const EPOCH_MS = 1_700_000_000_000;

/** What the machine sends to itself once markers are written; nobody waits for the answer. */
const INTERNAL = 'markersWritten';

export class TransactionHarness {
  readonly config: TransactionConfig;
  machine: TransactionMachine;
  nowMs = 0;
  /** Compaction would keep the newest of each key; the machine must not care. */
  log: StoredRecord[] = [];
  isHeld = false;
  /** Writes that are in the log and not yet committed. */
  inFlight: Write[] = [];
  areMarkersHeld = false;
  sends: MarkerSend[] = [];
  nextProducerId = 1_000;
  readonly #commands = new Map<number, Command>();
  readonly #create: (config: TransactionConfig) => TransactionMachine;
  #nextToken = 1;
  #happening: Happening = { answers: [], writes: [], notes: [], sends: [] };

  constructor(
    config: Partial<TransactionConfig> = {},
    create: (config: TransactionConfig) => TransactionMachine = (c) => new TransactionMachine(c),
  ) {
    this.config = { ...defaultTransactionConfig, ...config };
    this.#create = create;
    this.machine = create(this.config);
    this.#take(this.machine.loaded(this.now));
  }

  get now() {
    return { monotonicMs: this.nowMs, wallMs: EPOCH_MS + this.nowMs };
  }

  /** What has happened since it was last asked. */
  take(): Happening {
    const happening = this.#happening;
    this.#happening = { answers: [], writes: [], notes: [], sends: [] };
    return happening;
  }

  /** What was asked under the token and is not answered yet. */
  commandOf(token: number): Command | undefined {
    return this.#commands.get(token);
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

  /** InitProducerId as the service does it: when an id is needed, it is fetched and the command given again. */
  init(command: Omit<Extract<Command, { type: 'initProducerId' }>, 'type' | 'freshProducerId'>): void {
    const first = { type: 'initProducerId', ...command, freshProducerId: null } as const;
    const token = this.submit(first);
    const { answers } = this.#happening;
    const index = answers.findIndex((a) => a.token === token);
    const response = answers[index]?.response;
    if (response === undefined || !('needsProducerId' in response) || !response.needsProducerId) return;
    answers.splice(index, 1);
    this.#nextToken--;
    this.submit({ ...first, freshProducerId: this.nextProducerId++ });
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
    if (next !== undefined) this.#take(this.machine.committed(next.id, 0, this.now));
  }

  commitAll(): void {
    while (this.inFlight.length > 0) this.commitNext();
  }

  /** The newest of what is on its way never made it into the log. */
  failLast(errorCode: number): void {
    const last = this.inFlight.pop();
    if (last === undefined) return;
    this.log.splice(this.log.length - last.records.length);
    this.#take(this.machine.failed(last.id, errorCode, this.now));
  }

  overdueNext(errorCode: number): void {
    const next = this.inFlight[0];
    if (next !== undefined) this.#take(this.machine.overdue(next.id, errorCode, this.now));
  }

  /** Reports the oldest send of markers, each partition with the code that is told for it. */
  reportMarkers(codeOf: (topic: string, partition: number) => number): void {
    const send = this.sends.shift();
    if (send !== undefined) this.report(send, codeOf);
  }

  report(send: MarkerSend, codeOf: (topic: string, partition: number) => number): void {
    const results: MarkerResult[] = send.topics.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition, errorCode: codeOf(topic, partition) })),
    );
    const { transactionalId, sendId } = send;
    const token = this.#nextToken++;
    const command = { type: INTERNAL, transactionalId, sendId, results } as const;
    this.#take(this.machine.handle(token, command, this.now), token);
    this.#nextToken--;
  }

  /** Another broker takes over. What was on its way is committed by then, or (`isLost`) never was. */
  failover(isLost = false): void {
    if (isLost) {
      const lost = this.inFlight.reduce((sum, { records }) => sum + records.length, 0);
      this.log.splice(this.log.length - lost);
    }
    this.inFlight = [];
    this.sends = [];
    this.machine = this.#create(this.config);
    for (const record of this.log) this.machine.replay(record);
    this.#commands.clear();
    this.#take(this.machine.loaded(this.now));
  }

  #take(outcome: Outcome, internalToken: number | null = null): void {
    this.#happening.notes.push(...outcome.notes);
    for (const { token, response } of outcome.answers) {
      if (token === internalToken) continue;
      const command = this.#commands.get(token);
      if (command === undefined) throw new Error(`token ${token} was answered twice`);
      this.#commands.delete(token);
      this.#happening.answers.push({ token, command, response });
    }
    for (const write of outcome.writes) {
      this.#happening.writes.push(write);
      this.inFlight.push(write);
      this.log.push(...write.records);
    }
    this.#happening.sends.push(...outcome.markers);
    this.sends.push(...outcome.markers);
    if (!this.isHeld) this.commitAll();
    if (!this.areMarkersHeld) while (this.sends.length > 0) this.reportMarkers(() => 0);
  }
}
