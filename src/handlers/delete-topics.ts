/** DeleteTopics (key 20), versions 0 to 6: v4 flexible; v5 messages; v6 by name or by id. */
import { DeleteTopics } from '../../protocol/messages/delete-topics.ts';
import { ZERO_UUID } from '../../protocol/uuid.ts';
import { forwarded } from './forwarded.ts';

export const deleteTopics = forwarded(DeleteTopics, (request, errorCode) => ({
  throttleTimeMs: 0,
  responses: [
    ...request.topicNames.map((name) => ({ name, topicId: ZERO_UUID, errorCode, errorMessage: null })),
    ...request.topics.map(({ name, topicId }) => ({ name, topicId, errorCode, errorMessage: null })),
  ],
}));
