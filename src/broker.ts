/**
 * The composition root: builds every part of a node once, in order, and passes each what it needs. Stops in reverse.
 *
 * The order of a start: directories → a look at the metadata's files → logs (recovery) → metadata quorum and controller
 * → registration → unfencing → internal topics → coordinators loaded, recovered records committed → ports open. What is
 * always true: no client is answered before all of that is done, except on listeners with port 0, whose number nobody
 * knows before the broker is ready. A start that fails lets go of the directories.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { assert } from '../protocol/assert.ts';
import { prepareCompression } from '../protocol/compression/index.ts';
import type { Uuid } from '../protocol/uuid.ts';
import { makeUuid } from '../protocol/uuid.ts';
import type { Clock, Timer } from '../storage/clock.ts';
import { systemClock, systemTimer } from '../storage/clock.ts';
import type { Disk } from '../storage/disk.ts';
import { descriptorLimit, openFileShare, openNodeDisk } from '../storage/disk.ts';
import { LogManager } from '../storage/log-manager.ts';
import { MemoryDisk } from '../storage/memory-disk.ts';
import { PoolLanes } from '../storage/pool-lanes.ts';
import { openProducerState } from '../storage/producer-state.ts';
import { threadedScans } from '../storage/scan-ahead-thread.ts';
import { StallGuards } from '../storage/stall-guard.ts';
import type { NodeCleaner } from './assembly/cleaner.ts';
import { nodeCleaner } from './assembly/cleaner.ts';
import type { DataPlane } from './assembly/data-plane.ts';
import { dataPlane } from './assembly/data-plane.ts';
import type { NodeIdentity } from './assembly/directories.ts';
import { openDirectories, usableDirectories } from './assembly/directories.ts';
import { lockDirectories } from './assembly/directory-lock.ts';
import { DiskReserve } from './assembly/disk-reserve.ts';
import { Listeners } from './assembly/listeners.ts';
import { inspectMetadataFiles } from './assembly/metadata-files.ts';
import { MetadataPlane } from './assembly/metadata-plane.ts';
import { registered, registration } from './assembly/registration.ts';
import { poolThreads } from './cli/pool-threads.ts';
import type { BrokerConfig } from './config/broker-config.ts';
import type { Endpoint } from './config/endpoint.ts';
import { withStoredNodeId } from './config/load.ts';
import type { Logger } from './logging.ts';
import { ExitCode, StartupError } from './startup-error.ts';

export interface BrokerEnvironment {
  readonly log: Logger;
  /** Aborted when the start is no longer wanted. */
  readonly signal?: AbortSignal;
  /** Told when the node can't go on; the default ends the process. */
  readonly onFatal?: (error: unknown) => void;
}

export interface ReadyInfo {
  /** As clients reach them: `PLAINTEXT://localhost:9092`. */
  readonly listeners: readonly string[];
  readonly endpoints: readonly Endpoint[];
  readonly clusterId: string;
  readonly nodeId: number;
}

export interface RunningBroker {
  readonly ready: ReadyInfo;
  /** Controlled shutdown: moves leadership away, flushes, closes. */
  stop(): Promise<void>;
}

const TICK_MS = 1_000;

/** The parts of one node, built and not yet started. */
interface Node {
  readonly config: BrokerConfig;
  readonly identity: NodeIdentity;
  readonly incarnationId: Uuid;
  readonly logs: LogManager;
  readonly listeners: Listeners;
  readonly metadata: MetadataPlane;
  readonly data: DataPlane;
  readonly cleaner: NodeCleaner;
  readonly reserve: DiskReserve;
  readonly clock: Clock;
  readonly timer: Timer;
}

/** @throws {StartupError} when the start can't succeed. @throws {DiskError} @throws {ListenError} */
export async function startBroker(
  given: BrokerConfig,
  environment: BrokerEnvironment,
): Promise<RunningBroker> {
  refuseQuorums(given);
  const onFatal = environment.onFatal ?? endProcess(environment.log);
  const disk = given.durability === 'memory' ? new MemoryDisk() : realDisk(given);
  const unlock = await take(given, disk);
  const reserve = new DiskReserve(disk, given.durability === 'memory' ? [] : usableDirectories(given, disk));
  let node: Node | null = null;
  try {
    if (given.durability !== 'memory') reserve.beforeStart(given.logs.metadataDir);
    await prepareCompression();
    node = build(given, disk, environment.log, onFatal, reserve);
    return await run(node, onFatal, unlock);
  } catch (error) {
    if (node !== null) await abandon(node);
    unlock();
    throw error;
  }
}

/** Ends what a start that failed has begun. Its own failure is no news any more. */
async function abandon({ listeners, data, cleaner, logs, metadata }: Node): Promise<void> {
  const ends = [
    () => listeners.close(),
    async () => data.close(),
    () => cleaner.stop(),
    () => logs.close(),
    () => metadata.stop(),
  ];
  for (const end of ends) await end().catch(() => undefined);
}

async function run(
  node: Node,
  onFatal: (error: unknown) => void,
  unlock: () => void,
): Promise<RunningBroker> {
  const { config, identity, logs, listeners, metadata, data, cleaner, reserve } = node;
  metadata.start();
  await metadata.whenActive();
  await listeners.openUnnumbered(data.handlers);
  metadata.registerController(listeners.controllerEndpoints().map(registered));
  const lifecycle = registration(node);
  data.setBrokerEpoch(() => lifecycle.epoch);
  logs.whenDirectoryFails(() => lifecycle.reportNow());
  await lifecycle.register();
  await lifecycle.becomeReady();
  await data.settled();
  // By now every log has the configuration of its topic.
  cleaner.start();
  await listeners.openNumbered(data.handlers);
  const tick = setInterval(() => {
    reserve.keep();
    logs.tick().catch(onFatal);
  }, TICK_MS);
  return {
    ready: {
      listeners: listeners.advertised(),
      endpoints: listeners.advertisedEndpoints(),
      clusterId: identity.clusterId,
      nodeId: identity.nodeId,
    },
    async stop() {
      clearInterval(tick);
      reserve.release();
      if (config.controlledShutdownEnable) await lifecycle.shutDown();
      lifecycle.stop();
      await listeners.close();
      data.close();
      await cleaner.stop();
      await logs.close(lifecycle.epoch);
      await metadata.stop();
      reserve.keep();
      unlock();
    },
  };
}

