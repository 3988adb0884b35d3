/**
 * Runs scenario texts against a transaction machine. The form of a text is told in helpers/scenario-text.ts:
 *
 *   # a comment
 *   add t 1000:0 a-0 a-1
 *   ----
 *   write t Ongoing 1000:0 a-0 a-1
 *   #2 add: NONE
 */
import { ErrorCode, errorName } from '../../../protocol/errors.ts';
import type { Command, MarkerSend, Response, Write } from '../../../src/transaction/outcome.ts';
import type { TopicPartitions } from '../../../src/transaction/partition-set.ts';
import { decodeTransactionKey, decodeTransactionValue } from '../../../src/transaction/records.ts';
import type { Options, Play } from '../../helpers/scenario-text.ts';
import { codeOf, parseCommand } from '../../helpers/scenario-text.ts';
import type { Happening } from './harness.ts';
import { EPOCH_MS, TransactionHarness } from './harness.ts';

/** Plays the lines of one text. */
export function newPlayer(): Play {
  const runner = new Runner();
  return (line) => runner.run(line);
}

class Runner {
  #harness = new TransactionHarness();

  run(line: string): string[] {
    const { verb, bare, options } = parseCommand(line);
    const extra = this.#control(verb, bare, options) ?? this.#request(verb, bare, options);
    return [...describe(this.#harness.take()), ...extra];
  }

  /** Null when the verb is no control of the harness. */
  #control(verb: string, bare: readonly string[], options: Options): string[] | null {
    const harness = this.#harness;
    switch (verb) {
      case 'config':
        this.#harness = new TransactionHarness(
          Object.fromEntries([...options].map(([key, value]) => [key, Number(value)])),
        );
        return [];
      case 'advance':
        harness.advance(Number(bare[0]));
        return [];
      case 'hold':
        harness.isHeld = true;
        return [];
      case 'release':
        harness.isHeld = false;
        harness.commitAll();
        return [];
      case 'commit-next':
        harness.commitNext();
        return [];
      case 'fail':
        harness.failLast(codeOf(bare[0] ?? ''));
        return [];
      case 'overdue':
        harness.overdueNext(codeOf(bare[0] ?? ''));
        return [];
      case 'hold-markers':
        harness.areMarkersHeld = true;
        return [];
      case 'markers':
        harness.reportMarkers((topic, partition) => codeOf(options.get(`${topic}-${partition}`) ?? 'NONE'));
        return [];
      case 'release-markers':
        harness.areMarkersHeld = false;
        while (harness.sends.length > 0) harness.reportMarkers(() => ErrorCode.NONE);
        return [];
      case 'next-producer-id':
        harness.nextProducerId = Number(bare[0]);
        return [];
      case 'epoch':
        harness.log.push(...harness.log.slice(-1).map((record) => withEpoch(record, Number(bare[0]))));
        harness.failover();
        return this.#ids();
      case 'failover':
        harness.failover(bare[0] === 'lost');
        return this.#ids();
      case 'ids':
        return this.#ids();
      case 'raw-record': {
        const [key = '', value = ''] = bare;
        const record = {
          key: Buffer.from(key, 'hex'),
          value: value === 'null' ? null : Buffer.from(value, 'hex'),
        };
        harness.log.push(record);
        return [];
      }
      default:
        return null;
    }
  }

  #request(verb: string, bare: readonly string[], options: Options): string[] {
    const [id = '', producer = ''] = bare;
    const transactionalId = id === "''" ? '' : id;
    const harness = this.#harness;
    switch (verb) {
      case 'init': {
        const expected = options.get('expected');
        harness.init({
          transactionalId,
          timeoutMs: Number(options.get('timeout') ?? 60_000),
          expected: expected === undefined ? null : producerOf(expected),
        });
        return [];
      }
      case 'add':
        harness.submit({
          type: 'addPartitions',
          transactionalId,
          ...producerOf(producer),
          topics: topicsOf(bare.slice(2)),
        });
        return [];
      case 'end':
        harness.submit({
          type: 'endTransaction',
          transactionalId,
          ...producerOf(producer),
          isCommit: bare[2] === 'commit',
        });
        return [];
      case 'verify': {
        const [{ topic, partitions } = { topic: '', partitions: [] }] = topicsOf(bare.slice(2));
        const code = harness.machine.verifyPartition(
          transactionalId,
          producerOf(producer),
          topic,
          partitions[0] ?? -1,
        );
        return [errorName(code)];
      }
      case 'describe':
        harness.submit({ type: 'describeTransaction', transactionalId });
        return [];
      case 'list':
        harness.submit({
          type: 'listTransactions',
          producerIds: (options.get('producers')?.split(',') ?? []).map(Number),
          states: options.get('states')?.split(',') ?? [],
        });
        return [];
      default:
        throw new Error(`unknown verb ${verb}`);
    }
  }

  #ids(): string[] {
    const lines: string[] = [];
    for (const transaction of this.#harness.machine.transactions.values()) {
      const { transactionalId, producerId, producerEpoch, status, pending, partitions } = transaction;
      const to = pending === null ? '' : ` -> ${pending.status}`;
      const named = partitions.size === 0 ? '' : ` ${textOf(partitions.topics())}`;
      lines.push(`id ${transactionalId}: ${status}${to} ${producerId}:${producerEpoch}${named}`);
    }
    return lines;
  }
}

