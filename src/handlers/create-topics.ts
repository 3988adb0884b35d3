/** CreateTopics (key 19), versions 0 to 7: v1 validate only and messages; v4 defaults by -1; v5 flexible, configs in the answer; v7 topic ids. */
import { CreateTopics } from '../../protocol/messages/create-topics.ts';
import { ZERO_UUID } from '../../protocol/uuid.ts';
import { forwarded } from './forwarded.ts';

export const createTopics = forwarded(CreateTopics, (request, errorCode, errorMessage) => ({
  throttleTimeMs: 0,
  topics: request.topics.map(({ name }) => ({
    name,
    topicId: ZERO_UUID,
    errorCode,
    errorMessage,
    configs: [],
  })),
}));
