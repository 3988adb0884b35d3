/** Stories of groups: offsets that are committed, members that stay while brokers change, members that come and go. */
import { expect } from 'vitest';
import { DeleteGroups } from '../../../protocol/messages/delete-groups.ts';
import { Heartbeat } from '../../../protocol/messages/heartbeat.ts';
import { JoinGroup } from '../../../protocol/messages/join-group.ts';
import { LeaveGroup } from '../../../protocol/messages/leave-group.ts';
import { ListGroups } from '../../../protocol/messages/list-groups.ts';
import { OffsetCommit } from '../../../protocol/messages/offset-commit.ts';
import { OffsetDelete } from '../../../protocol/messages/offset-delete.ts';
import { SyncGroup } from '../../../protocol/messages/sync-group.ts';
import type { Client } from './client.ts';
import type { Story } from './story.ts';

/** Of the topic that the records' story makes. */
const TOPIC = 'codecs';
const SESSION_TIMEOUT_MS = 1_200_000;

interface Member {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

interface Commit {
  readonly partition: number;
  readonly offset: number;
  readonly metadata?: string | null;
  readonly leaderEpoch?: number;
}

const nobody = (groupId: string): Member => ({
  ...{ groupId, generationId: -1, memberId: '', groupInstanceId: null },
});

async function commit(client: Client, member: Member, commits: readonly Commit[]): Promise<void> {
  const { generationId, ...who } = member;
  const partitions = commits.map(({ partition, offset, metadata = null, leaderEpoch = -1 }) => ({
    partitionIndex: partition,
    committedOffset: BigInt(offset),
    committedMetadata: metadata,
    committedLeaderEpoch: leaderEpoch,
  }));
  const topics = [{ name: TOPIC, partitions }];
  await client.ask(OffsetCommit, 8, { ...who, generationIdOrMemberEpoch: generationId, topics });
}

const offsets: Story = {
  name: 'offsets are committed without members, with notes and epochs',
  async play({ number, client }) {
    await commit(client, nobody('readers'), [
      { partition: 0, offset: number * 5, metadata: `so far ✓ ${number}`, leaderEpoch: 0 },
      // Each partition but the first is committed once and never again.
      { partition: number % 5, offset: number + 1, metadata: '', leaderEpoch: number },
    ]);
    await commit(client, nobody('other readers'), [{ partition: 1, offset: number, metadata: null }]);
    // Often enough that the log of offsets is rolled and compacted.
    for (let offset = 0; offset < 100; offset++) {
      await commit(client, nobody('busy'), [
        { partition: 2, offset: number * 100 + offset, metadata: 'busy' },
      ]);
    }
  },
};

const deletions: Story = {
  name: 'groups and offsets are deleted, and stay so',
  async play({ number, client }) {
    const groupId = `deleted-${number}`;
    await commit(client, nobody(groupId), [{ partition: 0, offset: 1 }]);
    await client.ask(DeleteGroups, 2, { groupsNames: [groupId] });
    const halved = nobody('halved');
    await commit(client, halved, [
      { partition: 0, offset: 7 },
      { partition: 1 + (number % 4), offset: 8 },
    ]);
    const topics = [{ name: TOPIC, partitions: [{ partitionIndex: 0 }] }];
    await client.ask(OffsetDelete, 0, { groupId: 'halved', topics });
    const { groups } = await client.ask(ListGroups, 4, { statesFilter: [] });
    expect(groups.filter((group) => group.groupId.startsWith('deleted-'))).toEqual([]);
  },
};

/** Version 0 of the consumer protocol, one topic, no user data; `partitions` where it is an assignment. */
function consumerProtocol(partitions?: readonly number[]): Buffer {
  const name = Buffer.from(TOPIC);
  const int32s = partitions === undefined ? [-1] : [partitions.length, ...partitions, -1];
  const tail = Buffer.alloc(int32s.length * 4);
  int32s.forEach((value, index) => {
    tail.writeInt32BE(value, index * 4);
  });
  return Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 1, 0, name.length]), name, tail]);
}

async function join(client: Client, groupId: string, groupInstanceId: string | null = null): Promise<Member> {
  const metadata = consumerProtocol();
  // Dynamic members take the version in which they need not ask for an id first.
  const { generationId, memberId } = await client.ask(JoinGroup, groupInstanceId === null ? 3 : 5, {
    ...{ groupId, memberId: '', groupInstanceId },
    ...{ sessionTimeoutMs: SESSION_TIMEOUT_MS, rebalanceTimeoutMs: SESSION_TIMEOUT_MS },
    ...{ protocolType: 'consumer', protocols: [{ name: 'range', metadata }] },
  });
  const member = { groupId, generationId, memberId, groupInstanceId };
  const assignments = [{ memberId, assignment: consumerProtocol([0, 1, 2]) }];
  const { assignment } = await client.ask(SyncGroup, 3, { ...member, assignments });
  expect(assignment.equals(consumerProtocol([0, 1, 2]))).toBe(true);
  return member;
}

const stays = (): Story => {
  let staying: Member | null = null;
  return {
    name: 'a member stays while brokers change',
    async play({ number, client }) {
      staying ??= await join(client, 'staying');
      await client.ask(Heartbeat, 3, staying);
      await commit(client, staying, [{ partition: 3, offset: number, metadata: 'of a member' }]);
    },
  };
};

const returns: Story = {
  name: 'a static member comes back under a new id without a rebalance',
  async play({ number, client }) {
    const member = await join(client, 'static', 'instance');
    expect(member.generationId).toBe(1);
    await commit(client, member, [{ partition: 4, offset: number, metadata: null }]);
  },
};

const passes: Story = {
  name: 'members come and go, and generations go on',
  async play({ number, client }) {
    const groupId = 'passing';
    const member = await join(client, groupId);
    // Joining and leaving each begin a generation.
    expect(member.generationId).toBe(1 + number * 2);
    await commit(client, member, [{ partition: 0, offset: number }]);
    const members = [{ memberId: member.memberId, groupInstanceId: null }];
    await client.ask(LeaveGroup, 4, { groupId, members });
  },
};

export const groupStories = (): Story[] => [offsets, deletions, stays(), returns, passes];
