/**
 * What the broker does when its metadata changes, in the one order in which it does it: its own settings first, then
 * the partitions (deletions before creations), then the coordinators that live on them, then the topics' settings.
 * See kafka.server.metadata.BrokerMetadataPublisher.
 */
import type { Logger } from '../logging.ts';
import type { GroupCoordinator } from '../machine/coordinator-group.ts';
import type { MetadataImage, TopicImage } from '../metadata/image.ts';
import { ConfigResourceType, configKey } from '../metadata/image.ts';
import { GROUP_METADATA_TOPIC } from '../metadata/names.ts';
import type { MetadataChange, MetadataSubscriber } from '../metadata/publisher.ts';
import type { LocalTopic, Replicas } from '../partition/replicas.ts';

const BROKER_PREFIX = configKey(ConfigResourceType.BROKER, '');
const TOPIC_PREFIX = configKey(ConfigResourceType.TOPIC, '');

/** Takes changed settings of this broker and of all brokers into use. */
export function settingsSubscriber(apply: (image: MetadataImage) => void): MetadataSubscriber {
  return {
    name: 'settings',
    publish({ touched, image }) {
      if ([...touched.configs].some((key) => key.startsWith(BROKER_PREFIX))) apply(image);
    },
  };
}

const localTopic = ({ name, id, partitions }: TopicImage): LocalTopic => ({
  name,
  id,
  partitions: partitions.entries(),
});

export function replicasSubscriber(replicas: Replicas): MetadataSubscriber {
  return {
    name: 'replicas',
    publish({ createdTopics, changedTopics, deletedTopics }) {
      replicas.apply({
        deletedTopics,
        changedTopics: [...createdTopics, ...changedTopics.map(({ current }) => current)].map(localTopic),
      });
    },
  };
}

/** Which coordinator lives on an internal topic, and is told who leads its partitions. */
export interface CoordinatorElections {
  readonly topic: string;
  elected(partition: number, leaderEpoch: number): void;
  resigned(partition: number, leaderEpoch: number | null): void;
}

export function coordinatorSubscriber(nodeId: number, coordinator: CoordinatorElections): MetadataSubscriber {
  const elect = (topic: TopicImage, previous: TopicImage | null): void => {
    topic.partitions.forEach((partition, index) => {
      if (previous?.partitions[index] === partition) return;
      if (partition.leader === nodeId) coordinator.elected(index, partition.leaderEpoch);
      else coordinator.resigned(index, partition.leaderEpoch);
    });
  };
  return {
    name: coordinator.topic,
    publish({ createdTopics, changedTopics, deletedTopics }) {
      for (const topic of deletedTopics) {
        if (topic.name !== coordinator.topic) continue;
        topic.partitions.forEach((_partition, index) => {
          coordinator.resigned(index, null);
        });
      }
      for (const topic of createdTopics) if (topic.name === coordinator.topic) elect(topic, null);
      for (const { previous, current } of changedTopics) {
        if (current.name === coordinator.topic) elect(current, previous);
      }
    },
  };
}

/** Committed offsets of deleted topics go with them, as in GroupCoordinator.onPartitionsDeleted. */
export function deletedOffsetsSubscriber(groups: GroupCoordinator, log: Logger): MetadataSubscriber {
  return {
    name: 'offsets of deleted topics',
    publish({ deletedTopics }: MetadataChange) {
      const topics = deletedTopics
        .filter(({ name }) => name !== GROUP_METADATA_TOPIC)
        .map(({ name, partitions }) => ({ name, partitionIndexes: [...partitions.keys()] }));
      if (topics.length === 0) return;
      groups.onPartitionsDeleted(topics).then(
        (offsetCount) => log.debug({ offsetCount }, 'offsets of deleted topics removed'),
        (err: unknown) => log.error({ err }, 'offsets of deleted topics could not be removed'),
      );
    },
  };
}

export function topicConfigsSubscriber(replicas: Replicas): MetadataSubscriber {
  return {
    name: 'topic settings',
    publish({ touched }) {
      for (const key of touched.configs) {
        if (key.startsWith(TOPIC_PREFIX)) replicas.updateConfig(key.slice(TOPIC_PREFIX.length));
      }
    },
  };
}
