/**
 * Names and ids are free for the asking: a hundred thousand of each kind, and what they leave in the memory.
 *
 * The bounds: groups take a quarter of the heap, transactional ids an eighth (src/assembly/coordinator-memory.ts);
 * a partition remembers 100,000 idempotent producers (storage/producer-state.ts). The heap of these brokers is so
 * small that a hundred thousand names reach the bounds; without them the process would end.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildBatch } from '../../protocol/batch.ts';
import { decodeResponse } from '../../protocol/codec.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { decodeResponseHeader } from '../../protocol/frame.ts';
import { CreateTopics } from '../../protocol/messages/create-topics.ts';
import { DescribeProducers } from '../../protocol/messages/describe-producers.ts';
import { FindCoordinator } from '../../protocol/messages/find-coordinator.ts';
import { Heartbeat } from '../../protocol/messages/heartbeat.ts';
import { InitProducerId } from '../../protocol/messages/init-producer-id.ts';
import { JoinGroup } from '../../protocol/messages/join-group.ts';
import { LeaveGroup } from '../../protocol/messages/leave-group.ts';
import { OffsetCommit } from '../../protocol/messages/offset-commit.ts';
import { OffsetFetch } from '../../protocol/messages/offset-fetch.ts';
import { Produce } from '../../protocol/messages/produce.ts';
import { SyncGroup } from '../../protocol/messages/sync-group.ts';
import { TxnOffsetCommit } from '../../protocol/messages/txn-offset-commit.ts';
import type { Api, RequestInput, ResponseOf } from '../../protocol/schema.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';
import { HeapProbe } from '../helpers/heap-probe.ts';
import { MIB } from '../helpers/process-memory.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

const COUNT = 100_000;
const IN_FLIGHT = 500;
const HEAP_MIB = 192;
/** A smaller room for young objects than V8 takes by itself: with 192 MiB of it the collector would hardly rest. */
const NODE_OPTIONS = `--max-old-space-size=${HEAP_MIB} --max-semi-space-size=16`;
const GROUPS_BYTES = (HEAP_MIB * MIB) / 4;
const TRANSACTIONAL_IDS_BYTES = (HEAP_MIB * MIB) / 8;
/** Compiled code, buffers in use: what comes and goes beside names. A remembered name takes more than 100 bytes. */
const NOISE_BYTES = 10 * MIB;
const MIN_SESSION_MS = 6_000;
/** Groups that have nothing are forgotten by then. */
const RETENTION_CHECK_MS = 10_000;
const TOPIC = 'bounds';
const { NONE, COORDINATOR_NOT_AVAILABLE, MEMBER_ID_REQUIRED, UNKNOWN_MEMBER_ID } = ErrorCode;
const { INCONSISTENT_GROUP_PROTOCOL } = ErrorCode;

