import { afterEach, describe, expect, test } from 'vitest';
import { decodeResponse } from '../../protocol/codec.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { ApiVersions } from '../../protocol/messages/api-versions.ts';
import { ConsumerGroupDescribe } from '../../protocol/messages/consumer-group-describe.ts';
import { ConsumerGroupHeartbeat } from '../../protocol/messages/consumer-group-heartbeat.ts';
import { CreatePartitions } from '../../protocol/messages/create-partitions.ts';
import { CreateTopics } from '../../protocol/messages/create-topics.ts';
import { DeleteGroups } from '../../protocol/messages/delete-groups.ts';
import { ListGroups } from '../../protocol/messages/list-groups.ts';
import { OffsetCommit } from '../../protocol/messages/offset-commit.ts';
import { OffsetFetch } from '../../protocol/messages/offset-fetch.ts';
import type { RequestInput, ResponseOf } from '../../protocol/schema.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';
import { WireClient } from '../helpers/wire-client.ts';

const ON = { 'group.coordinator.rebalance.protocols': 'classic,consumer' };
const GROUP = 'g';

let broker: BrokerProcess | null = null;
const clients: WireClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy();
  await broker?.stop();
  broker?.clean();
  broker = null;
});

async function start(overrides: Record<string, string>): Promise<WireClient> {
  broker = await startBroker({ overrides });
  return connectTo(broker);
}

async function connectTo({ port }: BrokerProcess): Promise<WireClient> {
  const client = await WireClient.connect(port);
  clients.push(client);
  return client;
}

async function rangesOf(client: WireClient): Promise<Map<number, string>> {
  const { apiKeys } = await client.send(ApiVersions, 0, {
    clientSoftwareName: '',
    clientSoftwareVersion: '',
  });
  return new Map(
    apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, `${minVersion}-${maxVersion}`]),
  );
}

const joinOf = (memberId: string): RequestInput<typeof ConsumerGroupHeartbeat> => ({
  groupId: GROUP,
  memberId,
  memberEpoch: 0,
  rebalanceTimeoutMs: 60_000,
  subscribedTopicNames: ['t'],
  topicPartitions: [],
});

const beatOf = (
  memberId: string,
  memberEpoch: number,
  owned?: { topicId: string; partitions: number[] }[],
) => ({
  groupId: GROUP,
  memberId,
  memberEpoch,
  ...(owned === undefined ? {} : { topicPartitions: owned }),
});

const assigned = ({ assignment }: ResponseOf<typeof ConsumerGroupHeartbeat>) =>
  assignment?.topicPartitions.flatMap(({ partitions }) => partitions) ?? null;

