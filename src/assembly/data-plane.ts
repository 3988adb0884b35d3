/**
 * The data side of a broker: partitions and their waiters, coordinators, and the handlers over them.
 */

import { AllocateProducerIds } from '../../protocol/messages/allocate-producer-ids.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import type { Clock, Timer } from '../../storage/clock.ts';
import { SteadyClock } from '../../storage/clock-guard.ts';
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
import type { ControllerChannel } from '../machine/controller-channel.ts';
import { creatableTopic } from '../machine/internal-topics.ts';
import { ProducerIds } from '../machine/producer-ids.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { ConfigResourceType } from '../metadata/image.ts';
import { GROUP_METADATA_TOPIC, TRANSACTION_STATE_TOPIC } from '../metadata/names.ts';
import type { MetadataSubscriber } from '../metadata/publisher.ts';
import { AppendStage } from '../partition/append-stage.ts';
import { ContentWalks } from '../partition/content-walks.ts';
import { FetchSessions } from '../partition/fetch-sessions.ts';
import type { Durability } from '../partition/partition.ts';
import { Purgatory } from '../partition/purgatory.ts';
import { Replicas } from '../partition/replicas.ts';
import { makeCoordinators } from './coordinators.ts';
import type { NodeIdentity } from './directories.ts';
import type { HandlerTables } from './listeners.ts';
import { logDirs } from './log-dirs.ts';
import type { MetadataPlane } from './metadata-plane.ts';
import { replicasSubscriber, settingsSubscriber, topicConfigsSubscriber } from './subscribers.ts';

const INTERNAL_TOPICS = [GROUP_METADATA_TOPIC, TRANSACTION_STATE_TOPIC];
const FETCH_SESSION_EVICTION_MS = 120_000;
const OPEN_RETRY_MS = 500;
const COMPLAINT_INTERVAL_MS = 10_000;
const MAX_SESSION_ID = 2 ** 31 - 1;

export interface DataPlaneParts {
  /** The configuration in force: replaced when dynamic settings change. */
  readonly settings: { current: BrokerConfig };
  /** Told after they were replaced. */
  readonly onSettings: () => void;
  readonly identity: NodeIdentity;
  readonly disk: Disk;
  readonly logs: LogManager;
  readonly clock: Clock;
  readonly timer: Timer;
  readonly log: Logger;
  readonly random: { readonly integer: (below: number) => number; readonly uuid: () => Uuid };
  readonly endOfTurn: (action: () => void) => void;
  /** Runs an action in a turn of its own: what arrives meanwhile is read before any action that this one asks for. */
  readonly nextTurn: (action: () => void) => void;
  readonly metadata: () => MetadataPlane;
}

export interface DataPlane {
  readonly handlers: HandlerTables;
  readonly subscribers: readonly MetadataSubscriber[];
  setBrokerEpoch(epoch: () => number): void;
  /**
   * Makes the internal topics where they are missing. Resolves once the coordinators that live on them are loaded and
   * what was recovered is committed.
   */
  settled(): Promise<void>;
  close(): void;
}

