import { beforeEach, describe, expect, test } from 'vitest';
import { ErrorCode, KafkaError } from '../../../../protocol/errors.ts';
import type {
  BatchOptions,
  CommitLog,
  LoadedBatch,
  LogRecord,
} from '../../../../src/machine/coordinator-log.ts';
import type { Instant, LoggedRecord, Machine, MachineOutcome } from '../../../../src/machine/driver.ts';
import { defaultShardSettings, ShardDriver } from '../../../../src/machine/driver.ts';

/** Virtual time, timers and ends of turns, run by hand. */
class World {
  nowMs = 0;
  #timers: { atMs: number; action: () => void }[] = [];
  #turnEnds: (() => void)[] = [];
  readonly clock = { monotonicMs: () => this.nowMs, wallMs: () => 1_000_000 + this.nowMs };
  readonly timer = {
    after: (delayMs: number, action: () => void) => {
      const entry = { atMs: this.nowMs + delayMs, action };
      this.#timers.push(entry);
      return () => {
        this.#timers = this.#timers.filter((other) => other !== entry);
      };
    },
  };
  readonly endOfTurn = (action: () => void) => {
    this.#turnEnds.push(action);
  };

  get timerCount(): number {
    return this.#timers.length;
  }

  /** Ends the turn, and those that follow from it; lets promises settle. */
  async settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await Promise.resolve();
    while (this.#turnEnds.length > 0) {
      for (const action of this.#turnEnds.splice(0)) action();
      for (let i = 0; i < 20; i++) await Promise.resolve();
    }
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.nowMs = Math.max(this.nowMs, due.atMs);
      due.action();
      await this.settle();
    }
    this.nowMs = untilMs;
  }

  /** Time passes without any timer being run, as when the process is stopped. */
  stall(ms: number): void {
    this.nowMs += ms;
  }
}

class FakeLog implements CommitLog {
  batches: LoadedBatch[] = [];
  appends: { values: string[]; producerId: number; baseSequence: number }[] = [];
  endOffset = 0;
  committedOffset = -1;
  appendError: number | null = null;
  maxBatchRecords = Number.POSITIVE_INFINITY;
  readError: Error | null = null;
  waiters: { offset: number; done: (errorCode: number) => void }[] = [];
  commitsAtOnce = true;

  append(records: readonly LogRecord[], { transaction, baseSequence }: BatchOptions) {
    if (this.appendError !== null) throw new KafkaError(this.appendError);
    if (records.length > this.maxBatchRecords) throw new KafkaError(ErrorCode.MESSAGE_TOO_LARGE);
    const baseOffset = this.endOffset;
    this.endOffset += records.length;
    this.appends.push({
      values: records.map((record) => String(record.value)),
      producerId: transaction?.producerId ?? -1,
      baseSequence,
    });
    if (this.commitsAtOnce) this.committedOffset = this.endOffset - 1;
    return { baseOffset, lastOffset: this.endOffset - 1 };
  }

  onCommitted(offset: number, done: (errorCode: number) => void): void {
    if (offset <= this.committedOffset) done(ErrorCode.NONE);
    else this.waiters.push({ offset, done });
  }

  commit(offset = this.endOffset - 1): void {
    this.committedOffset = offset;
    const ready = this.waiters.filter((waiter) => waiter.offset <= offset);
    this.waiters = this.waiters.filter((waiter) => waiter.offset > offset);
    for (const { done } of ready) done(ErrorCode.NONE);
  }

  fail(errorCode: number): void {
    for (const { done } of this.waiters.splice(0)) done(errorCode);
  }

  load(...batches: Partial<LoadedBatch>[]): void {
    for (const batch of batches) {
      const records = batch.records ?? [];
      this.endOffset += Math.max(records.length, 1);
      this.batches.push({
        lastOffset: this.endOffset - 1,
        producerId: -1,
        isTransactional: false,
        marker: null,
        records,
        ...batch,
      });
    }
  }