/** Each log directory has threads of its own share, so that a slow one leaves the others theirs. */
function realDisk({ logs }: BrokerConfig): Disk {
  const directories = [...new Set([...logs.dirs, logs.metadataDir])];
  return openNodeDisk(openFileShare(descriptorLimit()), new PoolLanes(directories, poolThreads()));
}

/** Takes the data directories for this process; those in memory are nobody else's anyway. */
async function take(config: BrokerConfig, disk: Disk): Promise<() => void> {
  if (config.durability === 'memory') return () => undefined;
  return await lockDirectories(usableDirectories(config, disk), (path) => disk.makeDirectory(path));
}

function build(
  given: BrokerConfig,
  disk: Disk,
  log: Logger,
  onFatal: (error: unknown) => void,
  reserve: DiskReserve,
): Node {
  const clock: Clock = systemClock;
  const timer: Timer = systemTimer;
  const random = { fraction: Math.random, bytes: (count: number) => randomBytes(count) };
  const identity = openDirectories(given, { disk, nowMs: clock.wallMs(), random: random.bytes });
  // A node that was given no id has the one that its directory remembers.
  const config = identity.nodeId === given.nodeId ? given : withStoredNodeId(given, identity.nodeId);
  const files = inspectMetadataFiles(config, disk, log);
  const incarnationId = makeUuid(random.bytes);
  const settings = { current: config };
  const stallGuards = new StallGuards(() => clock.monotonicMs());
  const logs = openLogs(settings, { disk, clock, stallGuards }, log, onFatal);
  const listeners = new Listeners(config, log);
  const plane: { metadata: MetadataPlane | null } = { metadata: null };
  const cleaner = nodeCleaner({ settings, logs, disk, clock, timer, log });
  const data = dataPlane({
    settings,
    onSettings: () => cleaner.settingsChanged(),
    identity,
    disk,
    logs,
    clock,
    timer,
    log,
    random: { integer: (below) => randomInt(below), uuid: () => makeUuid(random.bytes) },
    endOfTurn: (action) => listeners.network.endOfTurn(action),
    nextTurn: (action) => {
      setImmediate(action);
    },
    metadata: () => {
      assert(plane.metadata !== null, 'The metadata side is built before it is asked.');
      return plane.metadata;
    },
  });
  const { subscribers } = data;
  const { nodeId, clusterId } = identity;
  const shared = { config, files, disk, stallGuards, reserve, clock, timer, random, log };
  const metadata = new MetadataPlane({ ...shared, nodeId, clusterId, incarnationId, subscribers, onFatal });
  plane.metadata = metadata;
  const upkeep = { cleaner, reserve, clock, timer };
  return { config, identity, incarnationId, logs, listeners, metadata, data, ...upkeep };
}

function openLogs(
  settings: { current: BrokerConfig },
  ports: { readonly disk: Disk; readonly clock: Clock; readonly stallGuards: StallGuards },
  log: Logger,
  onFatal: (error: unknown) => void,
): LogManager {
  const { logs, replication, topics } = settings.current;
  const opened = LogManager.open({
    ...ports,
    random: Math.random,
    logDirs: logs.dirs,
    isAlone: settings.current.isLoneVoter,
    // What lies in this process's memory can't be reached by another thread, and is new at every start.
    ...(settings.current.durability === 'memory' ? {} : { scanHelpers: threadedScans() }),
    intervals: {
      retentionCheckMs: logs.retentionCheckIntervalMs,
      recoveryPointMs: logs.flushOffsetCheckpointIntervalMs,
      startOffsetMs: logs.flushStartOffsetCheckpointIntervalMs,
      highWatermarkMs: replication.highWatermarkCheckpointIntervalMs,
    },
    configOf: () => topics.defaults,
    openProducers: openProducerState({
      expirationMs: () => settings.current.logs.producerIdExpirationMs,
      isVerificationEnabled: () => settings.current.transaction.partitionVerificationEnable,
    }),
    onDirectoryFailure: (directory, err) => log.error({ directory, err }, 'log directory went offline'),
    onNoDirectory: (cause) => onFatal(new Error('All log directories have failed.', { cause })),
  });
  for (const { topic, partition, recovery } of opened.all()) {
    const { damagedOffsets, mendedOffsets } = recovery;
    if (damagedOffsets.length + mendedOffsets.length === 0) continue;
    log.warn({ topic, partition, damagedOffsets, mendedOffsets }, 'damaged records were found');
  }
  return opened;
}

/** Nodes of one quorum do not talk to each other yet: better no start than a cluster that is none. */
function refuseQuorums(config: BrokerConfig): void {
  if (config.isLoneVoter) return;
  throw new StartupError(
    ExitCode.BAD_CONFIGURATION,
    'Only a single combined node is served: set process.roles=broker,controller and name this node alone in ' +
      'controller.quorum.voters, or leave both out.',
  );
}

/** A node whose metadata can't be trusted any more must not go on for another moment. */
function endProcess(log: Logger): (error: unknown) => void {
  return (err) => {
    log.fatal({ err }, 'the node can not go on');
    log.flush?.();
    process.exit(ExitCode.FATAL);
  };
}
