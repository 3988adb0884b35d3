import { describe, expect, test } from 'vitest';
import type { MetadataRecord } from '../../../../protocol/records/metadata.ts';
import { MetadataLoader } from '../../../../src/metadata/loader.ts';
import type { MetadataChange } from '../../../../src/metadata/publisher.ts';
import { MetadataPublisher } from '../../../../src/metadata/publisher.ts';
import type { CommittedBatch } from '../../../../src/metadata/replayer.ts';

const A = 'AAAAAAAAAAAAAAAAAAAAZA';
const B = 'AAAAAAAAAAAAAAAAAAAAZQ';

const topic = (name: string, topicId: string): MetadataRecord => ({ type: 'TopicRecord', name, topicId });

const partition = (topicId: string, partitionId: number): MetadataRecord => ({
  type: 'PartitionRecord',
  partitionId,
  topicId,
  replicas: [1],
  isr: [1],
  removingReplicas: [],
  addingReplicas: [],
  leader: 1,
  leaderRecoveryState: 0,
  leaderEpoch: 0,
  partitionEpoch: 0,
  directories: [],
  eligibleLeaderReplicas: null,
  lastKnownELR: null,
});

const config = (name: string, value: string | null): MetadataRecord => ({
  type: 'ConfigRecord',
  resourceType: 2,
  resourceName: 'a',
  name,
  value,
});

function setUp(subscribers: ((change: MetadataChange) => void)[] = []) {
  const changes: MetadataChange[] = [];
  const faults: unknown[] = [];
  const publisher = new MetadataPublisher(
    [
      { name: 'first', publish: (change) => void changes.push(change) },
      ...subscribers.map((publish, index) => ({ name: `other${index}`, publish })),
    ],
    (_name, error) => void faults.push(error),
  );
  const loader = new MetadataLoader(publisher, (error) => void faults.push(error));
  let nextOffset = 0;
  const batch = (...records: MetadataRecord[]): CommittedBatch => {
    const baseOffset = nextOffset;
    nextOffset += records.length;
    return {
      baseOffset,
      lastOffset: nextOffset - 1,
      epoch: 1,
      appendTimestampMs: 1000 + baseOffset,
      sizeInBytes: 100,
      records,
    };
  };
  return { changes, faults, loader, batch };
}