  async *read(): AsyncGenerator<LoadedBatch> {
    if (this.readError !== null) throw this.readError;
    for (const batch of this.batches) {
      await Promise.resolve();
      yield batch;
    }
  }
}

/** Writes what it is told, `#` with a sequence, `~` with a timeout; answers when that is committed; `now:` at once. */
class EchoMachine implements Machine<string, string> {
  readonly events: string[] = [];
  nextDeadlineMs: number | null = null;
  #nextWriteId = 1;
  #tokens = new Map<number, number>();

  replay({ value, offset }: LoggedRecord): string | null {
    this.events.push(`replay ${offset}:${String(value)}`);
    return String(value) === 'odd' ? 'it is odd' : null;
  }

  replayMarker(producerId: number, isCommit: boolean): void {
    this.events.push(`marker ${producerId} ${isCommit ? 'commit' : 'abort'}`);
  }

  loaded(): MachineOutcome<string> {
    this.events.push('loaded');
    return { writes: [], answers: [], notes: [] };
  }

  handle(token: number, command: string): MachineOutcome<string> {
    this.events.push(`handle ${command}`);
    if (command === 'bug') throw new Error('a bug');
    if (command.startsWith('now:')) return this.#outcome([{ token, response: command }]);
    const writes = command.split('+').map((part, i) => {
      const id = this.#nextWriteId++;
      if (i === 0) this.#tokens.set(id, token);
      const [head = '', timeout] = part.split('~');
      const [told = '', sequence] = head.split('#');
      const [text = '', producer] = told.split('@');
      const records = text.split(',').map((word) => ({ key: Buffer.from('k'), value: Buffer.from(word) }));
      const transaction =
        producer === undefined
          ? null
          : { transactionalId: 't', producerId: Number(producer), producerEpoch: 0 };
      const baseSequence = Number(sequence ?? -1);
      return {
        id,
        records,
        transaction,
        baseSequence,
        timeoutMs: timeout === undefined ? null : Number(timeout),
      };
    });
    return { writes, answers: [], notes: [] };
  }

  tick({ monotonicMs }: Instant): MachineOutcome<string> {
    this.events.push(`tick ${monotonicMs}`);
    this.nextDeadlineMs = null;
    return this.#outcome([]);
  }

  committed(writeId: number, baseOffset: number): MachineOutcome<string> {
    this.events.push(`committed ${writeId} at ${baseOffset}`);
    return this.#settled(writeId, 'ok');
  }

  failed(writeId: number, errorCode: number): MachineOutcome<string> {
    this.events.push(`failed ${writeId} ${errorCode}`);
    return this.#settled(writeId, `error ${errorCode}`);
  }

  overdue(writeId: number, errorCode: number): MachineOutcome<string> {
    this.events.push(`overdue ${writeId} ${errorCode}`);
    return this.#settled(writeId, `error ${errorCode}`);
  }

  transactionEnded(producerId: number, isCommit: boolean): MachineOutcome<string> {
    this.events.push(`ended ${producerId} ${isCommit ? 'commit' : 'abort'}`);
    return this.#outcome([]);
  }

  refuse(command: string, errorCode: number): string {
    return `${command} refused ${errorCode}`;
  }

  #settled(writeId: number, response: string): MachineOutcome<string> {
    const token = this.#tokens.get(writeId);
    this.#tokens.delete(writeId);
    return this.#outcome(token === undefined ? [] : [{ token, response }]);
  }

  #outcome(answers: { token: number; response: string }[]): MachineOutcome<string> {
    return { writes: [], answers, notes: [] };
  }
}

let world: World;
let log: FakeLog;
let machines: EchoMachine[];
let errors: string[];

