/**
 * Several log.dirs: their ids, who is told where a replica lies, and moving replicas from one to another.
 */
import type { Uuid } from '../../protocol/uuid.ts';
import type { Clock, Timer } from '../../storage/clock.ts';
import type { LogManager } from '../../storage/log-manager.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import type { Logger } from '../logging.ts';
import type { ControllerChannel } from '../machine/controller-channel.ts';
import { DirectoryAssignments } from '../machine/directory-assignments.ts';
import { LogDirMover } from '../partition/log-dir-mover.ts';
import type { ReplicaDirectories, Replicas } from '../partition/replicas.ts';
import type { NodeIdentity } from './directories.ts';

export interface LogDirs {
  readonly directories: ReplicaDirectories;
  readonly mover: LogDirMover;
  /** Resolves once the controller knows where the replicas lie that it thought elsewhere. */
  told(): Promise<void>;
  /** Takes up the moves that a restart cut short, once the replicas are there. */
  resume(): void;
  close(): void;
}

export function logDirs(parts: {
  readonly settings: { readonly current: BrokerConfig };
  readonly identity: NodeIdentity;
  readonly logs: LogManager;
  readonly channel: ControllerChannel;
  readonly brokerEpoch: () => number;
  readonly replicas: () => Replicas;
  readonly clock: Clock;
  readonly timer: Timer;
  readonly log: Logger;
}): LogDirs {
  const { settings, identity, logs, channel, brokerEpoch, replicas, clock, timer, log } = parts;
  const { nodeId, directoryIds } = identity;
  const assignments = new DirectoryAssignments({ brokerId: nodeId, brokerEpoch, channel, timer });
  const paths = new Map<Uuid, string>([...directoryIds].map(([path, id]) => [id, path]));
  const mover = new LogDirMover({
    logs,
    clock,
    timer,
    maxBytesPerSecond: () => moveLimit(settings.current),
    onMoved: (partition, directory) => {
      log.info({ topic: partition.topic, partition: partition.index, directory }, 'replica moved');
      replicas().moved(partition);
    },
    onFailure: ({ topic, index }, err) =>
      log.error({ topic, partition: index, err }, 'replica could not be moved'),
  });
  return {
    directories: {
      pathOf: (id) => paths.get(id) ?? null,
      idOf: (path) => directoryIds.get(path) ?? null,
      assign: (place) => assignments.assign(place),
    },
    mover,
    told: () => assignments.told(),
    resume() {
      for (const { topic, partition, directory } of logs.futures.takeUnfinished()) {
        const replica = replicas().get(topic, partition);
        if (replica !== undefined) mover.start(replica, directory);
      }
    },
    close: () => assignments.stop(),
  };
}

/** No limit unless a dynamic setting has one. */
function moveLimit({ settings }: BrokerConfig): number {
  const key = 'replica.alter.log.dirs.io.max.bytes.per.second';
  return settings.isGiven(key) ? settings.number(key) : Number.POSITIVE_INFINITY;
}
