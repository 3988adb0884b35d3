/**
 * What a topic is made with when nobody says: the internal topics of the coordinators, and those that clients name.
 * See AutoTopicCreationManager.creatableTopic, GroupCoordinator.groupMetadataTopicConfigs and
 * TransactionStateManager.transactionTopicConfigs.
 */
import type { BrokerConfig } from '../config/broker-config.ts';
import { GROUP_METADATA_TOPIC, TRANSACTION_STATE_TOPIC } from '../metadata/names.ts';
import type { CreatableTopic } from './auto-topic-creation.ts';

function creatable(
  name: string,
  numPartitions: number,
  replicationFactor: number,
  configs: Readonly<Record<string, string>>,
): CreatableTopic {
  return {
    name,
    numPartitions,
    replicationFactor,
    assignments: [],
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  };
}

export function creatableTopic(config: BrokerConfig, name: string): CreatableTopic {
  const { offsets, transaction, topics } = config;
  switch (name) {
    case GROUP_METADATA_TOPIC:
      return creatable(name, offsets.topicNumPartitions, offsets.topicReplicationFactor, {
        'compression.type': 'producer',
        'cleanup.policy': 'compact',
        'segment.bytes': `${offsets.topicSegmentBytes}`,
      });
    case TRANSACTION_STATE_TOPIC:
      return creatable(name, transaction.topicNumPartitions, transaction.topicReplicationFactor, {
        'compression.type': 'uncompressed',
        'cleanup.policy': 'compact',
        'segment.bytes': `${transaction.topicSegmentBytes}`,
        'min.insync.replicas': `${transaction.topicMinIsr}`,
        'unclean.leader.election.enable': 'false',
      });
    default:
      return creatable(name, topics.numPartitions, topics.defaultReplicationFactor, {});
  }
}