function driverOf(settings: Partial<typeof defaultShardSettings> = {}): ShardDriver<string, string> {
  return new ShardDriver({
    createMachine: () => {
      const machine = new EchoMachine();
      machines.push(machine);
      return machine;
    },
    log,
    clock: world.clock,
    timer: world.timer,
    endOfTurn: world.endOfTurn,
    logger: {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (_fields, message) => errors.push(message),
    },
    settings: { ...defaultShardSettings, ...settings },
  });
}

const newest = (): EchoMachine => machines[machines.length - 1] as EchoMachine;

beforeEach(() => {
  world = new World();
  log = new FakeLog();
  machines = [];
  errors = [];
});

describe('a shard that loads', () => {
  test('refuses commands until everything it has read is committed', async () => {
    log.load({ records: [{ offset: 0, key: Buffer.from('k'), value: Buffer.from('a') }] });
    const driver = driverOf();
    const started = driver.start();
    await world.settle();
    expect(driver.isServing).toBe(false);
    expect(await driver.submit('early')).toBe(`early refused ${ErrorCode.COORDINATOR_LOAD_IN_PROGRESS}`);
    log.commit();
    await started;
    expect(driver.isServing).toBe(true);
    expect(newest().events).toEqual(['replay 0:a', 'loaded']);
  });

  test('replays markers of transactions, and leaves out records that the machine leaves out', async () => {
    log.load(
      {
        producerId: 7,
        isTransactional: true,
        records: [{ offset: 0, key: Buffer.from('k'), value: Buffer.from('odd') }],
      },
      { producerId: 7, isTransactional: true, marker: 'abort' },
    );
    log.commit();
    await driverOf().start();
    expect(newest().events).toEqual(['replay 0:odd', 'marker 7 abort', 'loaded']);
  });

  test('applies markers that were committed meanwhile exactly once', async () => {
    log.load({ producerId: 7, isTransactional: true, marker: 'commit' });
    const driver = driverOf();
    const started = driver.start();
    driver.transactionEnded(7, true, 0);
    driver.transactionEnded(8, false, 1);
    await world.settle();
    log.endOffset = 2;
    log.commit();
    await started;
    expect(newest().events).toEqual(['marker 7 commit', 'loaded', 'ended 8 abort']);
  });

  test('tries again later when the log can not be read, each time a little later', async () => {
    log.readError = new Error('disk');
    const driver = driverOf();
    await driver.start();
    expect(errors).toEqual(['shard could not be loaded']);
    await world.advance(1_000);
    expect(errors).toHaveLength(2);
    log.readError = null;
    await world.advance(1_999);
    expect(driver.isServing).toBe(false);
    await world.advance(1);
    expect(driver.isServing).toBe(true);
  });

  test('stays silent when it was stopped meanwhile', async () => {
    log.load({ records: [{ offset: 0, key: Buffer.from('k'), value: Buffer.from('a') }] });
    const driver = driverOf();
    const started = driver.start();
    driver.stop();
    await started;
    expect(driver.isServing).toBe(false);
    expect(await driver.submit('x')).toBe(`x refused ${ErrorCode.NOT_COORDINATOR}`);
  });
});