describe('the metadata loader', () => {
  test('publishes once for all batches of a call', () => {
    const { changes, loader, batch } = setUp();
    loader.load([batch(topic('a', A), partition(A, 0)), batch(topic('b', B), partition(B, 0))]);
    expect(changes).toHaveLength(1);
    expect(changes[0]?.createdTopics.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(loader.image.offset).toBe(3);
    expect(loader.image.timestampMs).toBe(1002);
  });

  test('publishes nothing of the past: first comes what was committed at the start, whole', () => {
    const { changes, loader, batch } = setUp();
    const records = [topic('a', A), partition(A, 0), topic('b', B), partition(B, 0)];
    const before = batch(...records);
    loader.loadSnapshot({
      lastContainedOffset: before.lastOffset,
      epoch: 1,
      lastContainedLogTimestampMs: 1000,
      records,
    });
    const again = 'AAAAAAAAAAAAAAAAAAAAZg';
    loader.load([batch({ type: 'RemoveTopicRecord', topicId: A })], 8);
    loader.load([batch(topic('a', again), partition(again, 0))], 8);
    expect([changes, loader.image.offset]).toEqual([[], -1]);
    loader.load([batch(config('k', 'v'))], 8);
    const [change] = changes;
    expect(change?.createdTopics.map(({ id }) => id).sort()).toEqual([B, again].sort());
    expect([change?.deletedTopics, change?.changedTopics]).toEqual([[], []]);
    // From then on each step is news.
    loader.load([batch(topic('c', A))], 100);
    expect(changes[1]?.createdTopics.map(({ name }) => name)).toEqual(['c']);
  });

  test('tells created, changed and deleted topics apart', () => {
    const { changes, loader, batch } = setUp();
    loader.load([batch(topic('a', A), partition(A, 0))]);
    loader.load([batch(partition(A, 1))]);
    loader.load([batch({ type: 'RemoveTopicRecord', topicId: A }, topic('a', B), partition(B, 0))]);
    expect(changes[1]?.changedTopics.map(({ current }) => current.partitions.length)).toEqual([2]);
    expect(changes[2]?.deletedTopics.map(({ id }) => id)).toEqual([A]);
    expect(changes[2]?.createdTopics.map(({ id }) => id)).toEqual([B]);
    expect(loader.image.topic('a')?.id).toBe(B);
  });

  test('leaves what did not change as the same objects', () => {
    const { changes, loader, batch } = setUp();
    loader.load([batch(topic('a', A), partition(A, 0), partition(A, 1), topic('b', B), partition(B, 0))]);
    const before = loader.image;
    loader.load([batch({ ...partition(A, 1), partitionEpoch: 1 } as MetadataRecord)]);
    const { current } = changes[1]?.changedTopics[0] ?? {};
    expect(current?.partitions[0]).toBe(before.topic('a')?.partitions[0]);
    expect(current?.partitions[1]).not.toBe(before.topic('a')?.partitions[1]);
    expect(loader.image.topic('b')).toBe(before.topic('b'));
  });

  test('publishes nothing of an open transaction, and all of it when it ends', () => {
    const { changes, loader, batch } = setUp();
    loader.load([batch(topic('a', A), { type: 'BeginTransactionRecord', name: 'x' }, partition(A, 0))]);
    expect(loader.image.topic('a')?.partitions).toHaveLength(0);
    expect(loader.inTransaction).toBe(true);
    loader.load([batch(partition(A, 1))]);
    expect(changes).toHaveLength(1);
    loader.load([batch({ type: 'EndTransactionRecord' }, topic('b', B))]);
    expect(changes).toHaveLength(2);
    expect(loader.image.topic('a')?.partitions).toHaveLength(2);
    expect(changes[1]?.createdTopics.map(({ name }) => name)).toEqual(['b']);
    expect(changes[1]?.changedTopics).toHaveLength(1);
    expect(loader.inTransaction).toBe(false);
  });

  test('forgets an aborted transaction', () => {
    const { loader, batch } = setUp();
    loader.load([batch({ type: 'BeginTransactionRecord', name: 'x' }, topic('a', A), config('k', 'v'))]);
    loader.load([batch({ type: 'AbortTransactionRecord', reason: 'y' }, topic('b', B))]);
    expect([...loader.image.topicsByName.keys()]).toEqual(['b']);
    expect(loader.image.configs.size).toBe(0);
    expect(loader.image.offset).toBe(4);
  });

  test('counts control batches, which have no records', () => {
    const { loader } = setUp();
    const control = {
      baseOffset: 0,
      lastOffset: 0,
      epoch: 7,
      appendTimestampMs: 5,
      sizeInBytes: 9,
      records: [],
    };
    loader.load([control]);
    expect([loader.image.offset, loader.image.epoch, loader.lastOffset]).toEqual([0, 7, 0]);
  });

  test('replaces everything by a snapshot and tells what went', () => {
    const { changes, loader, batch } = setUp();
    loader.load([batch(topic('a', A), partition(A, 0), config('k', 'v'))]);
    loader.loadSnapshot({
      lastContainedOffset: 50,
      epoch: 3,
      lastContainedLogTimestampMs: 77,
      records: [topic('b', B), partition(B, 0)],
    });
    expect(changes[1]?.deletedTopics.map(({ name }) => name)).toEqual(['a']);
    expect(changes[1]?.createdTopics.map(({ name }) => name)).toEqual(['b']);
    expect([...(changes[1]?.touched.configs ?? [])]).toEqual(['2:a']);
    expect([loader.image.offset, loader.image.epoch, loader.image.timestampMs]).toEqual([50, 3, 77]);
  });

  test('stops at a record that cannot apply, and keeps the last good image published', () => {
    const { changes, faults, loader, batch } = setUp();
    loader.load([batch(topic('a', A))]);
    loader.load([batch(topic('b', B)), batch(partition('AAAAAAAAAAAAAAAAAAAAZg', 0))]);
    expect(faults).toHaveLength(1);
    expect(loader.faulty).toBe(true);
    expect([...loader.image.topicsByName.keys()]).toEqual(['a']);
    loader.load([batch(topic('c', 'AAAAAAAAAAAAAAAAAAAAZw'))]);
    expect(changes).toHaveLength(1);
  });

  test('tells the others when one subscriber fails', () => {
    const heard: string[] = [];
    const { faults, loader, batch } = setUp([
      () => {
        throw new Error('broken');
      },
      () => void heard.push('last'),
    ]);
    loader.load([batch(topic('a', A))]);
    expect(heard).toEqual(['last']);
    expect(faults).toHaveLength(1);
  });

  test('deletes the configuration of a topic with it', () => {
    const { loader, batch } = setUp();
    loader.load([batch(topic('a', A), config('k', 'v'))]);
    expect(loader.image.topicConfigs('a').get('k')).toBe('v');
    loader.load([batch({ type: 'RemoveTopicRecord', topicId: A })]);
    expect(loader.image.configs.size).toBe(0);
  });
});
