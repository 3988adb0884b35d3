/**
 * What the controller is given: how it is set up, chance, and what it must ask others.
 */
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { Uuid } from '../../protocol/uuid.ts';

export interface ControllerOptions {
  readonly nodeId: number;
  readonly clusterId: string;
  /** Ids of the voters. */
  readonly quorumNodeIds: readonly number[];
  /** Incarnation id of the broker in this process; null on a node that is only a controller. */
  readonly brokerIncarnationId: Uuid | null;
  /** broker.session.timeout.ms */
  readonly brokerSessionTimeoutMs: number;
  /** num.partitions */
  readonly defaultPartitionCount: number;
  /** default.replication.factor */
  readonly defaultReplicationFactor: number;
  /** delete.topic.enable */
  readonly deleteTopicEnable: boolean;
  /** What a new cluster's log begins with; at least the level of metadata.version. */
  readonly bootstrapRecords: readonly MetadataRecord[];
}

export interface ControllerRandom {
  bytes(byteCount: number): Uint8Array;
  /** A whole number from 0 to `bound` - 1. */
  below(bound: number): number;
}

/** One line of the configuration echoed by CreateTopics. */
export interface EffectiveConfig {
  readonly name: string;
  /** Null when sensitive or unset. */
  readonly value: string | null;
  readonly readOnly: boolean;
  readonly configSource: number;
  readonly isSensitive: boolean;
}

/** What the controller asks of the definitions of configuration keys. */
export interface ConfigRules {
  /** @throws {KafkaError} INVALID_CONFIG, INVALID_REQUEST when the resource may not have these values. */
  validate(resourceType: number, resourceName: string, values: ReadonlyMap<string, string>): void;
  isList(resourceType: number, name: string): boolean;
  /** The value that a list has while none is set, null when there is none. */
  defaultText(resourceType: number, name: string): string | null;
  /**
   * All values of a topic made with `topicConfigs`, given the dynamic values of this node and of the cluster.
   * Sorted by name.
   */
  effectiveTopicConfigs(
    topicConfigs: ReadonlyMap<string, string>,
    nodeConfigs: ReadonlyMap<string, string>,
    clusterConfigs: ReadonlyMap<string, string>,
  ): readonly EffectiveConfig[];
}

/** The two keys that stand for a SCRAM password (RFC 5802). */
export interface ScramKeys {
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

export interface ControllerPorts {
  readonly random: ControllerRandom;
  readonly configs: ConfigRules;
  readonly scramKeys: (mechanism: number, saltedPassword: Buffer) => ScramKeys;
}