describe('a shard that serves', () => {
  test('answers what needs no record at once', async () => {
    const driver = driverOf();
    await driver.start();
    expect(await driver.submit('now:a')).toBe('now:a');
    expect(log.appends).toEqual([]);
  });

  test('puts the writes of a turn into one batch, and answers when it is committed', async () => {
    log.commitsAtOnce = false;
    const driver = driverOf();
    await driver.start();
    const answers: string[] = [];
    for (const command of ['a', 'b,c', 'd'])
      void driver.submit(command).then((answer) => answers.push(answer));
    await world.settle();
    expect(log.appends).toEqual([{ values: ['a', 'b', 'c', 'd'], producerId: -1, baseSequence: -1 }]);
    expect(answers).toEqual([]);
    log.commit();
    await world.settle();
    expect(answers).toEqual(['ok', 'ok', 'ok']);
    expect(newest().events.slice(-3)).toEqual(['committed 1 at 0', 'committed 2 at 1', 'committed 3 at 3']);
  });

  test('keeps the batches of transactions apart, in order', async () => {
    const driver = driverOf();
    await driver.start();
    for (const command of ['a', 'b@7', 'c@7', 'd', 'e']) void driver.submit(command);
    await world.settle();
    expect(log.appends).toEqual([
      { values: ['a'], producerId: -1, baseSequence: -1 },
      { values: ['b'], producerId: 7, baseSequence: -1 },
      { values: ['c'], producerId: 7, baseSequence: -1 },
      { values: ['d', 'e'], producerId: -1, baseSequence: -1 },
    ]);
  });

  test('divides a turn into batches of about the size allowed', async () => {
    const driver = driverOf({ batchBytes: 60 });
    await driver.start();
    for (const command of ['a', 'b', 'c']) void driver.submit(command);
    await world.settle();
    expect(log.appends.map(({ values }) => values)).toEqual([['a', 'b'], ['c']]);
  });

  test('appends one by one what was too large together, and fails what is too large alone', async () => {
    log.maxBatchRecords = 2;
    const driver = driverOf();
    await driver.start();
    const answers = Promise.all([driver.submit('a,b'), driver.submit('c,d,e'), driver.submit('f')]);
    await world.settle();
    expect(await answers).toEqual(['ok', `error ${ErrorCode.MESSAGE_TOO_LARGE}`, 'ok']);
    expect(log.appends.map(({ values }) => values)).toEqual([['a', 'b'], ['f']]);
  });

  test('tells the machine that an append was refused', async () => {
    const driver = driverOf();
    await driver.start();
    log.appendError = ErrorCode.NOT_ENOUGH_REPLICAS;
    const answer = driver.submit('a');
    await world.settle();
    expect(await answer).toBe(`error ${ErrorCode.NOT_ENOUGH_REPLICAS}`);
  });

  test('tells that a commit is overdue, and what became of it in the end', async () => {
    log.commitsAtOnce = false;
    const driver = driverOf();
    await driver.start();
    const answer = driver.submit('a');
    await world.settle();
    await world.advance(4_999);
    expect(driver.pendingCommandCount).toBe(1);
    await world.advance(1);
    expect(await answer).toBe(`error ${ErrorCode.REQUEST_TIMED_OUT}`);
    log.commit();
    expect(newest().events.slice(-2)).toEqual([
      `overdue 1 ${ErrorCode.REQUEST_TIMED_OUT}`,
      'committed 1 at 0',
    ]);
  });

  test('waits for a write with a time of its own for that time', async () => {
    log.commitsAtOnce = false;
    const driver = driverOf();
    await driver.start();
    const answers = [driver.submit('a'), driver.submit('b~7000'), driver.submit('c~10')];
    await world.settle();
    await world.advance(10);
    expect(await answers[2]).toBe(`error ${ErrorCode.REQUEST_TIMED_OUT}`);
    expect(driver.pendingCommandCount).toBe(2);
    await world.advance(4_990);
    expect(await answers[0]).toBe(`error ${ErrorCode.REQUEST_TIMED_OUT}`);
    await world.advance(1_999);
    expect(driver.pendingCommandCount).toBe(1);
    await world.advance(1);
    expect(await answers[1]).toBe(`error ${ErrorCode.REQUEST_TIMED_OUT}`);
  });

  test('gives a batch to each sequence of writes', async () => {
    const driver = driverOf();
    await driver.start();
    await Promise.all([driver.submit('a#0'), driver.submit('b#0'), driver.submit('c'), world.settle()]);
    expect(log.appends).toEqual([
      { values: ['a', 'b'], producerId: -1, baseSequence: 0 },
      { values: ['c'], producerId: -1, baseSequence: -1 },
    ]);
  });

  test('counts a write that too few replicas have as refused and committed', async () => {
    log.commitsAtOnce = false;
    const driver = driverOf();
    await driver.start();
    const answer = driver.submit('a');
    await world.settle();
    log.fail(ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND);
    expect(await answer).toBe(`error ${ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND}`);
    expect(newest().events.slice(-1)).toEqual(['committed 1 at 0']);
  });

  test('tells of a marker only after all that stands before it in the log', async () => {
    log.commitsAtOnce = false;
    const driver = driverOf();
    await driver.start();
    void driver.submit('a@7');
    await world.settle();
    void driver.submit('b@7');
    await world.settle();
    // The marker at offset 1 would have been between them; here b is the later one.
    driver.transactionEnded(7, true, 0.5);
    expect(newest().events.slice(-2)).toEqual(['committed 1 at 0', 'ended 7 commit']);
    log.commit();
    expect(newest().events.slice(-1)).toEqual(['committed 2 at 1']);
  });

  test('refuses what exceeds the number of commands it may hold', async () => {
    log.commitsAtOnce = false;
    const driver = driverOf({ maxPendingCommands: 1 });
    await driver.start();
    void driver.submit('a');
    expect(await driver.submit('b')).toBe(`b refused ${ErrorCode.COORDINATOR_NOT_AVAILABLE}`);
  });

  test('answers everything that waits when it stops, and leaves no timer behind', async () => {
    log.commitsAtOnce = false;
    const driver = driverOf();
    await driver.start();
    newest().nextDeadlineMs = 500;
    const answer = driver.submit('a');
    await world.settle();
    driver.stop();
    expect(await answer).toBe(`a refused ${ErrorCode.NOT_COORDINATOR}`);
    expect(world.timerCount).toBe(0);
    log.commit();
    expect(newest().events).not.toContain('committed 1 at 0');
  });
});

