/**
 * OffsetFetch (key 9), versions 0 to 9.
 *
 * v0 meant ZooKeeper and is answered UNSUPPORTED_VERSION; v2 null topics mean all, and an error at the top; v5 leader
 * epochs; v6 flexible; v7 require stable (KIP-447); v8 many groups (KIP-709); v9 member epochs of KIP-848.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { OffsetFetch } from '../../protocol/messages/offset-fetch.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import { offsetFetchResponse } from '../machine/coordinator-group.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

export const offsetFetch = (services: Services) =>
  handler(OffsetFetch, {
    async run(request, call) {
      if (call.version === 0) throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION);
      const groups = await Promise.all(
        groupsOf(request, call.version).map(({ groupId, topics, memberId = null, memberEpoch = -1 }) =>
          services.groups.fetchOffsets(groupId, topics, request.requireStable, { memberId, memberEpoch }),
        ),
      );
      return offsetFetchResponse(call.version, groups);
    },
    refuse: (request, errorCode) => ({
      throttleTimeMs: 0,
      errorCode,
      topics: [...partitionsByTopic(request)].map(([name, partitionIndexes]) => ({
        name,
        partitions: [...partitionIndexes].map((partitionIndex) => ({
          partitionIndex,
          committedOffset: -1,
          metadata: '',
          errorCode,
        })),
      })),
      groups: request.groups.map(({ groupId }) => ({ groupId, topics: [], errorCode })),
    }),
  });

/** A refusal names each partition once, and no topic that has none. */
function partitionsByTopic(request: RequestOf<typeof OffsetFetch>): Map<string, Set<number>> {
  const topics = new Map<string, Set<number>>();
  for (const { name, partitionIndexes } of request.topics ?? []) {
    for (const index of partitionIndexes) topics.set(name, (topics.get(name) ?? new Set()).add(index));
  }
  return topics;
}

interface AskedGroup {
  readonly groupId: string;
  readonly topics: ReadonlyArray<{ name: string; partitionIndexes: readonly number[] }> | null;
  readonly memberId?: string | null;
  readonly memberEpoch?: number;
}

const groupsOf = (request: RequestOf<typeof OffsetFetch>, version: number): readonly AskedGroup[] =>
  version >= 8 ? request.groups : [{ groupId: request.groupId, topics: request.topics }];