function withEpoch(record: { key: Buffer; value: Buffer | null }, epoch: number) {
  const value = Buffer.from(record.value ?? []);
  value.writeInt16BE(epoch, 10);
  return { key: record.key, value };
}

function producerOf(word: string): { producerId: number; producerEpoch: number } {
  const [producerId, producerEpoch] = word.split(':').map(Number);
  return { producerId: producerId ?? -1, producerEpoch: producerEpoch ?? -1 };
}

function topicsOf(words: readonly string[]): TopicPartitions[] {
  const topics = new Map<string, number[]>();
  for (const word of words) {
    const at = word.lastIndexOf('-');
    const topic = word.slice(0, at);
    topics.set(topic, [...(topics.get(topic) ?? []), Number(word.slice(at + 1))]);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

const textOf = (topics: readonly TopicPartitions[]): string =>
  topics.flatMap(({ topic, partitions }) => partitions.map((index) => `${topic}-${index}`)).join(' ');

function describe({ answers, writes, notes, sends }: Happening): string[] {
  return [
    ...notes.map(({ event, ...fields }) => `note ${event} ${JSON.stringify(fields)}`),
    ...writes.flatMap(describeWrite),
    ...sends.map(describeSend),
    ...answers.map(({ token, command, response }) => `#${token} ${describeAnswer(command, response)}`),
  ];
}

function describeWrite({ records }: Write): string[] {
  return records.map(({ key, value }) => {
    const transactionalId = decodeTransactionKey(key);
    if (value === null) return `write ${transactionalId} tombstone`;
    const state = decodeTransactionValue(value);
    const { producerId, producerEpoch, status, timeoutMs, startMs, lastUpdateMs, partitions } = state;
    const times = [
      ...(timeoutMs === 60_000 ? [] : [`timeout=${timeoutMs}`]),
      ...(startMs === -1 ? [] : [`start=+${startMs - EPOCH_MS}`]),
      `at=+${lastUpdateMs - EPOCH_MS}`,
    ];
    const named = partitions.size === 0 ? '' : ` ${textOf(partitions.topics())}`;
    return `write ${transactionalId} ${status} ${producerId}:${producerEpoch} ${times.join(' ')}${named}`;
  });
}

const describeSend = ({ transactionalId, producerId, producerEpoch, isCommit, topics }: MarkerSend): string =>
  `markers ${transactionalId} ${producerId}:${producerEpoch} ${isCommit ? 'commit' : 'abort'} ${textOf(topics)}`;

function describeAnswer(command: Command, response: Response): string {
  const error = errorName(response.errorCode);
  if ('needsProducerId' in response) {
    const ok = response.errorCode === ErrorCode.NONE;
    return `init: ${error}${ok ? ` ${response.producerId}:${response.producerEpoch}` : ''}`;
  }
  if ('transactionState' in response) {
    if (response.errorCode !== ErrorCode.NONE) return `describe: ${error}`;
    const { transactionState, producerId, producerEpoch, transactionStartTimeMs, topics } = response;
    const named = topics.map(({ topic, partitions }) => ({ topic, partitions }));
    const start = transactionStartTimeMs === -1 ? 'never' : `+${transactionStartTimeMs - EPOCH_MS}`;
    return `describe: ${transactionState} ${producerId}:${producerEpoch} start=${start} ${textOf(named)}`.trimEnd();
  }
  if ('transactions' in response) {
    const listed = response.transactions.map(
      ({ transactionalId, producerId, transactionState }) =>
        `${transactionalId}/${producerId}/${transactionState}`,
    );
    return `list: ${error} ${listed.join(' ')}`.trimEnd();
  }
  return `${command.type === 'addPartitions' ? 'add' : 'end'}: ${error}`;
}
