/**
 * InitProducerId (key 22), versions 0 to 4: the producer id of an idempotent producer (KIP-98, KIP-360).
 *
 * v2 flexible; v3 carries the id and epoch that the producer has; v4 PRODUCER_FENCED.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { InitProducerId } from '../../protocol/messages/init-producer-id.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

export const initProducerId = (services: Services) =>
  handler(InitProducerId, {
    async run(request) {
      const hasId = request.producerId !== -1;
      const hasEpoch = request.producerEpoch !== -1;
      if (hasId !== hasEpoch || request.producerId < -1 || request.producerEpoch < -1) {
        throw new KafkaError(
          ErrorCode.INVALID_REQUEST,
          'A producer id and an epoch are given together or not at all.',
        );
      }
      if (request.transactionalId !== null) {
        throw new KafkaError(ErrorCode.INVALID_REQUEST, 'Transactions are not served by this broker.');
      }
      const producerId = await services.producerIds.next();
      return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, producerId, producerEpoch: 0 };
    },
    refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, producerId: -1, producerEpoch: -1 }),
  });
