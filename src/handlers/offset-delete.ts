/** OffsetDelete (key 47), version 0 (KIP-496). */
import { ErrorCode } from '../../protocol/errors.ts';
import { OffsetDelete } from '../../protocol/messages/offset-delete.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';
import { mergeTopics, splitUnknown } from './unknown-partitions.ts';

export const offsetDelete = (services: Services) =>
  handler(OffsetDelete, {
    async run(request) {
      const { known, unknown } = splitUnknown(services, request.topics);
      const answer = await services.groups.deleteOffsets({ ...request, topics: known });
      // A group that does not exist is an error of the whole, without partitions.
      if (answer.errorCode !== ErrorCode.NONE) return answer;
      return { ...answer, topics: mergeTopics(unknown, answer.topics) };
    },
    refuse: (_request, errorCode) => ({ errorCode, throttleTimeMs: 0, topics: [] }),
  });
