/**
 * What a handler may use: the broker's parts, as the composition root built them. Handlers receive it once, when
 * the list is made, and keep no state of their own.
 */
import type { Clock, Timer } from '../../storage/clock.ts';
import type { LogManager } from '../../storage/log-manager.ts';
import type { ReadBuffers } from '../../storage/read-buffers.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import type { AutoTopicCreation } from '../machine/auto-topic-creation.ts';
import type { ControllerChannel } from '../machine/controller-channel.ts';
import type { GroupCoordinator } from '../machine/coordinator-group.ts';
import type { ProducerIds } from '../machine/producer-ids.ts';
import type { RaftNode } from '../machine/raft-node.ts';
import type { Transactions } from '../machine/transactions.ts';
import type { MetadataImage } from '../metadata/image.ts';
import type { ContentWalks } from '../partition/content-walks.ts';
import type { FetchSessions } from '../partition/fetch-sessions.ts';
import type { LogDirMover } from '../partition/log-dir-mover.ts';
import type { Purgatory } from '../partition/purgatory.ts';
import type { Replicas } from '../partition/replicas.ts';

export interface Services {
  /** The configuration in force, dynamic settings included. */
  config(): BrokerConfig;
  readonly clock: Clock;
  readonly timer: Timer;
  readonly clusterId: string;
  /** The newest published image. */
  image(): MetadataImage;
  readonly replicas: Replicas;
  readonly logs: LogManager;
  /** Moves replicas between directories. */
  readonly logDirMover: LogDirMover;
  readonly purgatory: Purgatory;
  /** Where walks over compressed batches take turns. */
  readonly contentWalks: ContentWalks;
  readonly fetchSessions: FetchSessions;
  /** Memory for what is read and sent. */
  readonly readBuffers: ReadBuffers;
  readonly groups: GroupCoordinator;
  readonly transactions: Transactions;
  /** Where requests that change the cluster go. */
  readonly controller: ControllerChannel;
  /** Hands out producer ids from the blocks that the controller allots. */
  readonly producerIds: ProducerIds;
  /** Creates topics on first use. */
  readonly autoCreation: AutoTopicCreation;
  /** This node's part in the metadata quorum. */
  quorum(): RaftNode;
  /** Size and free bytes of the volume that holds a directory. @throws {DiskError} */
  diskSpace(directory: string): { readonly totalBytes: number; readonly usableBytes: number };
  /** Random integer in [0, below). */
  randomInt(below: number): number;
}
