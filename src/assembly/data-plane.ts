/**
 * The data side of a broker: partitions and their waiters, coordinators, and the handlers over them.
 */

import { AllocateProducerIds } from '../../protocol/messages/allocate-producer-ids.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import type { Clock, Timer } from '../../storage/clock.ts';
import type { Disk } from '../../storage/disk.ts';
import type { LogConfig } from '../../storage/log-config.ts';
import type { LogManager } from '../../storage/log-manager.ts';
import { ReadBuffers } from '../../storage/read-buffers.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import { applyDynamicConfigs } from '../config/dynamic.ts';
import { topicConfig } from '../config/topic-config.ts';
import { controllerHandlers } from '../handlers/controller.ts';
import { brokerHandlers } from '../handlers/index.ts';
import type { Services } from '../handlers/services.ts';
import type { Logger } from '../logging.ts';
import { AutoTopicCreation } from '../machine/auto-topic-creation.ts';
import { GroupCoordinator } from '../machine/coordinator-group.ts';
import { CoordinatorPartition } from '../machine/coordinator-partition.ts';
import { creatableTopic } from '../machine/internal-topics.ts';
import { ProducerIds } from '../machine/producer-ids.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { ConfigResourceType } from '../metadata/image.ts';
import { GROUP_METADATA_TOPIC } from '../metadata/names.ts';
import type { MetadataSubscriber } from '../metadata/publisher.ts';
import { AppendStage } from '../partition/append-stage.ts';
import { FetchSessions } from '../partition/fetch-sessions.ts';
import type { Durability } from '../partition/partition.ts';
import { Purgatory } from '../partition/purgatory.ts';
import { Replicas } from '../partition/replicas.ts';
import type { NodeIdentity } from './directories.ts';
import { groupConfigOf } from './group-config.ts';
import type { HandlerTables } from './listeners.ts';
import type { MetadataPlane } from './metadata-plane.ts';
import {
  coordinatorSubscriber,
  deletedOffsetsSubscriber,
  replicasSubscriber,
  settingsSubscriber,
  topicConfigsSubscriber,
} from './subscribers.ts';

const FETCH_SESSION_EVICTION_MS = 120_000;
const MAX_SESSION_ID = 2 ** 31 - 1;

export interface DataPlaneParts {
  /** The configuration in force: replaced when dynamic settings change. */
  readonly settings: { current: BrokerConfig };
  readonly identity: NodeIdentity;
  readonly disk: Disk;
  readonly logs: LogManager;
  readonly clock: Clock;
  readonly timer: Timer;
  readonly log: Logger;
  readonly random: { readonly integer: (below: number) => number; readonly uuid: () => Uuid };
  readonly endOfTurn: (action: () => void) => void;
  readonly metadata: () => MetadataPlane;
}

export interface DataPlane {
  readonly handlers: HandlerTables;
  readonly subscribers: readonly MetadataSubscriber[];
  setBrokerEpoch(epoch: () => number): void;
  /** Makes the internal topics where they are missing and loads the coordinators that live on them. */
  loadCoordinators(): Promise<void>;
  close(): void;
}

