/**
 * An image written out as the records of a snapshot (MetadataImage.write and the images below it).
 *
 * Always true: features come first, so that a reader knows the metadata.version of what follows.
 */
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { ImageFields, TopicImage } from './image.ts';
import { METADATA_VERSION_FEATURE, MetadataVersion } from './metadata-version.ts';
import { partitionToRecord } from './partition-image.ts';

export function* snapshotRecords(image: ImageFields): Generator<MetadataRecord> {
  yield* featureRecords(image);
  yield* clusterRecords(image);
  for (const topic of image.topicsById.values()) yield* topicRecords(topic);
  for (const { resourceType, resourceName, values } of image.configs.values()) {
    for (const [name, value] of values) {
      yield { type: 'ConfigRecord', resourceType, resourceName, name, value };
    }
  }
  for (const { entity, quotas } of image.clientQuotas.values()) {
    for (const [key, value] of quotas) {
      yield {
        type: 'ClientQuotaRecord',
        entity,
        key,
        value,
        remove: false,
      };
    }
  }
  if (image.nextProducerId >= 0) {
    yield {
      type: 'ProducerIdsRecord',
      brokerId: -1,
      brokerEpoch: -1,
      nextProducerId: image.nextProducerId,
    };
  }
  for (const acl of image.acls.values()) yield { type: 'AccessControlEntryRecord', ...acl };
  for (const credential of image.scram.values()) yield { type: 'UserScramCredentialRecord', ...credential };
  for (const token of image.delegationTokens.values()) yield { type: 'DelegationTokenRecord', ...token };
}

function* featureRecords(image: ImageFields): Generator<MetadataRecord> {
  if (image.metadataVersion >= MetadataVersion.MINIMUM_BOOTSTRAP) {
    yield { type: 'FeatureLevelRecord', name: METADATA_VERSION_FEATURE, featureLevel: image.metadataVersion };
    for (const [name, featureLevel] of image.features) {
      yield { type: 'FeatureLevelRecord', name, featureLevel };
    }
  }
  if (image.metadataVersion >= MetadataVersion.ZK_MIGRATION) {
    yield { type: 'ZkMigrationStateRecord', zkMigrationState: image.zkMigrationState };
  }
}

function* clusterRecords(image: ImageFields): Generator<MetadataRecord> {
  for (const broker of image.brokers.values()) {
    yield {
      type: 'RegisterBrokerRecord',
      brokerId: broker.id,
      isMigratingZkBroker: broker.isMigratingZkBroker,
      incarnationId: broker.incarnationId,
      brokerEpoch: broker.epoch,
      endPoints: broker.endpoints,
      features: broker.features,
      rack: broker.rack,
      fenced: broker.fenced,
      inControlledShutdown: broker.inControlledShutdown,
      logDirs: broker.logDirs,
    };
  }
  for (const controller of image.controllers.values()) {
    yield {
      type: 'RegisterControllerRecord',
      controllerId: controller.id,
      incarnationId: controller.incarnationId,
      zkMigrationReady: controller.zkMigrationReady,
      endPoints: controller.endpoints,
      features: controller.features,
    };
  }
}

function* topicRecords(topic: TopicImage): Generator<MetadataRecord> {
  yield { type: 'TopicRecord', name: topic.name, topicId: topic.id };
  for (const [partitionId, partition] of topic.partitions.entries()) {
    yield partitionToRecord(topic.id, partitionId, partition);
  }
}
