import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ErrorCode, KafkaError } from '../../../protocol/errors.ts';
import { AlterPartition } from '../../../protocol/messages/alter-partition.ts';
import { AlterPartitionReassignments } from '../../../protocol/messages/alter-partition-reassignments.ts';
import { BrokerHeartbeat } from '../../../protocol/messages/broker-heartbeat.ts';
import { BrokerRegistration } from '../../../protocol/messages/broker-registration.ts';
import { CreatePartitions } from '../../../protocol/messages/create-partitions.ts';
import { CreateTopics } from '../../../protocol/messages/create-topics.ts';
import { DeleteTopics } from '../../../protocol/messages/delete-topics.ts';
import { IncrementalAlterConfigs } from '../../../protocol/messages/incremental-alter-configs.ts';
import { UnregisterBroker } from '../../../protocol/messages/unregister-broker.ts';
import type { MetadataImage } from '../../../src/metadata/image.ts';
import { MetadataReplayer } from '../../../src/metadata/replayer.ts';
import { CLUSTER_ID, ControllerHarness, idOf } from './harness.ts';

const topic = (name: string, numPartitions = 1, replicationFactor = 1) => ({
  name,
  numPartitions,
  replicationFactor,
  assignments: [],
  configs: [],
});

async function register(harness: ControllerHarness, brokerId: number, incarnation = 'one'): Promise<void> {
  await harness.ask(BrokerRegistration, {
    brokerId,
    clusterId: CLUSTER_ID,
    incarnationId: idOf(`${incarnation}${brokerId}`),
    listeners: [{ name: 'PLAINTEXT', host: 'h', port: 9092, securityProtocol: 0 }],
    features: [{ name: 'metadata.version', minSupportedVersion: 1, maxSupportedVersion: 19 }],
    rack: null,
    logDirs: [idOf(`dir${brokerId}`)],
  });
}

async function beat(harness: ControllerHarness, brokerId: number, wantFence = false): Promise<void> {
  await harness.ask(BrokerHeartbeat, {
    brokerId,
    brokerEpoch: harness.driver.workingImage.broker(brokerId)?.epoch ?? -1,
    currentMetadataOffset: harness.log.endOffset,
    wantFence,
    wantShutDown: false,
    offlineLogDirs: [],
  });
}

async function started(brokerCount = 1): Promise<ControllerHarness> {
  const harness = new ControllerHarness();
  harness.lead();
  for (let id = 1; id <= brokerCount; id += 1) {
    await register(harness, id);
    await beat(harness, id);
  }
  return harness;
}

/** The image as plain data, for comparison by value. */
function contentOf(image: MetadataImage): unknown {
  return [...image.records()].map((record) => JSON.stringify(record)).sort();
}

