/**
 * DescribeGroups (key 15), versions 0 to 5: v3 authorized operations; v4 instance ids; v5 flexible. An unknown group
 * is described as Dead, without an error.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { DescribeGroups } from '../../protocol/messages/describe-groups.ts';
import { handler } from '../server/handler.ts';
import { ALL_GROUP_OPERATIONS, NOT_ASKED } from './authorized-operations.ts';
import type { Services } from './services.ts';

export const describeGroups = (services: Services) =>
  handler(DescribeGroups, {
    async run(request) {
      const groups = await services.groups.describeGroups(request.groups);
      return {
        throttleTimeMs: 0,
        groups: groups.map((group) => ({
          ...group,
          authorizedOperations:
            request.includeAuthorizedOperations && group.errorCode === ErrorCode.NONE
              ? ALL_GROUP_OPERATIONS
              : NOT_ASKED,
        })),
      };
    },
    refuse: (request, errorCode) => ({
      throttleTimeMs: 0,
      groups: request.groups.map((groupId) => ({
        errorCode,
        groupId,
        groupState: '',
        protocolType: '',
        protocolData: '',
        members: [],
      })),
    }),
  });
