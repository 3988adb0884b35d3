/**
 * Records being applied on top of an image (org.apache.kafka.image.MetadataDelta).
 *
 * Always true: the image below is never touched; `build` gives the image that contains the records replayed so far.
 * A record that cannot apply (a partition of an unknown topic, a change to a broker that is not registered) is a
 * broken log and fails an assertion: whoever replays decides whether that ends the process (KAFKA-14275).
 */
import { assert, unreachable } from '../../protocol/assert.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import type {
  AclImage,
  BrokerImage,
  ClientQuotaImage,
  ConfigsImage,
  ControllerImage,
  DelegationTokenImage,
  Provenance,
  ScramCredentialImage,
} from './image.ts';
import { ConfigResourceType, configKey, MetadataImage, quotaKey, scramKey } from './image.ts';
import { METADATA_VERSION_FEATURE } from './metadata-version.ts';
import { TopicsDelta } from './topics-delta.ts';
import { Touched } from './touched.ts';

type RecordOf<T extends MetadataRecord['type']> = Extract<MetadataRecord, { type: T }>;

export class MetadataDelta {
  readonly base: MetadataImage;
  readonly touched = new Touched();
  readonly #topics: TopicsDelta;
  #metadataVersion: number;
  #zkMigrationState: number;
  #nextProducerId: number;
  #features: Map<string, number> | null = null;
  #brokers: Map<number, BrokerImage> | null = null;
  #controllers: Map<number, ControllerImage> | null = null;
  readonly #configs = new Map<string, ConfigsImage | undefined>();
  readonly #clientQuotas = new Map<string, ClientQuotaImage | undefined>();
  readonly #acls = new Map<Uuid, AclImage | undefined>();
  readonly #scram = new Map<string, ScramCredentialImage | undefined>();
  readonly #delegationTokens = new Map<string, DelegationTokenImage | undefined>();

  constructor(base: MetadataImage) {
    this.base = base;
    this.#topics = new TopicsDelta(base);
    this.#metadataVersion = base.metadataVersion;
    this.#zkMigrationState = base.zkMigrationState;
    this.#nextProducerId = base.nextProducerId;
  }

  /** Applies one record. The markers of metadata transactions are no changes: the caller minds them. */
  replay(record: MetadataRecord): void {
    switch (record.type) {
      case 'TopicRecord':
      case 'PartitionRecord':
      case 'PartitionChangeRecord':
      case 'RemoveTopicRecord':
        this.#replayTopic(record);
        return;
      case 'RegisterBrokerRecord':
      case 'UnregisterBrokerRecord':
      case 'FenceBrokerRecord':
      case 'UnfenceBrokerRecord':
      case 'BrokerRegistrationChangeRecord':
      case 'RegisterControllerRecord':
        this.#replayNode(record);
        return;
      case 'ConfigRecord':
        this.#replayConfig(record);
        return;
      case 'FeatureLevelRecord':
        this.#replayFeature(record);
        return;
      case 'ZkMigrationStateRecord':
        this.#zkMigrationState = record.zkMigrationState;
        this.touched.features = true;
        return;
      case 'ProducerIdsRecord':
        this.#nextProducerId = record.nextProducerId;
        this.touched.producerIds = true;
        return;
      case 'ClientQuotaRecord':
        this.#replayClientQuota(record);
        return;
      case 'UserScramCredentialRecord':
      case 'RemoveUserScramCredentialRecord':
      case 'AccessControlEntryRecord':
      case 'RemoveAccessControlEntryRecord':
      case 'DelegationTokenRecord':
      case 'RemoveDelegationTokenRecord':
        this.#replaySecurity(record);
        return;
      case 'NoOpRecord':
      case 'BeginTransactionRecord':
      case 'EndTransactionRecord':
      case 'AbortTransactionRecord':
        return;
      default:
        unreachable(record);
    }
  }

