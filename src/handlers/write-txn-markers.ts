/**
 * WriteTxnMarkers (key 27), versions 0 and 1: coordinators, and administrators who end a hanging transaction, have
 * markers written into the partitions that are led here.
 *
 * v1 flexible. Answered when every marker is committed, refused, or overdue.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { WriteTxnMarkers } from '../../protocol/messages/write-txn-markers.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import { handler } from '../server/handler.ts';
import type { Services } from './services.ts';

type Request = RequestOf<typeof WriteTxnMarkers>;
type Marker = Request['markers'][number];
type Response = ResponseInput<typeof WriteTxnMarkers>;

export const writeTxnMarkers = (services: Services) =>
  handler(WriteTxnMarkers, {
    async run(request) {
      // Observed on 3.7.0: no marker can be made of these, and the whole request fails.
      if (request.markers.some(({ producerId, producerEpoch }) => producerId < 0 || producerEpoch < 0)) {
        throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR);
      }
      const written = await Promise.all(request.markers.map((marker) => write(services, marker)));
      return { markers: merge(request.markers, written) };
    },
    refuse: (request, errorCode) => ({
      markers: merge(
        request.markers,
        request.markers.map(({ topics }) => {
          const codes: Codes = new Map();
          for (const { name, partitionIndexes } of topics) {
            for (const partition of partitionIndexes) setCode(codes, name, partition, errorCode);
          }
          return codes;
        }),
      ),
    }),
  });

/** By topic and partition. */
type Codes = Map<string, Map<number, number>>;

function setCode(codes: Codes, topic: string, partition: number, errorCode: number): void {
  let partitions = codes.get(topic);
  if (partitions === undefined) {
    partitions = new Map();
    codes.set(topic, partitions);
  }
  partitions.set(partition, errorCode);
}

async function write(services: Services, request: Marker): Promise<Codes> {
  const { producerId, producerEpoch, coordinatorEpoch, transactionResult } = request;
  const marker = { producerId, producerEpoch, coordinatorEpoch, isCommit: transactionResult };
  const codes: Codes = new Map();
  const written: Promise<void>[] = [];
  for (const { name, partitionIndexes } of request.topics) {
    for (const partition of new Set(partitionIndexes)) {
      const until = new Promise<number>((resolve) => {
        const { requestTimeoutMs } = services.config().network;
        const cancel = services.timer.after(requestTimeoutMs, () => resolve(ErrorCode.REQUEST_TIMED_OUT));
        services.transactions.markers.write(marker, name, partition, (errorCode) => {
          cancel();
          resolve(errorCode);
        });
      });
      written.push(until.then((errorCode) => setCode(codes, name, partition, errorCode)));
    }
  }
  await Promise.all(written);
  return codes;
}

/** One entry per producer that had a partition at all, as Kafka's response is built. */
function merge(markers: readonly Marker[], written: readonly Codes[]): Response['markers'] {
  const producers = new Map<number, Codes>();
  markers.forEach(({ producerId }, index) => {
    if (written[index]?.size === 0) return;
    const all = producers.get(producerId) ?? new Map<string, Map<number, number>>();
    producers.set(producerId, all);
    for (const [topic, partitions] of written[index] ?? []) {
      for (const [partition, errorCode] of partitions) setCode(all, topic, partition, errorCode);
    }
  });
  return [...producers].map(([producerId, codes]) => ({
    producerId,
    topics: [...codes].map(([name, partitions]) => ({
      name,
      partitions: [...partitions].map(([partitionIndex, errorCode]) => ({ partitionIndex, errorCode })),
    })),
  }));
}
