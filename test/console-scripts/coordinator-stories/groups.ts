/** Stories of classic groups: what is answered depends on the state that the group is in. */
import type { Story, Teller } from './teller.ts';
import { Member, OTHER_METADATA, offsetOf, TOPIC } from './teller.ts';

const protocols = (name: string, metadata = Buffer.alloc(3)) => [{ name, metadata }];
const described = (teller: Teller, groupId: string) =>
  teller.tell('is', 'DescribeGroups', 5, { groups: [groupId] });

const mismatch = (version: number): Story => ({
  name: `protocols that do not fit, JoinGroup ${version}`,
  async play(teller) {
    const groupId = `mismatch-${version}`;
    const member = new Member(teller, groupId);
    const other = () => new Member(teller, groupId);
    await other().join('no type in an empty group', version, { protocolType: '' });
    await other().join('no protocols in an empty group', version, { protocols: [] });
    await member.settle(version);
    await other().join('another type', version, { protocolType: 'connect' });
    await other().join('another protocol', version, { protocols: protocols('sticky') });
    await other().join('no protocols', version, { protocols: [] });
    await member.join('a member with another type', version, { protocolType: 'connect' });
    await member.join('a member with another protocol', version, { protocols: protocols('sticky') });
    await member.heartbeat('afterwards');
    await teller.tell('the last leaves', 'LeaveGroup', 4, { groupId, members: [member.who] });
    await described(teller, groupId);
    const connect = other();
    await connect.join('another type, now that it is empty', version, {
      protocolType: 'connect',
      protocols: protocols('eager'),
    });
    await connect.sync('with the wrong type', { protocolType: 'consumer', protocolName: 'eager' });
    await connect.sync('with the wrong protocol', { protocolType: 'connect', protocolName: 'range' });
    await connect.sync('as it joined', { protocolType: 'connect', protocolName: 'eager' });
    await described(teller, groupId);
  },
});

const rejoin: Story = {
  name: 'members that join again in each state',
  async play(teller) {
    const groupId = 'rejoin';
    const leader = new Member(teller, groupId);
    const follower = new Member(teller, groupId);
    await leader.settle();
    const joining = follower.join('a second joins', 9);
    await teller.untilState(groupId, 'PreparingRebalance');
    await leader.heartbeat('while members are awaited');
    await leader.sync('while members are awaited');
    await leader.commit('while members are awaited');
    await leader.join('the leader comes, too', 9);
    await joining;
    await leader.heartbeat('before the assignment');
    await leader.commit('before the assignment');
    await follower.join('the follower again, as before', 9);
    await leader.join('the leader again, as before', 9);
    const again = follower.join('the follower with other metadata, before the assignment', 9, {
      protocols: protocols('range', OTHER_METADATA),
    });
    await teller.untilState(groupId, 'PreparingRebalance');
    await leader.join('the leader follows', 9);
    await again;
    const waiting = follower.sync('waits for its assignment', { assignments: [] });
    await leader.sync('assigns', {
      assignments: [leader, follower].map(({ memberId }, at) => ({
        memberId,
        assignment: Buffer.from([at]),
      })),
    });
    await waiting;
    await leader.sync('asks for its assignment again');
    await follower.join('the follower again, in a stable group', 9, {
      protocols: protocols('range', OTHER_METADATA),
    });
    await leader.heartbeat('still stable');
    const changed = follower.join('the follower with other metadata, in a stable group', 9);
    await teller.untilState(groupId, 'PreparingRebalance');
    await leader.join('the leader again, while members are awaited', 9);
    await changed;
    await described(teller, groupId);
  },
};

const leaving: Story = {
  name: 'members of all kinds leave in one request',
  async play(teller) {
    const groupId = 'leaving';
    const fixed = new Member(teller, groupId, 'fixed');
    const other = new Member(teller, groupId, 'other');
    await fixed.settle();
    const joining = other.join('a second static member', 9);
    await teller.untilState(groupId, 'PreparingRebalance');
    await fixed.join('the first follows', 9);
    await joining;
    const { memberId: pending } = await teller.ask('JoinGroup', 9, {
      groupId,
      sessionTimeoutMs: 60_000,
      rebalanceTimeoutMs: 60_000,
      protocolType: 'consumer',
      protocols: protocols('range'),
    });
    teller.nameOf(String(pending));
    const members = [
      { memberId: 'foreign', groupInstanceId: null },
      { memberId: 'foreign', groupInstanceId: 'fixed' },
      { memberId: fixed.memberId, groupInstanceId: 'other' },
      { memberId: fixed.memberId, groupInstanceId: 'nobody' },
      { memberId: pending, groupInstanceId: null },
      { memberId: pending, groupInstanceId: 'nobody' },
      { memberId: '', groupInstanceId: 'other' },
      { memberId: '', groupInstanceId: 'other' },
      { memberId: '', groupInstanceId: null },
      { memberId: fixed.memberId, groupInstanceId: null },
    ];
    for (const version of [0, 1, 2]) {
      await teller.tell('a foreign one alone', 'LeaveGroup', version, { groupId, memberId: 'foreign' });
    }
    for (const version of [3, 4, 5]) {
      await teller.tell('nobody', 'LeaveGroup', version, { groupId, members: [] });
    }
    await teller.tell('all kinds', 'LeaveGroup', 5, { groupId, members });
    await described(teller, groupId);
    await teller.tell('again', 'LeaveGroup', 3, { groupId, members });
  },
};