async function createTopic(client: WireClient): Promise<string> {
  const { topics } = await client.send(CreateTopics, 7, {
    topics: [{ name: 't', numPartitions: 4, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 10_000,
    validateOnly: false,
  });
  return topics[0]?.topicId ?? '';
}

describe('the consumer group protocol', () => {
  test('is off unless asked for: listed and refused with UNSUPPORTED_VERSION, as in Apache Kafka 3.7.0', async () => {
    const client = await start({});
    const ranges = await rangesOf(client);
    expect(ranges.get(68)).toBe('0-0');
    expect(ranges.has(69)).toBe(false);
    const refused = await client.send(ConsumerGroupHeartbeat, 0, joinOf(''));
    expect(refused).toMatchObject({
      errorCode: ErrorCode.UNSUPPORTED_VERSION,
      errorMessage: null,
      memberId: null,
    });
  });

  test('brings members to disjoint assignments, survives a restart and follows topics', async () => {
    let client = await start(ON);
    const ranges = await rangesOf(client);
    expect([ranges.get(68), ranges.get(69)]).toEqual(['0-1', '0-1']);
    const topicId = await createTopic(client);
    const beat = (request: RequestInput<typeof ConsumerGroupHeartbeat>) =>
      client.send(ConsumerGroupHeartbeat, 1, request);

    expect(assigned(await beat(joinOf('a')))).toEqual([0, 1, 2, 3]);
    expect(assigned(await beat(joinOf('b')))).toEqual([]);
    expect(assigned(await beat(beatOf('a', 1)))).toEqual([0, 1]);

    // The log alone knows it now.
    await broker?.kill();
    const { dir } = broker as BrokerProcess;
    broker = await startBroker({ dir, overrides: ON });
    client = await connectTo(broker);
    expect(assigned(await beat(beatOf('b', 2)))).toBeNull();
    expect((await beat(beatOf('a', 1, [{ topicId, partitions: [0, 1] }]))).memberEpoch).toBe(2);
    expect(assigned(await beat(beatOf('b', 2)))).toEqual([2, 3]);

    const { groups } = await client.send(ConsumerGroupDescribe, 1, {
      groupIds: [GROUP, 'nowhere'],
      includeAuthorizedOperations: true,
    });
    expect(groups[0]).toMatchObject({ groupState: 'stable', groupEpoch: 2, assignorName: 'uniform' });
    expect(groups[0]?.members.map(({ assignment }) => assignment.topicPartitions)).toEqual([
      [{ topicId, topicName: 't', partitions: [0, 1] }],
      [{ topicId, topicName: 't', partitions: [2, 3] }],
    ]);
    expect(groups[1]?.errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);

    await client.send(CreatePartitions, 3, {
      topics: [{ name: 't', count: 6, assignments: null }],
      timeoutMs: 10_000,
      validateOnly: false,
    });
    const grown = await beat(beatOf('a', 2));
    expect(grown.memberEpoch).toBe(3);
    expect(assigned(grown)).toHaveLength(3);
  });

  test('checks the epochs of commits and fetches, lists and deletes its groups', async () => {
    const client = await start(ON);
    await createTopic(client);
    await client.send(ConsumerGroupHeartbeat, 1, joinOf('a'));
    const commit = async (memberEpoch: number) => {
      const { topics } = await client.send(OffsetCommit, 9, {
        groupId: GROUP,
        generationIdOrMemberEpoch: memberEpoch,
        memberId: 'a',
        topics: [
          { name: 't', partitions: [{ partitionIndex: 0, committedOffset: 7n, committedMetadata: '' }] },
        ],
      });
      return topics[0]?.partitions[0]?.errorCode;
    };
    const fetch = async (memberEpoch: number) => {
      const topics = [{ name: 't', partitionIndexes: [0] }];
      const { groups } = await client.send(OffsetFetch, 9, {
        groups: [{ groupId: GROUP, memberId: 'a', memberEpoch, topics }],
        requireStable: true,
      });
      return groups[0];
    };
    expect([await commit(1), await commit(2)]).toEqual([ErrorCode.NONE, ErrorCode.STALE_MEMBER_EPOCH]);
    expect((await fetch(1))?.topics[0]?.partitions[0]?.committedOffset).toBe(7n);
    expect((await fetch(2))?.errorCode).toBe(ErrorCode.STALE_MEMBER_EPOCH);

    const { groups } = await client.send(ListGroups, 4, { statesFilter: ['Stable'] });
    expect(groups).toEqual([{ groupId: GROUP, protocolType: 'consumer', groupState: 'stable' }]);
    const remove = async () =>
      (await client.send(DeleteGroups, 2, { groupsNames: [GROUP] })).results[0]?.errorCode;
    expect(await remove()).toBe(ErrorCode.NON_EMPTY_GROUP);
    expect((await client.send(ConsumerGroupHeartbeat, 1, beatOf('a', -1))).errorCode).toBe(ErrorCode.NONE);
    expect(await remove()).toBe(ErrorCode.NONE);
    expect(await remove()).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  });
});

describe('commits that follow each other on one connection', () => {
  test('are taken in their order, by group and whatever their answers wait for', async () => {
    const client = await start({});
    await createTopic(client);
    const count = 300;
    const commit = (i: number): RequestInput<typeof OffsetCommit> => ({
      groupId: `g${i % 3}`,
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [
        {
          name: 't',
          partitions: [{ partitionIndex: 0, committedOffset: BigInt(i), committedMetadata: `${i}` }],
        },
      ],
    });
    const topics = [{ name: 't', partitionIndexes: [0] }];
    for (let i = 0; i < count; i++) client.post(OffsetCommit, 7, commit(i));
    // Of another kind: it waits for the answers of those before it, and so does this connection's next commit for it.
    client.post(OffsetFetch, 7, { groupId: 'g2', topics, groups: [] });
    client.post(OffsetCommit, 7, commit(count + 2));
    const frames: Buffer[] = [];
    for (let i = 0; i < count + 2; i++) frames.push(await client.nextFrame());
    const ids = frames.map((frame) => frame.readInt32BE(0));
    expect(ids).toEqual(ids.map((_, i) => (ids[0] ?? 0) + i));
    const fetched = decodeResponse(OffsetFetch, 7, frames[count] ?? Buffer.alloc(0), 5).value;
    expect(fetched.topics[0]?.partitions[0]).toMatchObject({ committedOffset: BigInt(count - 1) });
    for (const groupId of ['g0', 'g1', 'g2']) {
      const { topics: found } = await client.send(OffsetFetch, 7, { groupId, topics, groups: [] });
      const last = groupId === 'g2' ? count + 2 : count - 3 + Number(groupId.slice(1));
      expect(found[0]?.partitions[0]).toMatchObject({ committedOffset: BigInt(last), metadata: `${last}` });
    }
  });
});
