/** ListPartitionReassignments (key 46), version 0 (KIP-455). */
import { ListPartitionReassignments } from '../../protocol/messages/list-partition-reassignments.ts';
import { forwarded } from './forwarded.ts';

export const listPartitionReassignments = forwarded(
  ListPartitionReassignments,
  (_request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    errorCode,
    errorMessage,
    topics: [],
  }),
);
