/**
 * Telling the controller in which directories this broker's replicas lie (KIP-858), so that it knows which of them go
 * with a directory that fails. See kafka.server.AssignmentsManager of 3.7.0.
 *
 * What is always true: one request at most is under way; the newest place of a replica wins; what could not be told is
 * told again.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import { AssignReplicasToDirs } from '../../protocol/messages/assign-replicas-to-dirs.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import type { Timer } from '../../storage/clock.ts';
import type { ControllerChannel } from './controller-channel.ts';

export interface ReplicaPlace {
  readonly topicId: Uuid;
  readonly partition: number;
  readonly directoryId: Uuid;
}

export interface DirectoryAssignmentsOptions {
  readonly brokerId: number;
  /** -1 until the broker is registered. */
  readonly brokerEpoch: () => number;
  readonly channel: ControllerChannel;
  readonly timer: Timer;
}

/** Places that become known together are told together. */
const COLLECT_MS = 20;
const RETRY_MS = 500;
/** As many as Kafka tells at once (AssignReplicasToDirsRequest.MAX_ASSIGNMENTS_PER_REQUEST). */
const MAX_AT_ONCE = 2250;

export class DirectoryAssignments {
  readonly #options: DirectoryAssignmentsOptions;
  readonly #pending = new Map<string, ReplicaPlace>();
  #isScheduled = false;
  #isStopped = false;
  #waiters: (() => void)[] = [];

  constructor(options: DirectoryAssignmentsOptions) {
    this.#options = options;
  }

  assign(place: ReplicaPlace): void {
    const key = `${place.topicId}/${place.partition}`;
    this.#pending.delete(key);
    this.#pending.set(key, place);
    this.#schedule(COLLECT_MS);
  }

  /** Resolves once all is told, or the controller has not taken it: a start waits for what it brings back. */
  async told(): Promise<void> {
    if (this.#pending.size === 0 || this.#isStopped) return;
    await new Promise<void>((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#release();
  }

  #release(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  #schedule(delayMs: number): void {
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    this.#options.timer.after(delayMs, () => {
      this.#tell().then(
        (isTold) => this.#again(isTold),
        (error: unknown) => {
          if (!(error instanceof KafkaError)) throw error;
          this.#again(false);
        },
      );
    });
  }

  #again(isTold: boolean): void {
    this.#isScheduled = false;
    const wasTold = isTold || this.#options.brokerEpoch() < 0;
    if (this.#pending.size === 0 || !wasTold) this.#release();
    if (this.#pending.size > 0) this.#schedule(isTold ? 0 : RETRY_MS);
  }

  /** False when it has to be told again. */
  async #tell(): Promise<boolean> {
    const { brokerId, brokerEpoch, channel } = this.#options;
    const epoch = brokerEpoch();
    if (epoch < 0) return false;
    const places = [...this.#pending].slice(0, MAX_AT_ONCE);
    const request = {
      brokerId,
      brokerEpoch: epoch,
      directories: byDirectory(places.map(([, place]) => place)),
    };
    const context = { version: 0, clientId: null, principal: 'User:ANONYMOUS' };
    const { errorCode } = await channel.request(AssignReplicasToDirs, request, context);
    // A level below 3.7-IV2 knows of no directories: there is nobody to tell.
    if (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.UNSUPPORTED_VERSION) return false;
    for (const [key, place] of places) if (this.#pending.get(key) === place) this.#pending.delete(key);
    return true;
  }
}

function byDirectory(places: readonly ReplicaPlace[]) {
  const directories = new Map<Uuid, Map<Uuid, { partitionIndex: number }[]>>();
  for (const { directoryId, topicId, partition } of places) {
    const topics = directories.get(directoryId) ?? new Map<Uuid, { partitionIndex: number }[]>();
    directories.set(directoryId, topics);
    topics.set(topicId, [...(topics.get(topicId) ?? []), { partitionIndex: partition }]);
  }
  return [...directories].map(([id, topics]) => ({
    id,
    topics: [...topics].map(([topicId, partitions]) => ({ topicId, partitions })),
  }));
}
