/**
 * AddOffsetsToTxn (key 25), versions 0 to 3: the offsets of a group become part of a transaction. The coordinator
 * takes it for an added partition of __consumer_offsets.
 *
 * v2 PRODUCER_FENCED; v3 flexible.
 */
import { AddOffsetsToTxn } from '../../protocol/messages/add-offsets-to-txn.ts';
import { GROUP_METADATA_TOPIC } from '../metadata/names.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';
import { fencedBefore } from './transactional.ts';

export const addOffsetsToTxn = (services: Services) =>
  handler(AddOffsetsToTxn, {
    async run(request, call) {
      const partitions = [services.groups.partitionFor(request.groupId)];
      const topics = [{ topic: GROUP_METADATA_TOPIC, partitions }];
      const errorCode = await services.transactions.coordinator.addPartitions(request, topics);
      return { throttleTimeMs: 0, errorCode: fencedBefore(2, call.version, errorCode) };
    },
  });
