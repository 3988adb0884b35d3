/**
 * InitProducerId (key 22), versions 0 to 4: a producer id for an idempotent producer, or the takeover of a
 * transactional id (KIP-98, KIP-360).
 *
 * v2 flexible; v3 carries the id and epoch that the producer has; v4 PRODUCER_FENCED.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { InitProducerId } from '../../protocol/messages/init-producer-id.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';
import { fencedBefore } from './transactional.ts';

const NONE_YET = -1;

export const initProducerId = (services: Services) =>
  handler(InitProducerId, {
    async run(request, call) {
      const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request;
      if ((producerId === NONE_YET) !== (producerEpoch === NONE_YET)) {
        throw new KafkaError(
          ErrorCode.INVALID_REQUEST,
          'A producer id and an epoch are given together or not at all.',
        );
      }
      if (transactionalId === null) {
        const fresh = await services.producerIds.next();
        return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, producerId: fresh, producerEpoch: 0 };
      }
      const { coordinator } = services.transactions;
      const expected = producerId === NONE_YET ? null : { producerId, producerEpoch };
      const initialized = await coordinator.initProducerId(transactionalId, transactionTimeoutMs, expected);
      return {
        throttleTimeMs: 0,
        errorCode: fencedBefore(4, call.version, initialized.errorCode),
        producerId: initialized.producerId,
        producerEpoch: initialized.producerEpoch,
      };
    },
    refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, producerId: -1, producerEpoch: -1 }),
  });
