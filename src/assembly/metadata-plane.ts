/**
 * The metadata side of a node: the Raft node over `__cluster_metadata-0`, the controller above it, and the loader that
 * turns what is committed into images for the broker.
 *
 * What is always true: the loader is given each committed batch before the controller is told of it, so that an answer
 * of the controller finds the broker's own metadata caught up; whoever waits for an offset waits on the loader.
 */
import type { Uuid } from '../../protocol/uuid.ts';
import type { Clock, Timer } from '../../storage/clock.ts';
import type { Disk } from '../../storage/disk.ts';
import type { LogEnvironment } from '../../storage/log-types.ts';
import { NoProducers } from '../../storage/producers.ts';
import { StagingPool } from '../../storage/staging.ts';
import type { StallGuards } from '../../storage/stall-guard.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import { configRulesOf } from '../controller/config-rules.ts';
import { Controller } from '../controller/controller.ts';
import { SUPPORTED_FEATURES } from '../controller/features.ts';
import type { ScramKeys } from '../controller/ports.ts';
import type { Logger } from '../logging.ts';
import { ControllerDriver } from '../machine/controller-driver.ts';
import type { RegisteredListener } from '../machine/controller-registrar.ts';
import { ControllerRegistrar } from '../machine/controller-registrar.ts';
import { MetadataSnapshots } from '../machine/metadata-snapshots.ts';
import type { RaftListener } from '../machine/raft-feed.ts';
import { RaftNode } from '../machine/raft-node.ts';
import { metadataLogDirectory, openMetadataLog } from '../machine/raft-open.ts';
import { noTransport } from '../machine/raft-peers.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { MetadataLoader } from '../metadata/loader.ts';
import type { MetadataSubscriber } from '../metadata/publisher.ts';
import { MetadataPublisher } from '../metadata/publisher.ts';
import type { MetadataFiles } from './metadata-files.ts';
import { scramKeys } from './scram-keys.ts';

const SHUTDOWN_TIMEOUT_MS = 5_000;

export interface MetadataPlaneParts {
  readonly config: BrokerConfig;
  readonly nodeId: number;
  readonly clusterId: string;
  readonly incarnationId: Uuid;
  readonly disk: Disk;
  /** Of the log directories, in one of which the metadata may lie. */
  readonly stallGuards: StallGuards;
  readonly clock: Clock;
  readonly timer: Timer;
  readonly random: { readonly fraction: () => number; readonly bytes: (count: number) => Uint8Array };
  readonly log: Logger;
  /** Gives up room on the disk for records that must be written. */
  readonly reserve: { release(): void };
  /** As they were found before anything was opened. */
  readonly files: MetadataFiles;
  /** In the order in which they hear of a new image. */
  readonly subscribers: readonly MetadataSubscriber[];
  /** The node can't go on: a bug in what must never be guessed, or the metadata disk is dead. */
  readonly onFatal: (error: unknown) => void;
}

export class MetadataPlane {
  readonly raft: RaftNode;
  readonly controller: ControllerDriver;
  readonly #loader: MetadataLoader;
  readonly #registrar: ControllerRegistrar;
  readonly #parts: MetadataPlaneParts;
  #appliedWaiters: Array<{ readonly offset: number; readonly resolve: () => void }> = [];
  #activeWaiters: Array<() => void> = [];

