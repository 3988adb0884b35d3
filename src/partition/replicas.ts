/**
 * All partitions that have a replica on this broker, kept in step with the metadata image.
 *
 * What is always true after `apply` has returned: for each partition that the image assigns to this broker there is
 * a log with the image's topic id and a Partition over it, or a retry waits for room to make them; for no other is there one. A log of another topic id that
 * bears the same name (the topic was deleted and made anew) is never served (KAFKA-14616): it goes first.
 *
 * See kafka.server.ReplicaManager.applyDelta.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import type { DiskError } from '../../storage/disk.ts';
import { isPassing } from '../../storage/disk.ts';
import type { Log } from '../../storage/log.ts';
import type { LogConfig } from '../../storage/log-config.ts';
import type { LogManager } from '../../storage/log-manager.ts';
import { isReservedDirectory } from '../metadata/directory-ids.ts';
import type { PartitionImage } from '../metadata/partition-image.ts';
import type { AppendStage } from './append-stage.ts';
import type { Durability } from './partition.ts';
import { Partition } from './partition.ts';
import type { Purgatory } from './purgatory.ts';

/** A topic as this broker needs it: from the image, without the rest of it. */
export interface LocalTopic {
  readonly name: string;
  readonly id: Uuid;
  readonly partitions: Iterable<readonly [number, PartitionImage]>;
}

export interface ReplicaChanges {
  /** Topics that were created, or of which some partition changed. */
  readonly changedTopics: Iterable<LocalTopic>;
  readonly deletedTopics: Iterable<{ readonly name: string; readonly id: Uuid }>;
}

/** The log.dirs by the ids that the cluster's metadata knows them by (KIP-858). */
export interface ReplicaDirectories {
  /** Null for an id that is none of ours. */
  pathOf(id: Uuid): string | null;
  idOf(path: string): Uuid | null;
  /** A replica lies in another directory than the metadata says. */
  assign(replica: { readonly topicId: Uuid; readonly partition: number; readonly directoryId: Uuid }): void;
}

export interface ReplicasOptions {
  readonly brokerId: number;
  readonly logs: LogManager;
  readonly stage: AppendStage;
  readonly purgatory: Purgatory;
  readonly durability: Durability | null;
  readonly logConfigOf: (topic: string) => LogConfig;
  readonly directories: ReplicaDirectories;
  readonly onDiskFailure: (partition: Partition, error: DiskError) => void;
  /** A log could not be made or opened for want of space or descriptors; it is tried again until it can. */
  readonly onOpenFailure: (topic: string, index: number, error: DiskError) => void;
  /** Runs `action` after a while. */
  readonly later: (action: () => void) => void;
  /** A partition that could not be opened when its topic was published now is. */
  readonly onLateOpen: (topic: string, index: number) => void;
}

export class Replicas {
  readonly #topics = new Map<string, Map<number, Partition>>();
  /** Replicas whose directory is offline, as `partition/topic`. */
  readonly #offline = new Set<string>();
  readonly #options: ReplicasOptions;
  #isToRetry = false;
  /** Partitions without a log: the disk had no room for it. By topic and index, with the state they are to have. */
  readonly #unopened = new Map<string, { topic: LocalTopic; index: number; state: PartitionImage }>();

  constructor(options: ReplicasOptions) {
    this.#options = options;
    options.logs.whenDirectoryFails(() => {
      for (const partition of this.all()) partition.directoryFailed();
    });
  }

  /** Why `get` has nothing for a partition that there is: its directory is offline, or it has no replica here. */
  missingError(topic: string, index: number): number {
    return this.#offline.has(`${index}/${topic}`)
      ? ErrorCode.KAFKA_STORAGE_ERROR
      : ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }

  get(topic: string, index: number): Partition | undefined {
    return this.#topics.get(topic)?.get(index);
  }

  *all(): Iterable<Partition> {
    for (const partitions of this.#topics.values()) yield* partitions.values();
  }

  /** Deletes first, so that a topic made anew under the same name starts with nothing. */
  apply(changes: ReplicaChanges): void {
    for (const { name, id } of changes.deletedTopics) this.#deleteTopic(name, id);
    for (const topic of changes.changedTopics) this.#applyTopic(topic);
  }

  #deleteTopic(name: string, id: Uuid): void {
    for (const [key, { topic }] of this.#unopened) if (topic.name === name) this.#unopened.delete(key);
    for (const key of this.#offline) if (key.slice(key.indexOf('/') + 1) === name) this.#offline.delete(key);
    for (const partition of this.#topics.get(name)?.values() ?? []) {
      if (partition.log.topicId === id) this.#delete(partition);
    }
  }

  #delete(partition: Partition): void {
    const partitions = this.#topics.get(partition.topic);
    partitions?.delete(partition.index);
    if (partitions?.size === 0) this.#topics.delete(partition.topic);
    partition.close(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    this.#options.logs.delete(partition.topic, partition.index);
  }

  #applyTopic(topic: LocalTopic): void {
    const { brokerId } = this.#options;
    for (const [index, state] of topic.partitions) {
      let partition = this.get(topic.name, index);
      if (partition !== undefined && partition.log.topicId !== topic.id) {
        this.#delete(partition);
        partition = undefined;
      }
      this.#unopened.delete(`${topic.name}-${index}`);
      if (!state.replicas.includes(brokerId)) {
        this.#offline.delete(`${index}/${topic.name}`);
        if (partition !== undefined) this.#delete(partition);
      } else if (partition === undefined) {
        this.#tryOpen(topic, index, state);
      } else {
        partition.update(state);
      }
    }
  }

  #tryOpen(topic: LocalTopic, index: number, state: PartitionImage): boolean {
    try {
      this.#open(topic, index, state);
      return true;
    } catch (error) {
      if (!isPassing(error)) throw error;
      this.#tryLater();
      this.#unopened.set(`${topic.name}-${index}`, { topic, index, state });
      this.#options.onOpenFailure(topic.name, index, error);
      return false;
    }
  }