describe('the controller driver', () => {
  test('answers when the records are committed, in the order of the requests', async () => {
    const harness = await started();
    harness.autoCommit = false;
    const answered: string[] = [];
    const asked = ['a', 'b'].map((name) =>
      harness.ask(CreateTopics, { topics: [topic(name)] }).then(() => void answered.push(name)),
    );
    await Promise.resolve();
    expect(answered).toEqual([]);
    expect(harness.loader.image.topic('a')).toBeUndefined();
    expect(harness.driver.workingImage.topic('a')).toBeDefined();
    harness.commit();
    await Promise.all(asked);
    expect(answered).toEqual(['a', 'b']);
    expect(harness.loader.image.topic('a')).toBeDefined();
  });

  test('withholds an answer without records while it rests on what is not committed', async () => {
    const harness = await started();
    harness.autoCommit = false;
    const first = harness.ask(CreateTopics, { topics: [topic('a')] });
    let told = false;
    const second = harness.ask(CreateTopics, { topics: [topic('a')] }).then((response) => {
      told = true;
      return response;
    });
    await Promise.resolve();
    expect(told).toBe(false);
    harness.commit();
    await first;
    expect((await second).topics[0]?.errorCode).toBe(ErrorCode.TOPIC_ALREADY_EXISTS);
  });

  test('goes back to what is committed when it loses the leadership', async () => {
    const harness = await started();
    const before = harness.loader.image;
    harness.autoCommit = false;
    const lost = harness.ask(CreateTopics, { topics: [topic('lost')] });
    harness.resign();
    await expect(lost).rejects.toMatchObject({ code: ErrorCode.NOT_CONTROLLER });
    expect(harness.driver.workingImage).toBe(before);
    await expect(harness.ask(CreateTopics, { topics: [topic('x')] })).rejects.toMatchObject({
      code: ErrorCode.NOT_CONTROLLER,
    });
    harness.autoCommit = true;
    harness.lead();
    const again = await harness.ask(CreateTopics, { topics: [topic('lost')] });
    expect(again.topics[0]?.errorCode).toBe(ErrorCode.NONE);
    expect(harness.faults).toEqual([]);
  });

  test('keeps nothing of a command whose append was refused', async () => {
    const harness = await started();
    harness.log.leaderEpoch += 1;
    await expect(harness.ask(CreateTopics, { topics: [topic('a')] })).rejects.toMatchObject({
      code: ErrorCode.NOT_CONTROLLER,
    });
    expect(harness.driver.activeEpoch).toBeNull();
    expect(harness.driver.workingImage.topic('a')).toBeUndefined();
  });

  test('goes on after a batch that the log finds too large', async () => {
    const harness = await started();
    const { propose } = harness.log;
    harness.log.propose = () => {
      throw new KafkaError(ErrorCode.RECORD_LIST_TOO_LARGE);
    };
    await expect(harness.ask(CreateTopics, { topics: [topic('a')] })).rejects.toMatchObject({
      code: ErrorCode.RECORD_LIST_TOO_LARGE,
    });
    harness.log.propose = propose;
    const made = await harness.ask(CreateTopics, { topics: [topic('a')] });
    expect(made.topics[0]?.errorCode).toBe(ErrorCode.NONE);
  });

  test('writes a record into an idle log, and none into a busy one', async () => {
    const harness = new ControllerHarness({}, {}, 500);
    harness.lead();
    await register(harness, 1);
    const from = harness.log.batches.length;
    harness.advance(499);
    expect(harness.appendedSince(from)).toEqual([]);
    await harness.ask(CreateTopics, { topics: [topic('refused')] });
    harness.advance(1);
    expect(harness.appendedSince(from).map(({ record }) => record.type)).toEqual(['NoOpRecord']);
    harness.advance(300);
    await register(harness, 2);
    harness.advance(300);
    expect(harness.appendedSince(from)).toHaveLength(2);
    harness.advance(200);
    expect(harness.appendedSince(from)).toHaveLength(3);
  });

  test('cuts what need not be one batch when it is long', async () => {
    const harness = await started(2);
    const manual = (name: string) => ({
      name,
      numPartitions: -1,
      replicationFactor: -1,
      assignments: Array.from({ length: 6_000 }, (_, partitionIndex) => ({
        partitionIndex,
        brokerIds: [1, 2],
      })),
      configs: [],
    });
    await harness.ask(CreateTopics, { topics: [manual('a')] });
    await harness.ask(CreateTopics, { topics: [manual('b')] });
    const from = harness.log.batches.length;
    await beat(harness, 1, true);
    const sizes = harness.log.batches.slice(from).map(({ records }) => records.length);
    expect(sizes).toEqual([10_000, 2_001]);
    expect(harness.loader.image.topic('b')?.partitions[5_999]?.leader).toBe(2);
  });

  test('aborts a transaction that an earlier controller left open, and bootstraps anew', async () => {
    const harness = new ControllerHarness();
    harness.log.beginEpoch(1);
    harness.log.propose(1, [{ type: 'BeginTransactionRecord', name: 'Bootstrap records' }], 1);
    harness.log.propose(1, [{ type: 'FeatureLevelRecord', name: 'metadata.version', featureLevel: 19 }], 1);
    harness.lead();
    const types = harness.appendedSince(4).map(({ record }) => record.type);
    expect(types).toEqual([
      'AbortTransactionRecord',
      'BeginTransactionRecord',
      'FeatureLevelRecord',
      'ZkMigrationStateRecord',
      'EndTransactionRecord',
    ]);
    expect(harness.loader.image.metadataVersion).toBe(19);
    expect(harness.loader.inTransaction).toBe(false);
  });

  test('begins all sessions anew after the process stood still', async () => {
    const harness = await started();
    // Nothing ran for a minute: the timer fires late and its heartbeats were not read.
    const { time } = harness;
    const stuck = time.monotonicMs.bind(time);
    time.monotonicMs = () => stuck() + 60_000;
    harness.advance(9_500);
    expect(harness.loader.image.isActive(1)).toBe(true);
    harness.advance(9_500);
    expect(harness.loader.image.isActive(1)).toBe(false);
  });

  test('stops for good on a bug of its own', async () => {
    const harness = await started();
    const broken = new Error('bug');
    harness.log.propose = () => {
      throw broken;
    };
    await expect(harness.ask(CreateTopics, { topics: [topic('a')] })).rejects.toMatchObject({
      code: ErrorCode.UNKNOWN_SERVER_ERROR,
    });
    expect(harness.faults).toEqual([broken]);
    expect(harness.driver.activeEpoch).toBeNull();
    harness.driver.becomeActive(9);
    expect(harness.driver.activeEpoch).toBeNull();
  });
});

type Step = (harness: ControllerHarness) => Promise<unknown>;

const brokerId = fc.integer({ min: 1, max: 4 });
const topicName = fc.constantFrom('a', 'b', 'c.d', 'c_d', 'e');

