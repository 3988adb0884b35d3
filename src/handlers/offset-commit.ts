/**
 * OffsetCommit (key 8), versions 0 to 9.
 *
 * v0 meant ZooKeeper and is answered UNSUPPORTED_VERSION, as a KRaft broker does; v2 retention time, up to v4;
 * v6 leader epochs; v7 static members; v8 flexible; v9 member epochs of KIP-848.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { OffsetCommit } from '../../protocol/messages/offset-commit.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import { handler } from '../server/handler.ts';
import { isConsumerProtocolOn } from './consumer-group-heartbeat.ts';
import type { Services } from './services.ts';
import { mergeTopics, splitUnknown } from './unknown-partitions.ts';

/** The newest version that says nothing of KIP-848. */
const CLASSIC_VERSION = 8;

export const offsetCommit = (services: Services) =>
  handler(OffsetCommit, {
    // The coordinator has taken it, in its order, when `run` first returns; the answer waits for the log.
    overlaps: true,
    async run(request, call) {
      const { known, unknown } = splitUnknown(services, request.topics);
      if (call.version === 0) {
        const refused = refuseTopics(known, ErrorCode.UNSUPPORTED_VERSION);
        return { throttleTimeMs: 0, topics: [...mergeTopics(unknown, []), ...refused] };
      }
      if (known.length === 0) return { throttleTimeMs: 0, topics: unknown };
      // Only a coordinator that knows KIP-848 tells an unknown group from a wrong generation (since version 9).
      const version = isConsumerProtocolOn(services) ? call.version : Math.min(call.version, CLASSIC_VERSION);
      const { topics } = await services.groups.commitOffsets({ ...request, topics: known }, version);
      return { throttleTimeMs: 0, topics: mergeTopics(unknown, topics) };
    },
    refuse: (request, errorCode) => ({
      throttleTimeMs: 0,
      topics: refuseTopics(request.topics, errorCode),
    }),
  });

function refuseTopics(topics: RequestOf<typeof OffsetCommit>['topics'], errorCode: number) {
  return topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  }));
}