export function dataPlane(parts: DataPlaneParts): DataPlane {
  const { settings, identity, logs, clock, timer, log, random, metadata } = parts;
  const purgatory = new Purgatory(timer);
  const stage = new AppendStage(parts.endOfTurn, purgatory);
  const image = (): MetadataImage => metadata().image;
  const replicas = new Replicas({
    brokerId: identity.nodeId,
    logs,
    stage,
    purgatory,
    durability: replicaDurability(settings.current),
    logConfigOf: (topic): LogConfig =>
      topicConfig(settings.current.topics.defaultTexts, image().topicConfigs(topic)),
    onDiskFailure: ({ topic, index }, err) =>
      log.error({ topic, partition: index, err }, 'append failed on the disk'),
  });
  const groups = makeGroups(parts, replicas, image);
  let brokerEpoch = (): number => -1;
  const channel = metadataChannel(metadata);
  const autoCreation = new AutoTopicCreation({
    channel,
    requestTimeoutMs: settings.current.network.requestTimeoutMs,
    topicOf: (name) => creatableTopic(settings.current, name),
    onFailure: (topic, reason) => log.warn({ topic, reason }, 'topic could not be created on first use'),
  });
  const services: Services = {
    config: () => settings.current,
    clock,
    timer,
    clusterId: identity.clusterId,
    image,
    replicas,
    logs,
    purgatory,
    fetchSessions: new FetchSessions({
      maxEntries: settings.current.fetch.maxIncrementalFetchSessionCacheSlots,
      evictionMs: FETCH_SESSION_EVICTION_MS,
      random: () => 1 + random.integer(MAX_SESSION_ID - 1),
      monotonicMs: () => clock.monotonicMs(),
    }),
    readBuffers: new ReadBuffers(),
    groups,
    controller: channel,
    quorum: () => metadata().raft,
    producerIds: new ProducerIds(() =>
      channel.request(
        AllocateProducerIds,
        { brokerId: identity.nodeId, brokerEpoch: brokerEpoch() },
        { version: 0, clientId: null, principal: 'User:ANONYMOUS' },
      ),
    ),
    autoCreation,
    diskSpace: (directory) => parts.disk.space(directory),
    randomInt: random.integer,
  };
  const elections = new Map<number, Promise<void>>();
  return {
    handlers: { broker: brokerHandlers(services), controller: controllerHandlers(services) },
    subscribers: [
      settingsSubscriber((now) => {
        applySettings(parts, now);
        replicas.updateConfigs();
      }),
      replicasSubscriber(replicas),
      coordinatorSubscriber(identity.nodeId, {
        topic: GROUP_METADATA_TOPIC,
        elected: (partition, epoch) => elections.set(partition, groups.onElection(partition, epoch)),
        resigned: (partition, epoch) => groups.onResignation(partition, epoch),
      }),
      deletedOffsetsSubscriber(groups, log),
      topicConfigsSubscriber(replicas),
    ],
    setBrokerEpoch: (epoch) => {
      brokerEpoch = epoch;
    },
    async loadCoordinators() {
      if (image().topic(GROUP_METADATA_TOPIC) === undefined) {
        await autoCreation.createNow([GROUP_METADATA_TOPIC]);
      }
      await Promise.all(elections.values());
    },
    close() {
      groups.shutdown();
      replicas.close();
    },
  };
}

/** By default a partition with one replica is durable by fsync, and one with more as Kafka's. */
function replicaDurability({ durability, settings }: BrokerConfig): Durability | null {
  if (durability !== 'fsync') return 'kafka';
  return settings.isGiven('sordini.durability') ? 'fsync' : null;
}

/** The controller of this node; with more nodes it is wherever the leader of the quorum is. */
const metadataChannel = (metadata: () => MetadataPlane): Services['controller'] => ({
  request: (api, request, context) => metadata().controller.request(api, request, context),
});

function makeGroups(parts: DataPlaneParts, replicas: Replicas, image: () => MetadataImage): GroupCoordinator {
  const { settings, clock, timer, log } = parts;
  const groupLog = log.child({ part: 'group' });
  return new GroupCoordinator({
    config: groupConfigOf(settings.current),
    settings: { commitTimeoutMs: settings.current.offsets.commitTimeoutMs },
    partitionCount: () =>
      image().topic(GROUP_METADATA_TOPIC)?.partitions.length ?? settings.current.offsets.topicNumPartitions,
    openLog: (index) => {
      const partition = replicas.get(GROUP_METADATA_TOPIC, index);
      if (partition === undefined) throw new Error('A coordinator is elected where its partition is.');
      return new CoordinatorPartition(partition, {
        loadBufferBytes: settings.current.offsets.loadBufferBytes,
      });
    },
    clock,
    timer,
    endOfTurn: parts.endOfTurn,
    loggerFor: (partition) => groupLog.child({ partition }),
  });
}

function applySettings({ settings, identity, log }: DataPlaneParts, image: MetadataImage): void {
  const { config, ignored } = applyDynamicConfigs(
    settings.current,
    image.configsOf(ConfigResourceType.BROKER, ''),
    image.configsOf(ConfigResourceType.BROKER, `${identity.nodeId}`),
  );
  if (ignored.length > 0) log.warn({ keys: ignored }, 'dynamic settings that can not be used were left out');
  settings.current = config;
}