const alterIsr =
  (name: string, leaveOut: number): Step =>
  async (harness) => {
    const image = harness.driver.workingImage;
    const found = image.topic(name);
    const partition = found?.partitions[0];
    if (found === undefined || partition === undefined || partition.leader < 0) return;
    const isr = partition.replicas.filter((id) => id === partition.leader || id !== leaveOut);
    await harness.ask(AlterPartition, {
      brokerId: partition.leader,
      brokerEpoch: image.broker(partition.leader)?.epoch ?? -1,
      topics: [
        {
          topicId: found.id,
          partitions: [
            {
              partitionIndex: 0,
              leaderEpoch: partition.leaderEpoch,
              partitionEpoch: partition.partitionEpoch,
              newIsrWithEpochs: isr.map((id) => ({ brokerId: id })),
            },
          ],
        },
      ],
    });
  };

const setConfig =
  (name: string, value: string | null): Step =>
  (harness) =>
    harness.ask(IncrementalAlterConfigs, {
      validateOnly: false,
      resources: [
        {
          resourceType: 2,
          resourceName: name,
          configs: [{ name: 'retention.ms', configOperation: value === null ? 1 : 0, value }],
        },
      ],
    });

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(brokerId, fc.constantFrom('one', 'two')).map(
    ([id, life]): Step =>
      (harness) =>
        register(harness, id, life),
  ),
  brokerId.map(
    (id): Step =>
      (harness) =>
        beat(harness, id),
  ),
  brokerId.map(
    (id): Step =>
      (harness) =>
        beat(harness, id, true),
  ),
  brokerId.map(
    (id): Step =>
      (harness) =>
        harness.ask(UnregisterBroker, { brokerId: id }),
  ),
  fc.tuple(topicName, fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })).map(
    ([name, partitions, replicas]): Step =>
      (harness) =>
        harness.ask(CreateTopics, { topics: [topic(name, partitions, replicas)] }),
  ),
  topicName.map(
    (name): Step =>
      (harness) =>
        harness.ask(DeleteTopics, { topics: [], topicNames: [name], timeoutMs: 1 }, 5),
  ),
  fc.tuple(topicName, fc.integer({ min: 1, max: 5 })).map(
    ([name, count]): Step =>
      (harness) =>
        harness.ask(CreatePartitions, {
          topics: [{ name, count, assignments: null }],
          timeoutMs: 1,
          validateOnly: false,
        }),
  ),
  fc.tuple(topicName, fc.option(fc.constantFrom('1', '2'))).map(([name, value]) => setConfig(name, value)),
  fc.tuple(topicName, fc.option(fc.uniqueArray(brokerId, { minLength: 1, maxLength: 3 }))).map(
    ([name, replicas]): Step =>
      (harness) =>
        harness.ask(AlterPartitionReassignments, {
          topics: [{ name, partitions: [{ partitionIndex: 0, replicas }] }],
        }),
  ),
  fc.tuple(topicName, brokerId).map(([name, id]) => alterIsr(name, id)),
  fc.constantFrom(500, 5_000, 10_000).map(
    (byMs): Step =>
      async (harness) =>
        harness.advance(byMs),
  ),
  fc.constant(async (harness: ControllerHarness) => {
    harness.resign();
    harness.lead();
  }),
);

/** What holds of every partition after every step. */
function checkPartitions(image: MetadataImage): void {
  for (const { partitions } of image.topicsById.values()) {
    for (const partition of partitions) {
      const { replicas, isr, leader, directories } = partition;
      expect(new Set(replicas).size).toBe(replicas.length);
      expect(directories).toHaveLength(replicas.length);
      expect(isr.length).toBeGreaterThan(0);
      expect(isr.every((id) => replicas.includes(id))).toBe(true);
      if (leader < 0) continue;
      expect(isr).toContain(leader);
      expect(image.isActive(leader)).toBe(true);
    }
  }
}

describe('metadata made by any commands', () => {
  test('keeps its invariants, equals its log and equals its own snapshot', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        const harness = await started(3);
        for (const run of steps) {
          try {
            await run(harness);
          } catch (error) {
            expect(error).toHaveProperty('code');
          }
          expect(harness.faults).toEqual([]);
          checkPartitions(harness.driver.workingImage);
        }
        harness.commit();
        const { image } = harness.loader;
        // The working image, the image of the log and the image of the snapshot are one.
        expect(contentOf(harness.driver.workingImage)).toEqual(contentOf(image));
        const copy = new MetadataReplayer();
        copy.reset({
          lastContainedOffset: image.offset,
          epoch: image.epoch,
          lastContainedLogTimestampMs: image.timestampMs,
          records: image.records(),
        });
        const copied = copy.settle();
        expect(contentOf(copied)).toEqual(contentOf(image));
        expect([...copied.collidingNames.entries()].sort()).toEqual(
          [...image.collidingNames.entries()].sort(),
        );
        for (const found of image.topicsByName.values()) {
          expect(copied.topicById(found.id)).toEqual(found);
          expect(copied.topic(found.name)).toBe(copied.topicById(found.id));
        }
      }),
      { numRuns: 150 },
    );
  });
});
