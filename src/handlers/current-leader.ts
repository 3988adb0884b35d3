/**
 * Who leads a partition, told beside an error, so that a client moves without asking for metadata (KIP-951).
 */
import type { Node } from './nodes.ts';
import { nodeOf } from './nodes.ts';
import type { Services } from './services.ts';

/** Collects the endpoints of all leaders that one answer names, each once. */
export function currentLeader(services: Services, listenerName: string) {
  const nodes = new Map<number, Node>();
  return {
    of(topic: string, index: number): { leaderId: number; leaderEpoch: number } {
      const image = services.image();
      const partition = image.partition(topic, index);
      if (partition === undefined) return { leaderId: -1, leaderEpoch: -1 };
      const node = nodeOf(image, partition.leader, listenerName);
      if (node !== undefined) nodes.set(partition.leader, node);
      return { leaderId: partition.leader, leaderEpoch: partition.leaderEpoch };
    },
    endpoints(): Node[] {
      return [...nodes.values()];
    },
  };
}
