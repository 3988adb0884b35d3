/** Sorting out what a request names that does not exist, before the rest goes to a coordinator. */
import { ErrorCode } from '../../protocol/errors.ts';
import type { Services } from './services.ts';

interface PartitionsOfTopic<P> {
  readonly name: string;
  readonly partitions: readonly P[];
}

interface TopicErrors {
  readonly name: string;
  readonly partitions: ReadonlyArray<{ readonly partitionIndex: number; readonly errorCode: number }>;
}

/** Splits the topics into what exists and the answers UNKNOWN_TOPIC_OR_PARTITION for what does not. */
export function splitUnknown<P extends { readonly partitionIndex: number }, T extends PartitionsOfTopic<P>>(
  services: Services,
  topics: readonly T[],
): { known: T[]; unknown: TopicErrors[] } {
  const image = services.image();
  const known: T[] = [];
  const unknown: TopicErrors[] = [];
  for (const topic of topics) {
    const exists = ({ partitionIndex }: P) => image.partition(topic.name, partitionIndex) !== undefined;
    const there = topic.partitions.filter(exists);
    if (there.length > 0) known.push({ ...topic, partitions: there });
    const missing = topic.partitions.filter((part) => !exists(part));
    if (missing.length === 0) continue;
    const errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    unknown.push({
      name: topic.name,
      partitions: missing.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    });
  }
  return { known, unknown };
}

/** One entry per topic, the missing partitions first, as Kafka's response builders merge them. */
export function mergeTopics(first: readonly TopicErrors[], then: readonly TopicErrors[]): TopicErrors[] {
  const merged = new Map<string, TopicErrors>();
  for (const topic of [...first, ...then]) {
    const before = merged.get(topic.name)?.partitions ?? [];
    merged.set(topic.name, { name: topic.name, partitions: [...before, ...topic.partitions] });
  }
  return [...merged.values()];
}
