/** AlterPartitionReassignments (key 45), version 0 (KIP-455): null replicas cancel. */
import { AlterPartitionReassignments } from '../../protocol/messages/alter-partition-reassignments.ts';
import { forwarded } from './forwarded.ts';

export const alterPartitionReassignments = forwarded(
  AlterPartitionReassignments,
  (_request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    errorCode,
    errorMessage,
    responses: [],
  }),
);
