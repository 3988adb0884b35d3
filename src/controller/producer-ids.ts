/**
 * Producer ids, given out in blocks (ProducerIdControlManager).
 *
 * Always true: no id is given out twice, for a block is in the log before anybody hears of it.
 */

import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { AllocateProducerIds } from '../../protocol/messages/allocate-producer-ids.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import type { CommandContext, CommandResult } from './command.ts';
import { checkBrokerEpoch } from './sessions.ts';

export const PRODUCER_ID_BLOCK_SIZE = 1000;

export interface ProducerIdBlock {
  readonly producerIdStart: number;
  readonly producerIdLen: number;
}

/** @throws {KafkaError} STALE_BROKER_EPOCH */
export function allocateProducerIds(
  context: CommandContext,
  request: RequestOf<typeof AllocateProducerIds>,
): CommandResult<ProducerIdBlock> {
  const { brokerId, brokerEpoch } = request;
  checkBrokerEpoch(context.image, brokerId, brokerEpoch);
  const producerIdStart = Math.max(0, context.image.nextProducerId);
  const nextProducerId = producerIdStart + PRODUCER_ID_BLOCK_SIZE;
  if (!Number.isSafeInteger(nextProducerId)) {
    throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, 'Exhausted all producerIds.');
  }
  return {
    records: [{ type: 'ProducerIdsRecord', brokerId, brokerEpoch, nextProducerId }],
    response: { producerIdStart, producerIdLen: PRODUCER_ID_BLOCK_SIZE },
    atomic: false,
  };
}