  build(provenance: Provenance): MetadataImage {
    const { base } = this;
    return new MetadataImage({
      offset: provenance.offset,
      epoch: provenance.epoch,
      timestampMs: provenance.timestampMs,
      metadataVersion: this.#metadataVersion,
      features: this.#features ?? base.features,
      zkMigrationState: this.#zkMigrationState,
      brokers: this.#brokers ?? base.brokers,
      controllers: this.#controllers ?? base.controllers,
      ...this.#topics.build(),
      configs: base.configs.with(this.#configs),
      clientQuotas: base.clientQuotas.with(this.#clientQuotas),
      nextProducerId: this.#nextProducerId,
      acls: base.acls.with(this.#acls),
      scram: base.scram.with(this.#scram),
      delegationTokens: base.delegationTokens.with(this.#delegationTokens),
    });
  }

  #replayTopic(
    record: RecordOf<'TopicRecord' | 'PartitionRecord' | 'PartitionChangeRecord' | 'RemoveTopicRecord'>,
  ): void {
    this.touched.topics.add(record.topicId);
    switch (record.type) {
      case 'TopicRecord':
        this.#topics.create(record.name, record.topicId);
        return;
      case 'PartitionRecord':
        this.#topics.putPartition(record);
        return;
      case 'PartitionChangeRecord':
        this.#topics.changePartition(record);
        return;
      case 'RemoveTopicRecord': {
        const name = this.#topics.remove(record.topicId);
        // The configs of a topic go with it, without records of their own.
        this.#setConfigs(configKey(ConfigResourceType.TOPIC, name), undefined);
        return;
      }
      default:
        unreachable(record);
    }
  }

  #replayNode(
    record: RecordOf<
      | 'RegisterBrokerRecord'
      | 'UnregisterBrokerRecord'
      | 'FenceBrokerRecord'
      | 'UnfenceBrokerRecord'
      | 'BrokerRegistrationChangeRecord'
      | 'RegisterControllerRecord'
    >,
  ): void {
    switch (record.type) {
      case 'RegisterBrokerRecord':
        this.#putBroker(brokerFromRecord(record));
        return;
      case 'UnregisterBrokerRecord':
        this.#registration(record.brokerId, record.brokerEpoch);
        this.#brokers = new Map(this.#brokers ?? this.base.brokers);
        this.#brokers.delete(record.brokerId);
        this.touched.brokers.add(record.brokerId);
        return;
      case 'FenceBrokerRecord':
        this.#putBroker({ ...this.#registration(record.id, record.epoch), fenced: true });
        return;
      case 'UnfenceBrokerRecord':
        this.#putBroker({ ...this.#registration(record.id, record.epoch), fenced: false });
        return;
      case 'BrokerRegistrationChangeRecord':
        this.#changeRegistration(record);
        return;
      case 'RegisterControllerRecord':
        this.#controllers = new Map(this.#controllers ?? this.base.controllers);
        this.#controllers.set(record.controllerId, controllerFromRecord(record));
        this.touched.controllers.add(record.controllerId);
        return;
      default:
        unreachable(record);
    }
  }

  #registration(brokerId: number, brokerEpoch: number): BrokerImage {
    const broker = (this.#brokers ?? this.base.brokers).get(brokerId);
    assert(broker !== undefined, 'A change of a registration names a registered broker.');
    assert(broker.epoch === brokerEpoch, 'A change of a registration names its epoch.');
    return broker;
  }

  #changeRegistration(record: RecordOf<'BrokerRegistrationChangeRecord'>): void {
    const broker = this.#registration(record.brokerId, record.brokerEpoch);
    this.#putBroker({
      ...broker,
      fenced: record.fenced === 0 ? broker.fenced : record.fenced > 0,
      inControlledShutdown: broker.inControlledShutdown || record.inControlledShutdown > 0,
      logDirs: record.logDirs.length === 0 ? broker.logDirs : record.logDirs,
    });
  }