  #tryLater(): void {
    if (this.#isToRetry) return;
    this.#isToRetry = true;
    this.#options.later(() => {
      this.#isToRetry = false;
      this.#openLate();
    });
  }

  /** Tries again what could not be opened; the first failure says that the time has not come. */
  #openLate(): void {
    for (const [key, { topic, index, state }] of [...this.#unopened]) {
      this.#unopened.delete(key);
      if (!this.#tryOpen(topic, index, state)) break;
      this.#options.onLateOpen(topic.name, index);
    }
  }

  #open(topic: LocalTopic, index: number, state: PartitionImage): void {
    const { brokerId, stage, purgatory, durability, onDiskFailure } = this.#options;
    const log = this.#logOf(topic, index, state);
    if (log === null) {
      this.#offline.add(`${index}/${topic.name}`);
      return;
    }
    this.#offline.delete(`${index}/${topic.name}`);
    const partition = new Partition({
      topic: topic.name,
      index,
      log,
      state,
      settings: { brokerId, durability },
      stage,
      purgatory,
      onFailure: onDiskFailure,
    });
    let partitions = this.#topics.get(topic.name);
    if (partitions === undefined) {
      partitions = new Map();
      this.#topics.set(topic.name, partitions);
    }
    partitions.set(index, partition);
  }

  #logOf(topic: LocalTopic, index: number, state: PartitionImage): Log | null {
    const { logs, logConfigOf } = this.#options;
    // A log of another topic that bore this name is not this partition's (KAFKA-14616).
    const found = logs.find(topic.name, index, topic.id);
    if (found === undefined) {
      logs.delete(topic.name, index);
      if (!this.#chooseDirectory(topic, index, state)) return null;
    }
    const log = logs.create(topic.name, index, topic.id, logConfigOf(topic.name));
    this.#assign(topic.id, index, state, log);
    return log;
  }

  /** Where a replica without a log shall get one: where the metadata says. False when that is offline. */
  #chooseDirectory(topic: LocalTopic, index: number, state: PartitionImage): boolean {
    const { logs, directories } = this.#options;
    const id = this.#assignedDirectory(state);
    if (id === undefined || isReservedDirectory(id)) {
      // One that has been served before may lie in a directory that is offline.
      const isNew = state.leaderEpoch === 0 && state.partitionEpoch === 0;
      return isNew || logs.directories.every(({ isOnline }) => isOnline);
    }
    const path = directories.pathOf(id);
    if (path === null || logs.directoryAt(path)?.isOnline !== true) return false;
    logs.prefer(topic.name, index, path);
    return true;
  }

  #assignedDirectory(state: PartitionImage): Uuid | undefined {
    return state.directories[state.replicas.indexOf(this.#options.brokerId)];
  }

  /** Tells the cluster where the replica lies, if it thinks otherwise. */
  #assign(topicId: Uuid, index: number, state: PartitionImage, log: Log): void {
    const { logs, directories } = this.#options;
    const directoryId = directories.idOf(logs.directoryOf(log)?.path ?? '');
    if (directoryId === null || directoryId === this.#assignedDirectory(state)) return;
    directories.assign({ topicId, partition: index, directoryId });
  }

  /** The replica has moved to another directory. */
  moved(partition: Partition): void {
    this.#assign(partition.log.topicId, partition.index, partition.state, partition.log);
  }

  /**
   * Resolves once all that was recovered and needs nobody else's promise is committed, or its disk has failed: whoever
   * reads after a start sees at once what was there before, as with Apache Kafka.
   */
  async settled(): Promise<void> {
    const waits: Promise<void>[] = [];
    for (const partition of this.all()) {
      if (!partition.isLeader || !partition.isCommittedAlone) continue;
      const { logEndOffset } = partition.log;
      waits.push(new Promise((resolve) => partition.awaitCommitted(logEndOffset, () => resolve())));
    }
    await Promise.all(waits);
  }

  /** Takes a topic's changed configuration into use, at once. */
  updateConfig(topic: string): void {
    const config = this.#options.logConfigOf(topic);
    for (const partition of this.#topics.get(topic)?.values() ?? []) partition.log.updateConfig(config);
  }

  /** The same for all topics: what they inherit from the broker has changed. */
  updateConfigs(): void {
    for (const topic of this.#topics.keys()) this.updateConfig(topic);
  }

  /** Ends all waiting; the logs themselves are closed by their manager. */
  close(): void {
    this.#options.stage.flush();
    for (const partition of this.all()) partition.close(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  }
}
