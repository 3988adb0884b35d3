/**
 * DescribeGroups 0 to 5 and ListGroups 0 to 4.
 *
 * ListGroups 4: a filter by state, spelled exactly (KIP-518).
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { ClassicGroup, Member } from './classic-group.ts';
import { metadataOf } from './classic-group.ts';
import type { Command } from './outcome.ts';
import { describedNothing } from './responses.ts';
import type { Shard } from './shard.ts';

type DescribeCommand = Extract<Command, { type: 'describeGroup' }>;
type ListCommand = Extract<Command, { type: 'listGroups' }>;

/** Member metadata, assignment and protocol are told of a stable group only: see GroupMetadata.summary. */
export function describeGroup(shard: Shard, token: number, command: DescribeCommand): void {
  const { groupId } = command;
  const group = shard.groups.get(groupId);
  if (group === undefined) {
    shard.answer('describeGroup', token, describedNothing(groupId, ErrorCode.NONE));
    return;
  }
  const isStable = group.state === 'Stable';
  shard.answer('describeGroup', token, {
    errorCode: ErrorCode.NONE,
    groupId,
    groupState: group.state,
    protocolType: group.protocolType ?? '',
    protocolData: isStable ? (group.protocolName ?? '') : '',
    members: [...group.members.values()].map((member) => describeMember(group, member, isStable)),
  });
}

function describeMember(group: ClassicGroup, member: Member, isStable: boolean) {
  return {
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    memberMetadata: isStable ? metadataOf(member, group.protocolName ?? '') : Buffer.alloc(0),
    memberAssignment: isStable ? member.assignment : Buffer.alloc(0),
  };
}

export function listGroups(shard: Shard, token: number, command: ListCommand): void {
  const states = new Set(command.statesFilter);
  const groups = [];
  for (const group of shard.groups.values()) {
    if (states.size > 0 && !states.has(group.state)) continue;
    groups.push({ groupId: group.groupId, protocolType: group.protocolType ?? '', groupState: group.state });
  }
  shard.answer('listGroups', token, { throttleTimeMs: 0, errorCode: ErrorCode.NONE, groups });
}
