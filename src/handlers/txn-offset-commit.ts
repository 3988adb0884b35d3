/**
 * TxnOffsetCommit (key 28), versions 0 to 3: offsets of a group, committed when the transaction is.
 *
 * v2 leader epochs, and COORDINATOR_LOAD_IN_PROGRESS, which earlier producers can't take; v3 flexible, and the
 * member that commits (KIP-447).
 */
import { TxnOffsetCommit } from '../../protocol/messages/txn-offset-commit.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';
import { mergeTopics, splitUnknown } from './unknown-partitions.ts';

export const txnOffsetCommit = (services: Services) =>
  handler(TxnOffsetCommit, {
    async run(request, call) {
      const { known, unknown } = splitUnknown(services, request.topics);
      if (known.length === 0) return { throttleTimeMs: 0, topics: unknown };
      const commit = { ...request, topics: known };
      const { topics } = await services.groups.commitTransactionalOffsets(commit, call.version);
      return { throttleTimeMs: 0, topics: mergeTopics(unknown, topics) };
    },
    refuse: (request, errorCode) => ({
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      })),
    }),
  });