const statics: Story = {
  name: 'static members return, and fence their former selves',
  async play(teller) {
    for (const version of [5, 6, 7, 8, 9]) {
      const groupId = `static-${version}`;
      const first = new Member(teller, groupId, 'one');
      await first.settle(version);
      const second = new Member(teller, groupId, 'one');
      await second.join('the leader returns without its id', version);
      await described(teller, groupId);
      await first.heartbeat('the former self');
      await first.sync('the former self');
      await first.join('the former self', version);
      await first.commit('the former self');
      await second.heartbeat('the new self');
      await second.sync('the new self gets what its former had', { assignments: [] });
      const third = new Member(teller, groupId, 'one');
      await third.join('returns with another protocol', version, {
        protocols: [...protocols('sticky'), ...protocols('range')],
      });
      await third.heartbeat('the third');
      await described(teller, groupId);
    }
  },
};

const refused: Story = {
  name: 'a group of which there was never more than a refused request, or a member id',
  async play(teller) {
    const groupId = 'refused';
    await teller.untilRetentionCheck();
    await new Member(teller, groupId).join('with no type', 3, { protocolType: '' });
    await described(teller, groupId);
    await teller.tell('is listed', 'ListGroups', 4, { statesFilter: ['Empty'] });
    await new Member(teller, groupId).heartbeat('nobody');
    await new Member(teller, groupId).sync('nobody');
    const generationIdOrMemberEpoch = 1;
    await new Member(teller, groupId).commit('nobody', { memberId: 'foreign', generationIdOrMemberEpoch });
    await new Member(teller, 'too-long').commit('too long', { topics: offsetOf(1n, 'm'.repeat(5_000)) });
    await described(teller, 'too-long');
    await teller.untilState(groupId, 'Dead');
    await teller.untilState('too-long', 'Dead');
  },
};

/** Retention times of OffsetCommit 2 to 4 in ms; the last is longer than the story. */
const RETENTIONS_MS = [0, 1, -1, 600_000];

const retention: Story = {
  name: 'offsets with a retention time of their own',
  async play(teller) {
    const kept = [2, 3, 4].flatMap((version) =>
      RETENTIONS_MS.map((ms) => ({ version, ms, groupId: `kept-${version}-${ms}` })),
    );
    for (const { version, ms, groupId } of kept) {
      await teller.tell(`kept for ${ms} ms`, 'OffsetCommit', version, {
        groupId,
        generationIdOrMemberEpoch: -1,
        retentionTimeMs: ms,
        topics: offsetOf(5n),
      });
    }
    for (const { ms, groupId } of kept) if (ms === 0 || ms === 1) await teller.untilState(groupId, 'Dead');
    for (const { ms, groupId } of kept) {
      await teller.tell(`kept for ${ms} ms`, 'OffsetFetch', 8, {
        groups: [{ groupId, topics: [{ name: TOPIC, partitionIndexes: [0] }] }],
      });
      await described(teller, groupId);
    }
  },
};

/** Longer than either broker takes for a few requests, however busy the machine is. */
const BRIEF_MS = 3_000;

const silence: Story = {
  name: 'members that fall silent, at each step',
  async play(teller) {
    const brief = { sessionTimeoutMs: BRIEF_MS };
    for (const instance of [null, 'one']) {
      const groupId = `silent-${instance}`;
      const silent = new Member(teller, groupId, instance);
      await silent.join('joins', 9, brief);
      await silent.sync('is assigned');
      await silent.commit('commits');
      await teller.untilState(groupId, 'Empty');
      await described(teller, groupId);
      await silent.heartbeat('too late');
      await silent.sync('too late');
      await silent.commit('too late');
      await silent.join('too late', 9);
    }

    const unassigned = new Member(teller, 'unassigned');
    await unassigned.settle();
    await unassigned.join('joins, and asks for no assignment', 9, { rebalanceTimeoutMs: BRIEF_MS });
    await teller.untilState('unassigned', 'Empty');
    await unassigned.heartbeat('without an assignment');

    const groupId = 'absent';
    const present = new Member(teller, groupId);
    const absent = new Member(teller, groupId);
    const both = { rebalanceTimeoutMs: BRIEF_MS };
    await present.settle();
    const joining = absent.join('a second joins', 9, both);
    await teller.untilState(groupId, 'PreparingRebalance');
    await present.join('the first follows', 9, both);
    await joining;
    await present.join('joins again', 9, { ...both, protocols: protocols('range', OTHER_METADATA) });
    await described(teller, groupId);
    await absent.heartbeat('did not come');

    // Whoever was given an id is waited for as long as the session would last that it asked for.
    await teller.ask('JoinGroup', 9, {
      groupId,
      sessionTimeoutMs: BRIEF_MS,
      rebalanceTimeoutMs: 60_000,
      protocolType: 'consumer',
      protocols: protocols('range'),
    });
    await present.join('joins, when the one that is awaited is given up', 9);
    await described(teller, groupId);
  },
};

const deletions: Story = {
  name: 'groups are deleted in each state',
  async play(teller) {
    const groupId = 'deleted';
    const remove = (what: string) =>
      teller.tell(what, 'DeleteGroups', 2, { groupsNames: [groupId, groupId, 'foreign'] });
    const member = new Member(teller, groupId);
    await member.join('joins', 9);
    await remove('before the assignment');
    await member.sync('is assigned');
    await member.commit('commits');
    await remove('stable');
    await teller.tell('leaves', 'LeaveGroup', 5, { groupId, members: [member.who] });
    await member.commit('after it left');
    await member.commit('nobody', { memberId: '', generationIdOrMemberEpoch: -1 });
    await described(teller, groupId);
    await remove('empty');
    await described(teller, groupId);
    await remove('gone');
    await member.join('with its old id', 9);
  },
};

export const groupStories: readonly Story[] = [
  ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(mismatch),
  rejoin,
  leaving,
  statics,
  refused,
  retention,
  silence,
  deletions,
];
