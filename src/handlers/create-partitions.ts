/** CreatePartitions (key 37), versions 0 to 3: v2 flexible. */
import { CreatePartitions } from '../../protocol/messages/create-partitions.ts';
import { forwarded } from './forwarded.ts';

export const createPartitions = forwarded(CreatePartitions, (request, errorCode, errorMessage) => ({
  throttleTimeMs: 0,
  results: request.topics.map(({ name }) => ({ name, errorCode, errorMessage })),
}));