export function dataPlane(parts: DataPlaneParts): DataPlane {
  const { settings, identity, logs, clock, timer, log, random, metadata } = parts;
  const purgatory = new Purgatory(timer);
  const stage = new AppendStage(parts.endOfTurn, purgatory);
  const image = (): MetadataImage => metadata().image;
  const complain = nowAndThen(clock, (fields, message) => log.error(fields, message));
  let brokerEpoch = (): number => -1;
  const channel = metadataChannel(metadata);
  const dirs = logDirs({ ...parts, channel, brokerEpoch: () => brokerEpoch(), replicas: () => replicas });
  const replicas: Replicas = new Replicas({
    directories: dirs.directories,
    brokerId: identity.nodeId,
    logs,
    stage,
    purgatory,
    durability: replicaDurability(settings.current),
    logConfigOf: (topic): LogConfig =>
      topicConfig(settings.current.topics.defaultTexts, image().topicConfigs(topic)),
    onDiskFailure: ({ topic, index }, err) =>
      complain({ topic, partition: index, err }, 'append failed on the disk'),
    onOpenFailure: (topic, partition, err) =>
      complain({ topic, partition, err }, 'partition has no log yet: it is tried again'),
    later: (action) => {
      timer.after(OPEN_RETRY_MS, action);
    },
    onLateOpen: (topic, index) => coordinators.openedLate(topic, index),
  });
  const producerIds = new ProducerIds(() =>
    channel.request(
      AllocateProducerIds,
      { brokerId: identity.nodeId, brokerEpoch: brokerEpoch() },
      { version: 0, clientId: null, principal: 'User:ANONYMOUS' },
    ),
  );
  const coordinators = makeCoordinators({
    ...{ settings, replicas, image, producerIds, timer, log },
    // What expires by age must not do so because the clock was wrong for a moment.
    clock: new SteadyClock(clock),
    endOfTurn: parts.endOfTurn,
    nodeId: identity.nodeId,
  });
  const { groups, transactions } = coordinators;
  const autoCreation = autoCreationOf(parts, channel);
  const services: Services = {
    ...{ clock, timer, image, replicas, logs, purgatory, groups, transactions, producerIds, autoCreation },
    readBuffers: new ReadBuffers(),
    contentWalks: new ContentWalks(parts.nextTurn),
    logDirMover: dirs.mover,
    config: () => settings.current,
    clusterId: identity.clusterId,
    fetchSessions: fetchSessionsOf(parts),
    controller: channel,
    quorum: () => metadata().raft,
    diskSpace: (directory) => parts.disk.space(directory),
    randomInt: random.integer,
  };
  return {
    handlers: { broker: brokerHandlers(services), controller: controllerHandlers(services) },
    subscribers: [
      settingsSubscriber((now) => {
        applySettings(parts, now);
        replicas.updateConfigs();
      }),
      replicasSubscriber(replicas),
      ...coordinators.subscribers,
      topicConfigsSubscriber(replicas),
    ],
    setBrokerEpoch: (epoch) => {
      brokerEpoch = epoch;
    },
    async settled() {
      await makeInternalTopics(image(), autoCreation);
      await dirs.told();
      await coordinators.loaded();
      await replicas.settled();
      dirs.resume();
    },
    close() {
      dirs.close();
      coordinators.close();
      replicas.close();
    },
  };
}

async function makeInternalTopics(image: MetadataImage, autoCreation: AutoTopicCreation): Promise<void> {
  const missing = INTERNAL_TOPICS.filter((name) => image.topic(name) === undefined);
  if (missing.length > 0) await autoCreation.createNow(missing);
}

/** A full disk fails every append: once in a while says it all. */
function nowAndThen(
  clock: Clock,
  say: (fields: object, message: string) => void,
): (fields: object, message: string) => void {
  const saidMs = new Map<string, number>();
  return (fields, message) => {
    const nowMs = clock.monotonicMs();
    if (nowMs - (saidMs.get(message) ?? Number.NEGATIVE_INFINITY) < COMPLAINT_INTERVAL_MS) return;
    saidMs.set(message, nowMs);
    say(fields, message);
  };
}

function autoCreationOf({ settings, log }: DataPlaneParts, channel: ControllerChannel): AutoTopicCreation {
  return new AutoTopicCreation({
    channel,
    requestTimeoutMs: settings.current.network.requestTimeoutMs,
    topicOf: (name) => creatableTopic(settings.current, name),
    onFailure: (topic, reason) => log.warn({ topic, reason }, 'topic could not be created on first use'),
  });
}

function fetchSessionsOf({ settings, random, clock }: DataPlaneParts): FetchSessions {
  return new FetchSessions({
    maxEntries: settings.current.fetch.maxIncrementalFetchSessionCacheSlots,
    evictionMs: FETCH_SESSION_EVICTION_MS,
    random: () => 1 + random.integer(MAX_SESSION_ID - 1),
    monotonicMs: () => clock.monotonicMs(),
  });
}

/** By default a partition with one replica is durable by fsync, and one with more as Kafka's. */
function replicaDurability({ durability, settings }: BrokerConfig): Durability | null {
  if (durability !== 'fsync') return 'kafka';
  return settings.isGiven('sordini.durability') ? 'fsync' : null;
}

/** The controller of this node; with more nodes it is wherever the leader of the quorum is. */
const metadataChannel = (metadata: () => MetadataPlane): ControllerChannel => ({
  request: (api, request, context) => metadata().controller.request(api, request, context),
});

function applySettings({ settings, onSettings, identity, log }: DataPlaneParts, image: MetadataImage): void {
  const { config, ignored } = applyDynamicConfigs(
    settings.current,
    image.configsOf(ConfigResourceType.BROKER, ''),
    image.configsOf(ConfigResourceType.BROKER, `${identity.nodeId}`),
  );
  if (ignored.length > 0) log.warn({ keys: ignored }, 'dynamic settings that can not be used were left out');
  settings.current = config;
  onSettings();
}
