/**
 * The shards of a coordinator on this broker: one per partition of its topic that this broker leads.
 *
 * What is always true:
 * - a key is served by the shard of its partition, or refused: NOT_COORDINATOR when that partition is led elsewhere,
 *   COORDINATOR_LOAD_IN_PROGRESS while it is read, COORDINATOR_NOT_AVAILABLE after the end of the service;
 * - elections and resignations of an epoch older than the newest known are ignored.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { Clock, Timer } from '../../storage/clock.ts';
import { partitionFor } from '../group/partition-for.ts';
import type { CommitLog } from './coordinator-log.ts';
import type { Machine, ShardLogger, ShardSettings } from './driver.ts';
import { defaultShardSettings, ShardDriver } from './driver.ts';

export interface ShardEnvironment {
  readonly settings?: Partial<ShardSettings>;
  /** As configured, or what the topic has if it exists. */
  readonly partitionCount: () => number;
  /** The log of a partition that this broker leads. */
  readonly openLog: (partition: number) => CommitLog;
  readonly clock: Clock;
  readonly timer: Timer;
  readonly endOfTurn: (action: () => void) => void;
  /** A logger whose lines name the partition. */
  readonly loggerFor: (partition: number) => ShardLogger;
}

export interface LedShard<Command, Response> {
  readonly leaderEpoch: number;
  readonly driver: ShardDriver<Command, Response>;
}

export interface ShardKind<Command, Response> {
  readonly createMachine: (partition: number) => Machine<Command, Response>;
  readonly refuse: (command: Command, errorCode: number) => Response;
}

export class LedShards<Command, Response> {
  readonly #environment: ShardEnvironment;
  readonly #kind: ShardKind<Command, Response>;
  readonly #settings: ShardSettings;
  readonly #shards = new Map<number, { leaderEpoch: number; driver: ShardDriver<Command, Response> }>();
  /** The newest leader epoch heard of, by partition, also of those that are led elsewhere. */
  readonly #epochs = new Map<number, number>();
  #isActive = true;

  constructor(environment: ShardEnvironment, kind: ShardKind<Command, Response>) {
    this.#environment = environment;
    this.#kind = kind;
    this.#settings = { ...defaultShardSettings, ...environment.settings };
  }

  /** False after the end of the service. */
  get isActive(): boolean {
    return this.#isActive;
  }

  partitionFor(key: string): number {
    return partitionFor(key, this.#environment.partitionCount());
  }

  get(partition: number): LedShard<Command, Response> | undefined {
    return this.#shards.get(partition);
  }

  /** Whether the partition's keys are served now. */
  isServing(partition: number): boolean {
    return this.#shards.get(partition)?.driver.isServing ?? false;
  }

  /** This broker leads the partition: loads its shard. Resolves when it serves, or is no longer ours. */
  async onElection(partition: number, leaderEpoch: number): Promise<void> {
    if (!this.#isActive || leaderEpoch < (this.#epochs.get(partition) ?? -1)) return;
    this.#epochs.set(partition, leaderEpoch);
    const owned = this.#shards.get(partition);
    if (owned !== undefined) {
      // Our own epoch, or the one right after it: nobody else can have led, and written, in between.
      if (leaderEpoch <= owned.leaderEpoch + 1) {
        owned.leaderEpoch = leaderEpoch;
        return;
      }
      owned.driver.stop();
    }
    const { openLog, clock, timer, endOfTurn, loggerFor } = this.#environment;
    const driver = new ShardDriver<Command, Response>({
      createMachine: () => this.#kind.createMachine(partition),
      log: openLog(partition),
      clock,
      timer,
      endOfTurn,
      logger: loggerFor(partition),
      settings: this.#settings,
    });
    this.#shards.set(partition, { leaderEpoch, driver });
    await driver.start();
  }

  /** This broker no longer leads the partition (null epoch: the partition is gone). */
  onResignation(partition: number, leaderEpoch: number | null): void {
    if (leaderEpoch !== null) {
      if (leaderEpoch < (this.#epochs.get(partition) ?? -1)) return;
      this.#epochs.set(partition, leaderEpoch);
    } else this.#epochs.delete(partition);
    const owned = this.#shards.get(partition);
    if (owned === undefined) return;
    this.#shards.delete(partition);
    owned.driver.stop();
  }

  /** Ends the service; what waits is told to look for another coordinator. */
  shutdown(): void {
    this.#isActive = false;
    for (const { driver } of this.#shards.values()) driver.stop();
    this.#shards.clear();
  }

  /** To the shard of the key, or refused. */
  submit(key: string, command: Command): Promise<Response> {
    const { refuse } = this.#kind;
    if (!this.#isActive) return Promise.resolve(refuse(command, ErrorCode.COORDINATOR_NOT_AVAILABLE));
    const owned = this.#shards.get(this.partitionFor(key));
    if (owned === undefined) return Promise.resolve(refuse(command, ErrorCode.NOT_COORDINATOR));
    return owned.driver.submit(command);
  }

  /** To every shard here, also those that are being read. */
  submitToAll(command: Command): Promise<Response[]> {
    return Promise.all([...this.#shards.values()].map(({ driver }) => driver.submit(command)));
  }
}
