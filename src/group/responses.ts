/**
 * Refusals: for every command the response that says one error code in the way its API says it.
 *
 * See the getErrorResponse methods of the request classes, and validateGroupStatus in GroupCoordinator.scala.
 */

import { unreachable } from '../../protocol/assert.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import type { Command, PartitionsOfTopic, Response, Responses } from './outcome.ts';

const NO_GENERATION = -1;
const NO_OFFSET = -1;

export function joinError(version: number, memberId: string, errorCode: number): Responses['joinGroup'] {
  return {
    throttleTimeMs: 0,
    errorCode,
    generationId: NO_GENERATION,
    protocolType: null,
    protocolName: version >= 7 ? null : '',
    leader: '',
    memberId,
    members: [],
  };
}

export function syncError(errorCode: number): Responses['syncGroup'] {
  return {
    throttleTimeMs: 0,
    errorCode,
    protocolType: null,
    protocolName: null,
    assignment: Buffer.alloc(0),
  };
}

/** The same code for every partition of a commit, each named once. */
export function commitErrors(
  topics: readonly {
    readonly name: string;
    readonly partitions: readonly { readonly partitionIndex: number }[];
  }[],
  errorCode: number,
): Responses['commitOffsets'] {
  const byTopic = new Map<string, Set<number>>();
  for (const topic of topics) {
    const partitions = byTopic.get(topic.name) ?? new Set();
    byTopic.set(topic.name, partitions);
    for (const { partitionIndex } of topic.partitions) partitions.add(partitionIndex);
  }
  return {
    throttleTimeMs: 0,
    topics: [...byTopic].map(([name, partitions]) => ({
      name,
      partitions: [...partitions].map((partitionIndex) => ({ partitionIndex, errorCode })),
    })),
  };
}

export function fetchError(
  groupId: string,
  topics: readonly PartitionsOfTopic[] | null,
  errorCode: number,
): Responses['fetchOffsets'] {
  return {
    groupId,
    errorCode,
    // Version 0 and 1 have no place for the code but the partitions.
    topics: (topics ?? []).map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({
        partitionIndex,
        committedOffset: NO_OFFSET,
        committedLeaderEpoch: -1,
        metadata: '',
        errorCode,
      })),
    })),
  };
}

/** A group of which nothing is known: without an error its state is Dead. */
export function describedNothing(groupId: string, errorCode: number): Responses['describeGroup'] {
  const groupState = errorCode === ErrorCode.NONE ? 'Dead' : '';
  return { errorCode, groupId, groupState, protocolType: '', protocolData: '', members: [] };
}

/** As in Kafka there is no member id in a refusal, but a reason. */
export function consumerHeartbeatError(
  errorCode: number,
  errorMessage: string | null,
): Responses['consumerGroupHeartbeat'] {
  return {
    throttleTimeMs: 0,
    errorCode,
    errorMessage,
    memberId: null,
    memberEpoch: 0,
    heartbeatIntervalMs: 0,
  };
}

export function consumerDescribeError(
  groupId: string,
  errorCode: number,
  errorMessage: string | null = null,
): Responses['consumerGroupDescribe'] {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
  };
}

/** Whether the API takes the empty group id: those of offsets and administration do (isValidGroupId). */
function isValidGroupId(command: Command): boolean {
  switch (command.type) {
    case 'commitOffsets':
    case 'fetchOffsets':
    case 'describeGroup':
    case 'deleteGroup':
    case 'listGroups':
    case 'deletePartitions':
    // It is an invalid request then, and told so by the machine.
    case 'consumerGroupHeartbeat':
      return true;
    case 'consumerGroupDescribe':
      return command.groupId !== '';
    case 'joinGroup':
    case 'syncGroup':
    case 'heartbeat':
    case 'leaveGroup':
    case 'commitTransactionalOffsets':
    case 'deleteOffsets':
      return command.request.groupId !== '';
    default:
      return unreachable(command);
  }
}

/** The refusal of a command whose group id its API does not take, else null. */
export function refuseInvalidGroupId(command: Command): Response | null {
  return isValidGroupId(command) ? null : refusal(command, ErrorCode.INVALID_GROUP_ID);
}

/**
 * What a command is answered with when its shard can't take it: COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR,
 * COORDINATOR_NOT_AVAILABLE, UNKNOWN_SERVER_ERROR; and INVALID_GROUP_ID before all of these.
 */
export function refuse(command: Command, errorCode: number): Response {
  return refusal(command, isValidGroupId(command) ? errorCode : ErrorCode.INVALID_GROUP_ID);
}

function refusal(command: Command, errorCode: number): Response {
  switch (command.type) {
    case 'joinGroup':
      return joinError(command.version, command.request.memberId, errorCode);
    case 'syncGroup':
      // The round that was under way is lost with the old coordinator: rejoin, without a new search for it.
      return syncError(
        errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ? ErrorCode.REBALANCE_IN_PROGRESS : errorCode,
      );
    case 'heartbeat':
      return {
        throttleTimeMs: 0,
        errorCode: errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ? ErrorCode.NONE : errorCode,
      };
    case 'leaveGroup':
      return { throttleTimeMs: 0, errorCode, members: [] };
    case 'commitOffsets':
    case 'commitTransactionalOffsets':
      return commitErrors(command.request.topics, errorCode);
    case 'fetchOffsets':
      return fetchError(command.groupId, command.topics, errorCode);
    case 'deleteOffsets':
      return { throttleTimeMs: 0, errorCode, topics: [] };
    case 'deleteGroup':
      return { groupId: command.groupId, errorCode };
    case 'describeGroup':
      return describedNothing(command.groupId, errorCode);
    case 'listGroups':
      return { throttleTimeMs: 0, errorCode, groups: [] };
    case 'consumerGroupHeartbeat':
      return consumerHeartbeatError(errorCode, null);
    case 'consumerGroupDescribe':
      return consumerDescribeError(command.groupId, errorCode);
    case 'deletePartitions':
      return { offsetCount: 0 };
    default:
      return unreachable(command);
  }
}
