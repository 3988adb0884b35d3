/** Classic groups, their members and offsets. */
import type { Case } from './case.ts';
import { apiOf } from './case.ts';
import { member } from './prepare.ts';

export const groupCases: readonly Case[] = [
  {
    api: apiOf('OffsetCommit'),
    base: (_side, n) => ({
      groupId: `commit-${n}`,
      topics: [
        { name: 'alpha', partitions: [{ partitionIndex: 0, committedOffset: 2, committedMetadata: '' }] },
      ],
    }),
  },
  {
    api: apiOf('OffsetFetch'),
    base: () => {
      const topics = [{ name: 'alpha', partitionIndexes: [0] }];
      return { groupId: 'readers', topics, groups: [{ groupId: 'readers', topics }], requireStable: false };
    },
    unanswered: /^groups = \[\]/,
  },
  {
    api: apiOf('JoinGroup'),
    base: (_side, n) => ({
      groupId: `join-${n}`,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from([0, 0]) }],
    }),
    limits: {
      sessionTimeoutMs: [-1, 0, 5_999, 6_000, 1_800_000, 1_800_001],
      rebalanceTimeoutMs: [0, 1000],
      groupId: [''],
    },
    unanswered: /^protocols twice|^protocols.metadata = 0xff/,
  },
  {
    api: apiOf('SyncGroup'),
    base: async (side, n, version) => ({
      groupId: `sync-${n}`,
      ...(await member(side, `sync-${n}`)),
      protocolType: version >= 5 ? 'consumer' : null,
      protocolName: version >= 5 ? 'range' : null,
      assignments: [],
    }),
  },
  {
    api: apiOf('Heartbeat'),
    base: async (side, n) => ({ groupId: `beat-${n}`, ...(await member(side, `beat-${n}`)) }),
  },
  {
    api: apiOf('OffsetCommit'),
    name: 'of a member',
    versions: [1, 9],
    base: async (side, n) => {
      const { memberId, generationId } = await member(side, `cm-${n}`);
      return {
        groupId: `cm-${n}`,
        memberId,
        generationIdOrMemberEpoch: generationId,
        topics: [
          { name: 'alpha', partitions: [{ partitionIndex: 0, committedOffset: 2, committedMetadata: '' }] },
        ],
      };
    },
  },
  {
    api: apiOf('LeaveGroup'),
    base: async (side, n) => {
      const { memberId } = await member(side, `leave-${n}`);
      return { groupId: `leave-${n}`, memberId, members: [{ memberId, groupInstanceId: null }] };
    },
  },
  {
    api: apiOf('DescribeGroups'),
    base: () => ({ groups: ['readers'], includeAuthorizedOperations: true }),
  },
  {
    api: apiOf('DescribeGroups'),
    name: 'of a stable group',
    base: async (side, n) => {
      await member(side, `described-${n}`);
      return { groups: [`described-${n}`, 'unknown', '__proto__'] };
    },
    plain: true,
  },
];

/** What leaves groups behind, or takes them away. */
export const lastGroupCases: readonly Case[] = [
  {
    api: apiOf('OffsetDelete'),
    base: async (side, n) => {
      await side.do(apiOf('OffsetCommit'), 8, {
        groupId: `forgetful-${n}`,
        topics: [
          { name: 'alpha', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] },
        ],
      });
      return { groupId: `forgetful-${n}`, topics: [{ name: 'alpha', partitions: [{ partitionIndex: 0 }] }] };
    },
  },
  {
    api: apiOf('DeleteGroups'),
    base: async (side, n) => {
      await side.do(apiOf('OffsetCommit'), 8, {
        groupId: `dying-${n}`,
        topics: [
          { name: 'alpha', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] },
        ],
      });
      return { groupsNames: [`dying-${n}`] };
    },
  },
  {
    api: apiOf('ConsumerGroupHeartbeat'),
    base: (_side, n) => ({
      groupId: `new-${n}`,
      memberId: '',
      memberEpoch: 0,
      rebalanceTimeoutMs: 1000,
      subscribedTopicNames: ['alpha'],
      topicPartitions: [],
    }),
  },
];