describe('a shard and time', () => {
  test('runs the machine at its deadline, and arms one timer for it', async () => {
    const driver = driverOf();
    await driver.start();
    newest().nextDeadlineMs = 500;
    await driver.submit('now:a');
    newest().nextDeadlineMs = 800;
    await driver.submit('now:b');
    expect(world.timerCount).toBe(1);
    await world.advance(1_000);
    expect(newest().events).toContain('tick 500');
  });

  test('reads what has arrived before it declares anybody dead, when the process stood still', async () => {
    const driver = driverOf();
    await driver.start();
    newest().nextDeadlineMs = 500;
    await driver.submit('now:a');
    world.stall(20_000);
    const ticked = world.advance(0);
    // A heartbeat that lay in a socket, read in the turn after the stall.
    world.endOfTurn(() => void driver.submit('now:heartbeat'));
    await ticked;
    const { events } = newest();
    expect(events.indexOf('handle now:heartbeat')).toBeGreaterThan(-1);
    expect(events.indexOf('handle now:heartbeat')).toBeLessThan(events.indexOf('tick 20000'));
  });
});

describe('a machine that fails', () => {
  test('is loaded anew; who caused it and who waited are told', async () => {
    log.commitsAtOnce = false;
    const driver = driverOf();
    await driver.start();
    const waiting = driver.submit('a');
    await world.settle();
    log.commit();
    await world.settle();
    const inFlight = driver.submit('b');
    const culprit = driver.submit('bug');
    expect(await culprit).toBe(`bug refused ${ErrorCode.UNKNOWN_SERVER_ERROR}`);
    expect(await inFlight).toBe(`b refused ${ErrorCode.COORDINATOR_NOT_AVAILABLE}`);
    expect(await waiting).toBe('ok');
    expect(errors).toEqual(['shard failed']);
    expect(await driver.submit('c')).toBe(`c refused ${ErrorCode.COORDINATOR_LOAD_IN_PROGRESS}`);
    await world.advance(1_000);
    expect(await driver.submit('now:d')).toBe('now:d');
  });
});