describe('a broker with a small heap', () => {
  let broker: BrokerProcess;
  let client: WireClient;
  const probe = new HeapProbe();
  const keptBytes = () => probe.bytesOf(broker.pid);
  /** What the broker keeps when nobody has named anything yet. */
  let idleBytes = 0;

  beforeAll(async () => {
    broker = await startBroker({
      overrides: {
        'sordini.durability': 'kafka',
        'group.initial.rebalance.delay.ms': '0',
        'group.min.session.timeout.ms': String(MIN_SESSION_MS),
        'offsets.retention.check.interval.ms': String(RETENTION_CHECK_MS),
      },
      env: probe.env(NODE_OPTIONS),
    });
    client = await WireClient.connect(broker.port);
    const topic = { name: TOPIC, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
    await client.send(CreateTopics, 7, { topics: [topic], timeoutMs: 10_000 });
    idleBytes = await keptBytes();
  });

  afterAll(async () => {
    client?.close();
    await broker?.stop();
    broker?.clean();
    probe.close();
  });

  /** Sends `count` requests, many in flight, and counts what `codeOf` says of the answers. */
  async function codesOfMany<A extends Api>(
    api: A,
    version: number,
    request: (i: number) => RequestInput<A>,
    codeOf: (response: ResponseOf<A>) => number | undefined,
    count = COUNT,
  ): Promise<Map<number, number>> {
    const codes = new Map<number, number>();
    for (let from = 0; from < count; from += IN_FLIGHT) {
      for (let i = from; i < from + IN_FLIGHT; i++) client.post(api, version, request(i));
      for (let i = from; i < from + IN_FLIGHT; i++) {
        const frame = await client.nextFrame();
        const { bodyOffset } = decodeResponseHeader(api, version, frame);
        const code = codeOf(decodeResponse(api, version, frame, bodyOffset).value) ?? Number.NaN;
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    }
    return codes;
  }

  const join = (groupId: string, memberId = ''): RequestInput<typeof JoinGroup> => ({
    groupId,
    sessionTimeoutMs: MIN_SESSION_MS,
    rebalanceTimeoutMs: MIN_SESSION_MS,
    memberId,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(30) }],
  });

  const offsets = [
    {
      name: TOPIC,
      partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: '' }],
    },
  ];

  test('takes groups that nobody comes back to up to its bound, and others again when they have expired', async () => {
    const first = await client.send(JoinGroup, 5, join('first'));
    const { generationId, memberId } = await client.send(JoinGroup, 5, join('first', first.memberId));
    await client.send(SyncGroup, 3, {
      groupId: 'first',
      generationId,
      memberId,
      assignments: [{ memberId, assignment: Buffer.alloc(1) }],
    });
    const beat = () => client.send(Heartbeat, 3, { groupId: 'first', generationId, memberId });

    const codes = await codesOfMany(
      JoinGroup,
      5,
      (i) => join(`joining-${i}`),
      ({ errorCode }) => errorCode,
    );
    expect([...codes.keys()].sort()).toEqual([COORDINATOR_NOT_AVAILABLE, MEMBER_ID_REQUIRED].sort());
    expect(codes.get(MEMBER_ID_REQUIRED)).toBeGreaterThan(5_000);
    expect((await keptBytes()) - idleBytes).toBeLessThan(GROUPS_BYTES);

    await until(async () => {
      expect((await beat()).errorCode).toBe(NONE);
      return (await client.send(JoinGroup, 5, join(`joining-${COUNT - 1}`))).errorCode === MEMBER_ID_REQUIRED;
    });
    await until(async () => {
      expect((await beat()).errorCode).toBe(NONE);
      return (await keptBytes()) - idleBytes < NOISE_BYTES;
    });
  });

  test('takes refused groups, all of them: each gives way to the next', async () => {
    const codes = await codesOfMany(
      JoinGroup,
      3,
      (i) => ({ ...join(`refused-${i}`), protocolType: '' }),
      ({ errorCode }) => errorCode,
    );
    expect(codes).toEqual(new Map([[INCONSISTENT_GROUP_PROTOCOL, COUNT]]));
    expect((await keptBytes()) - idleBytes).toBeLessThan(GROUPS_BYTES);
    await until(async () => (await keptBytes()) - idleBytes < NOISE_BYTES);
  });

  test('remembers nothing of groups that were only asked about', async () => {
    const before = await keptBytes();
    const count = COUNT / 5;
    const partitions = [{ name: TOPIC, partitionIndexes: [0] }];
    const by = (i: number) => ({ groupId: `asked-${i}`, generationId: 1, memberId: 'nobody' });
    const answers = [
      await codesOfMany(
        FindCoordinator,
        3,
        (i) => ({ key: `asked-${i}`, keyType: 0, coordinatorKeys: [] }),
        ({ errorCode }) => errorCode,
        count,
      ),
      await codesOfMany(
        OffsetFetch,
        7,
        (i) => ({ groupId: `asked-${i}`, topics: partitions, groups: [] }),
        ({ errorCode }) => errorCode,
        count,
      ),
      await codesOfMany(Heartbeat, 3, by, ({ errorCode }) => errorCode, count),
      await codesOfMany(
        JoinGroup,
        5,
        (i) => join(`asked-${i}`, 'nobody'),
        ({ errorCode }) => errorCode,
        count,
      ),
      await codesOfMany(
        LeaveGroup,
        2,
        (i) => ({ ...by(i), members: [] }),
        ({ errorCode }) => errorCode,
        count,
      ),
      await codesOfMany(
        TxnOffsetCommit,
        3,
        (i) => ({ ...by(i), transactionalId: 't', producerId: 1, producerEpoch: 0, topics: offsets }),
        ({ topics }) => Math.min(topics[0]?.partitions[0]?.errorCode ?? 0, 1),
        count,
      ),
    ];
    const all = (code: number) => new Map([[code, count]]);
    const unknown = all(UNKNOWN_MEMBER_ID);
    expect(answers).toEqual([all(NONE), all(NONE), unknown, unknown, unknown, all(1)]);
    expect((await keptBytes()) - before).toBeLessThan(NOISE_BYTES);
  });

  test('takes offsets of as many groups as fit', async () => {
    const codes = await codesOfMany(
      OffsetCommit,
      7,
      (i) => ({ groupId: `committing-${i}`, generationIdOrMemberEpoch: -1, memberId: '', topics: offsets }),
      ({ topics }) => topics[0]?.partitions[0]?.errorCode,
    );
    expect([...codes.keys()].sort()).toEqual([NONE, COORDINATOR_NOT_AVAILABLE]);
    expect(codes.get(NONE)).toBeGreaterThan(5_000);
    expect((await keptBytes()) - idleBytes).toBeLessThan(GROUPS_BYTES);
    // Those that are there go on.
    const again = await client.send(OffsetCommit, 7, {
      groupId: 'committing-0',
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: offsets,
    });
    expect(again.topics[0]?.partitions[0]?.errorCode).toBe(NONE);
  });

  test('takes as many transactional ids as fit, and long ones as what they are', async () => {
    const before = await keptBytes();
    const long = 'x'.repeat(30_000);
    const codes = await codesOfMany(
      InitProducerId,
      4,
      (i) => ({ transactionalId: i % 10 === 0 ? `${i}-${long}` : `id-${i}`, transactionTimeoutMs: 1_000 }),
      ({ errorCode }) => errorCode,
      COUNT / 4,
    );
    expect([...codes.keys()].sort()).toEqual([NONE, COORDINATOR_NOT_AVAILABLE]);
    expect(codes.get(NONE)).toBeGreaterThan(1_000);
    expect((await keptBytes()) - before).toBeLessThan(TRANSACTIONAL_IDS_BYTES);
  });

  test('gives out producer ids and remembers none of them', async () => {
    const before = await keptBytes();
    const request = { transactionalId: null, transactionTimeoutMs: 1_000 };
    const codes = await codesOfMany(
      InitProducerId,
      4,
      () => request,
      ({ errorCode }) => errorCode,
    );
    expect(codes).toEqual(new Map([[NONE, COUNT]]));
    expect((await keptBytes()) - before).toBeLessThan(NOISE_BYTES);
  });

  test('remembers the last hundred thousand producers of a partition', async () => {
    const produce = (producerId: number): RequestInput<typeof Produce> => ({
      transactionalId: null,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [
        {
          name: TOPIC,
          partitionData: [
            {
              index: 0,
              records: buildBatch({
                records: [{ value: Buffer.from('x') }],
                // The newest by its timestamp is not the newest.
                timestampMs: 2_000_000_000_000 - producerId,
                producerId,
                producerEpoch: 0,
                baseSequence: 0,
              }),
            },
          ],
        },
      ],
    });
    const before = await keptBytes();
    const count = 1.5 * COUNT;
    const codes = await codesOfMany(
      Produce,
      9,
      (i) => produce(1_000_000 + i),
      ({ responses }) => responses[0]?.partitionResponses[0]?.errorCode,
      count,
    );
    expect(codes).toEqual(new Map([[NONE, count]]));
    const topics = [{ name: TOPIC, partitionIndexes: [0] }];
    const described = await client.send(DescribeProducers, 0, { topics });
    const known = described.topics[0]?.partitions[0]?.activeProducers ?? [];
    expect(known.length).toBeGreaterThan(COUNT / 2);
    expect(known.length).toBeLessThanOrEqual(COUNT);
    // Less than a kilobyte each, by far.
    expect((await keptBytes()) - before).toBeLessThan(COUNT * 700);

    // A retry of the last is known for what it is, and is not appended a second time.
    const last = await client.send(Produce, 9, produce(1_000_000 + count - 1));
    expect(last.responses[0]?.partitionResponses[0]).toMatchObject({
      errorCode: NONE,
      baseOffset: count - 1,
    });
  });
});