  #putBroker(broker: BrokerImage): void {
    this.#brokers = new Map(this.#brokers ?? this.base.brokers);
    this.#brokers.set(broker.id, broker);
    this.touched.brokers.add(broker.id);
  }

  #replayFeature(record: RecordOf<'FeatureLevelRecord'>): void {
    this.touched.features = true;
    if (record.name === METADATA_VERSION_FEATURE) {
      this.#metadataVersion = record.featureLevel;
      return;
    }
    this.#features = new Map(this.#features ?? this.base.features);
    if (record.featureLevel === 0) this.#features.delete(record.name);
    else this.#features.set(record.name, record.featureLevel);
  }

  #setConfigs(key: string, configs: ConfigsImage | undefined): void {
    this.#configs.set(key, configs);
    this.touched.configs.add(key);
  }

  #replayConfig(record: RecordOf<'ConfigRecord'>): void {
    const { resourceType, resourceName } = record;
    const key = configKey(resourceType, resourceName);
    const current = this.#configs.has(key) ? this.#configs.get(key) : this.base.configs.get(key);
    const values = new Map(current?.values);
    if (record.value === null) values.delete(record.name);
    else values.set(record.name, record.value);
    this.#setConfigs(key, values.size === 0 ? undefined : { resourceType, resourceName, values });
  }

  #replayClientQuota(record: RecordOf<'ClientQuotaRecord'>): void {
    const key = quotaKey(record.entity);
    const current = this.#clientQuotas.has(key)
      ? this.#clientQuotas.get(key)
      : this.base.clientQuotas.get(key);
    const quotas = new Map(current?.quotas);
    if (record.remove) quotas.delete(record.key);
    else quotas.set(record.key, record.value);
    const entity = current?.entity ?? record.entity;
    this.#clientQuotas.set(key, quotas.size === 0 ? undefined : { entity, quotas });
    this.touched.clientQuotas.add(key);
  }

  #replaySecurity(
    record: RecordOf<
      | 'UserScramCredentialRecord'
      | 'RemoveUserScramCredentialRecord'
      | 'AccessControlEntryRecord'
      | 'RemoveAccessControlEntryRecord'
      | 'DelegationTokenRecord'
      | 'RemoveDelegationTokenRecord'
    >,
  ): void {
    switch (record.type) {
      case 'UserScramCredentialRecord':
      case 'RemoveUserScramCredentialRecord': {
        const key = scramKey(record.name, record.mechanism);
        this.#scram.set(key, record.type === 'UserScramCredentialRecord' ? withoutType(record) : undefined);
        this.touched.scram.add(key);
        return;
      }
      case 'AccessControlEntryRecord':
      case 'RemoveAccessControlEntryRecord':
        this.#acls.set(
          record.id,
          record.type === 'AccessControlEntryRecord' ? withoutType(record) : undefined,
        );
        this.touched.acls.add(record.id);
        return;
      case 'DelegationTokenRecord':
      case 'RemoveDelegationTokenRecord': {
        const token = record.type === 'DelegationTokenRecord' ? withoutType(record) : undefined;
        this.#delegationTokens.set(record.tokenId, token);
        this.touched.delegationTokens.add(record.tokenId);
        return;
      }
      default:
        unreachable(record);
    }
  }
}

function withoutType<R extends { readonly type: string }>(record: R): Omit<R, 'type'> {
  const { type: _, ...fields } = record;
  return fields;
}

function brokerFromRecord(record: RecordOf<'RegisterBrokerRecord'>): BrokerImage {
  return {
    id: record.brokerId,
    epoch: record.brokerEpoch,
    incarnationId: record.incarnationId,
    endpoints: record.endPoints,
    features: record.features,
    rack: record.rack,
    fenced: record.fenced,
    inControlledShutdown: record.inControlledShutdown,
    isMigratingZkBroker: record.isMigratingZkBroker,
    logDirs: record.logDirs,
  };
}

function controllerFromRecord(record: RecordOf<'RegisterControllerRecord'>): ControllerImage {
  return {
    id: record.controllerId,
    incarnationId: record.incarnationId,
    zkMigrationReady: record.zkMigrationReady,
    endpoints: record.endPoints,
    features: record.features,
  };
}
