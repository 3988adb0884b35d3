import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../../protocol/errors.ts';
import { GROUP_METADATA_TOPIC } from '../../../src/metadata/names.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import { readCommitted } from './data-partition.ts';
import { DATA_TOPIC, TransactionalNode } from './node.ts';

const TRANSACTIONS = 4;
const PARTITIONS = 2;
const GROUP = 'g';
const TRANSACTIONAL_ID = 't';

function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** What the client of the workload knows: how each transaction was answered, if it was. */
type Answers = Map<number, 'committed' | 'aborted'>;

async function initialize(node: TransactionalNode) {
  for (;;) {
    const { coordinator } = node.transactions;
    const answer = await coordinator.initProducerId(TRANSACTIONAL_ID, 60_000, null);
    if (answer.errorCode === ErrorCode.NONE) return { transactionalId: TRANSACTIONAL_ID, ...answer };
    expect(answer.errorCode).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Transactions over two partitions and the offsets of a group: every third is aborted. */
async function workload(node: TransactionalNode, answers: Answers): Promise<void> {
  const { coordinator } = node.transactions;
  const producer = await initialize(node);
  for (let i = 0; i < TRANSACTIONS; i++) {
    const isCommit = i % 3 !== 2;
    const topics = [
      { topic: DATA_TOPIC, partitions: [0, 1] },
      { topic: GROUP_METADATA_TOPIC, partitions: [0] },
    ];
    expect(await coordinator.addPartitions(producer, topics)).toBe(ErrorCode.NONE);
    for (let partition = 0; partition < PARTITIONS; partition++) {
      expect(await node.produce(producer, partition, i, `${i}`)).toBe(ErrorCode.NONE);
    }
    const partitions = [
      {
        partitionIndex: 0,
        committedOffset: BigInt(i + 1),
        committedLeaderEpoch: -1,
        committedMetadata: null,
      },
    ];
    const { topics: committed } = await node.groups.commitTransactionalOffsets(
      {
        ...producer,
        groupId: GROUP,
        generationId: -1,
        memberId: '',
        groupInstanceId: null,
        topics: [{ name: 'in', partitions }],
      },
      3,
    );
    expect(committed[0]?.partitions[0]?.errorCode).toBe(ErrorCode.NONE);
    expect(await coordinator.endTransaction(producer, isCommit)).toBe(ErrorCode.NONE);
    answers.set(i, isCommit ? 'committed' : 'aborted');
  }
}

/** What is there after the restart, once the producer has come back under its name. */
async function recovered(disk: MemoryDisk) {
  const node = new TransactionalNode(disk, PARTITIONS, 2_000);
  await node.start();
  await initialize(node);
  const logs = Array.from({ length: PARTITIONS }, (_, index) => node.partition(DATA_TOPIC, index).log);
  const wanted = [{ name: 'in', partitionIndexes: [0] }];
  const fetched = await node.groups.fetchOffsets(GROUP, wanted, true);
  const offset = fetched.topics[0]?.partitions[0];
  const result = {
    visible: logs.map((log) => readCommitted(log)),
    isHanging: logs.some((log) => log.lastStableOffset < log.highWatermark),
    offsetError: offset?.errorCode,
    offset: Number(offset?.committedOffset),
  };
  node.stop();
  return result;
}

describe('a transaction', () => {
  test('is whole after a power cut at any operation of the disk', async () => {
    const disk = new MemoryDisk({ trackSync: true });
    disk.makeDirectory('/data');
    disk.syncDirectoryNow('/');
    const answers: Answers = new Map();
    const cuts: { disk: MemoryDisk; answers: Answers; at: string }[] = [];
    let seed = 1;
    const node = new TransactionalNode(disk, PARTITIONS, 1_000);
    disk.onOperation = (operation, path) => {
      if (operation === 'read') return undefined;
      cuts.push({
        disk: disk.powerCut(seeded(seed++)),
        answers: new Map(answers),
        at: `${operation} ${path}`,
      });
      return undefined;
    };
    await node.start();
    await workload(node, answers);
    disk.onOperation = undefined;
    cuts.push({ disk: disk.powerCut(seeded(seed)), answers, at: 'the end' });
    node.stop();
    // At least the records of a transaction and its markers, each written and synced.
    expect(cuts.length).toBeGreaterThan(TRANSACTIONS * 10);

    for (const [index, cut] of cuts.entries()) {
      const where = `cut ${index}, before ${cut.at}`;
      const { visible, isHanging, offsetError, offset } = await recovered(cut.disk);
      expect(visible[1], where).toEqual(visible[0]);
      expect(isHanging, where).toBe(false);
      expect(offsetError, where).toBe(ErrorCode.NONE);
      const committed = (visible[0] ?? []).map(Number);
      expect(offset, where).toBe(committed.length === 0 ? -1 : Math.max(...committed) + 1);
      for (const [transaction, answer] of cut.answers) {
        expect(committed.includes(transaction), `${where}: transaction ${transaction}`).toBe(
          answer === 'committed',
        );
      }
    }
  });
});