  constructor(parts: MetadataPlaneParts) {
    this.#parts = parts;
    const { config, nodeId, clusterId, disk, clock, timer, random, log } = parts;
    const controllers = { name: 'controllers', publish: () => this.#registrar.imageChanged() };
    const publisher = new MetadataPublisher([...parts.subscribers, controllers], (subscriber, err) =>
      log.error({ subscriber, err }, 'metadata could not be applied'),
    );
    this.#loader = new MetadataLoader(publisher, parts.onFatal);
    const directory = metadataLogDirectory(config.logs.metadataDir);
    const snapshots = this.#snapshots();
    if (parts.files.findings.damagedSnapshots.length > 0) snapshots.want();
    this.raft = new RaftNode(
      {
        nodeId,
        clusterId,
        voters: config.quorum.voters.map(({ id }) => ({ id, directoryId: null })),
        timing: {
          electionTimeoutMs: config.quorum.electionTimeoutMs,
          fetchTimeoutMs: config.quorum.fetchTimeoutMs,
          electionBackoffMaxMs: config.quorum.electionBackoffMaxMs,
          requestTimeoutMs: config.quorum.requestTimeoutMs,
          retryBackoffMs: config.quorum.retryBackoffMs,
        },
        retention: {
          maxBytes: config.logs.metadataMaxRetentionBytes,
          maxMs: config.logs.metadataMaxRetentionMs,
          fileDeleteDelayMs: 60_000,
        },
        directory,
      },
      {
        disk,
        log: openMetadataLog(this.#logEnvironment(), {
          directory: config.logs.metadataDir,
          segmentBytes: config.logs.metadataSegmentBytes,
          segmentMs: config.logs.metadataSegmentMs,
          nowMs: clock.wallMs(),
          findings: parts.files.findings,
          makeRoom: () => parts.reserve.release(),
        }),
        clock,
        timer,
        random: random.fraction,
        transport: noTransport,
        listener: this.#listener(snapshots),
        onFatal: parts.onFatal,
        onNote: ({ level, text, nodeId: peer, epoch }) => log[level]({ epoch, peer }, text),
      },
    );
    this.controller = this.#makeController();
    this.#registrar = new ControllerRegistrar({
      channel: this.controller,
      timer,
      image: () => this.image,
    });
  }

  #logEnvironment(): LogEnvironment {
    const { disk, random, onFatal, stallGuards } = this.#parts;
    return {
      disk,
      stagingPool: new StagingPool(),
      stallGuards,
      openProducers: () => new NoProducers(),
      random: random.fraction,
      onFailure: (_log, cause) => onFatal(cause),
      // The metadata log is recovered whole at every start: no checkpoint claims anything of it.
      beforeTruncation: () => undefined,
    };
  }

  #snapshots(): MetadataSnapshots {
    const { config, clock, onFatal } = this.#parts;
    return new MetadataSnapshots({
      settings: {
        maxBytesBetween: config.logs.metadataMaxRecordBytesBetweenSnapshots,
        maxIntervalMs: config.logs.metadataMaxSnapshotIntervalMs,
      },
      clock,
      write: async (image) => {
        await this.raft.createSnapshot({
          id: { endOffset: image.offset + 1, epoch: image.epoch },
          lastContainedLogTimestampMs: image.timestampMs,
          records: image.records(),
          metadataLevel: image.metadataVersion,
        });
      },
      onFault: onFatal,
    });
  }

  #listener(snapshots: MetadataSnapshots): RaftListener {
    return {
      handleCommit: (batches, highWatermark) => {
        this.#loader.load(batches, highWatermark);
        this.#releaseApplied();
        this.controller.committed(this.#loader.lastOffset);
        if (!this.#loader.faulty) snapshots.advanced(batches, this.#loader.image);
      },
      handleLoadSnapshot: (snapshot) => {
        this.#loader.loadSnapshot(snapshot);
        this.#releaseApplied();
        snapshots.loaded(snapshot.lastContainedOffset);
      },
      handleLeaderChange: ({ leaderId, epoch }) => {
        this.controller.resign();
        if (leaderId !== this.#parts.nodeId) return;
        this.controller.becomeActive(epoch);
        for (const resolve of this.#activeWaiters.splice(0)) resolve();
      },
    };
  }

  #makeController(): ControllerDriver {
    const { config, nodeId, clusterId, incarnationId, clock, timer, random, log, onFatal } = this.#parts;
    const controller = new Controller(
      {
        nodeId,
        clusterId,
        quorumNodeIds: config.quorum.voters.map(({ id }) => id),
        brokerIncarnationId: incarnationId,
        brokerSessionTimeoutMs: config.quorum.brokerSessionTimeoutMs,
        defaultPartitionCount: config.topics.numPartitions,
        defaultReplicationFactor: config.topics.defaultReplicationFactor,
        deleteTopicEnable: config.topics.deleteEnable,
        bootstrapRecords: this.#parts.files.bootstrapRecords,
      },
      {
        random: {
          bytes: random.bytes,
          below: (bound) => Math.floor(random.fraction() * bound),
        },
        configs: configRulesOf(config),
        scramKeys: (mechanism, saltedPassword): ScramKeys => scramKeys(mechanism, saltedPassword),
      },
    );
    return new ControllerDriver({
      controller,
      log: this.#metadataLog(),
      loader: this.#loader,
      clock,
      timer,
      logger: log.child({ part: 'controller' }),
      settings: {
        maxIdleIntervalMs: config.logs.metadataMaxIdleIntervalMs,
        leaderBalanceIntervalMs: config.replication.autoLeaderRebalanceEnable
          ? config.replication.leaderImbalanceCheckIntervalSeconds * 1000
          : null,
      },
      whenApplied: (offset) => this.whenApplied(offset),
      onFault: onFatal,
    });
  }

  #metadataLog() {
    const raft = this.raft;
    return {
      get endOffset(): number {
        return raft.logEndOffset;
      },
      propose: (
        epoch: number,
        records: Parameters<RaftNode['propose']>[0]['records'],
        metadataLevel: number,
      ): number => raft.propose({ records, metadataLevel, epoch, requiredBaseOffset: null }).baseOffset,
    };
  }

  get image(): MetadataImage {
    return this.#loader.image;
  }

  /** Highest offset that this node has read from the metadata log. */
  get appliedOffset(): number {
    return this.#loader.lastOffset;
  }

  start(): void {
    this.raft.start();
  }

  /** Resolves once the controller of this node is the active one. */
  async whenActive(): Promise<void> {
    if (this.controller.activeEpoch !== null) return;
    await new Promise<void>((resolve) => {
      this.#activeWaiters.push(resolve);
    });
  }

  /** Resolves once everything up to and including `offset` is published. */
  async whenApplied(offset: number): Promise<void> {
    if (this.#loader.lastOffset >= offset) return;
    await new Promise<void>((resolve) => {
      this.#appliedWaiters.push({ offset, resolve });
    });
  }

  #releaseApplied(): void {
    const { lastOffset } = this.#loader;
    const ready = this.#appliedWaiters.filter(({ offset }) => offset <= lastOffset);
    if (ready.length === 0) return;
    this.#appliedWaiters = this.#appliedWaiters.filter(({ offset }) => offset > lastOffset);
    for (const { resolve } of ready) resolve();
  }

  /** Once the ports of `listeners` are known: from now on the metadata log names this controller and them. */
  registerController(listeners: readonly RegisteredListener[]): void {
    const { nodeId, incarnationId } = this.#parts;
    this.#registrar.start({
      controllerId: nodeId,
      incarnationId,
      zkMigrationReady: false,
      listeners,
      features: SUPPORTED_FEATURES,
    });
  }

  async stop(): Promise<void> {
    this.#registrar.stop();
    this.controller.stop();
    await this.raft.shutdown(SHUTDOWN_TIMEOUT_MS);
  }
}
