/**
 * Which brokers get the replicas of new partitions (org.apache.kafka.metadata.placement.StripedReplicaPlacer).
 *
 * Always true of a placement: no broker twice; the first replica, which will lead, is on an unfenced broker; replicas
 * go round the racks, so that none gets a second before each has its first; fenced brokers are taken only when a rack
 * has no unfenced ones left. Leaders go round the brokers from partition to partition, beginning at a random one.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { MetadataImage } from '../metadata/image.ts';
import type { ControllerRandom } from './ports.ts';

export interface PlacementSpec {
  readonly partitionCount: number;
  readonly replicationFactor: number;
}

export interface UsableBroker {
  readonly id: number;
  readonly rack: string | null;
  readonly fenced: boolean;
}

/** Brokers that may get replicas: all but those on their way out. */
export function usableBrokers(image: MetadataImage): UsableBroker[] {
  return [...image.brokers.values()].filter((broker) => broker.fenced || !broker.inControlledShutdown);
}

/**
 * The replicas of each partition.
 * @throws {KafkaError} INVALID_REPLICATION_FACTOR
 */
export function placeReplicas(
  spec: PlacementSpec,
  brokers: readonly UsableBroker[],
  random: ControllerRandom,
): number[][] {
  const racks = new RackList(brokers, random);
  const { partitionCount, replicationFactor } = spec;
  if (replicationFactor <= 0) {
    refuse(`Invalid replication factor ${replicationFactor}: the replication factor must be positive.`);
  }
  if (racks.unfencedCount === 0) refuse('All brokers are currently fenced.');
  if (replicationFactor > brokers.length) {
    refuse(
      `The target replication factor of ${replicationFactor} cannot be reached because only ` +
        `${brokers.length} broker(s) are registered.`,
    );
  }
  return Array.from({ length: partitionCount }, () => racks.place(replicationFactor));
}

function refuse(message: string): never {
  throw new KafkaError(ErrorCode.INVALID_REPLICATION_FACTOR, message);
}

/** Brokers of one kind in one rack, taken in turn. Each round begins one broker further. */
class BrokerRing {
  readonly #ids: number[] = [];
  #taken = 0;
  #start = 0;
  #round = 0;

  add(id: number): void {
    this.#ids.push(id);
  }

  begin(random: ControllerRandom): void {
    if (this.#ids.length === 0) return;
    this.#ids.sort((left, right) => left - right);
    this.#start = random.below(this.#ids.length);
  }

  /** Rounds are numbered anew after this, so what earlier rounds took must not count. */
  shuffle(random: ControllerRandom): void {
    shuffle(this.#ids, random);
    this.#round = -1;
  }

  /** The next broker that this round has not had yet, -1 when there is none. */
  next(round: number): number {
    if (this.#ids.length === 0) return -1;
    if (this.#round !== round) {
      this.#round = round;
      this.#taken = 0;
      this.#start = (this.#start + 1) % this.#ids.length;
    }
    if (this.#taken >= this.#ids.length) return -1;
    const id = this.#ids[(this.#start + this.#taken) % this.#ids.length] ?? -1;
    this.#taken += 1;
    return id;
  }
}

class Rack {
  readonly fenced = new BrokerRing();
  readonly unfenced = new BrokerRing();

  next(round: number): number {
    const id = this.unfenced.next(round);
    return id >= 0 ? id : this.fenced.next(round);
  }
}

class RackList {
  readonly unfencedCount: number;
  readonly #racks: Rack[];
  readonly #random: ControllerRandom;
  #round = 0;
  #first: number;

  constructor(brokers: readonly UsableBroker[], random: ControllerRandom) {
    const byName = new Map<string | null, Rack>();
    for (const broker of brokers) {
      const rack = byName.get(broker.rack) ?? new Rack();
      byName.set(broker.rack, rack);
      (broker.fenced ? rack.fenced : rack.unfenced).add(broker.id);
    }
    const names = [...byName.keys()].sort(compareRackNames);
    this.#racks = names.map((name) => byName.get(name) ?? new Rack());
    for (const rack of this.#racks) {
      rack.fenced.begin(random);
      rack.unfenced.begin(random);
    }
    this.#random = random;
    this.#first = this.#racks.length === 0 ? 0 : random.below(this.#racks.length);
    this.unfencedCount = brokers.filter((broker) => !broker.fenced).length;
  }

  place(replicationFactor: number): number[] {
    // After as many placements as there are unfenced brokers they would begin to repeat.
    if (this.#round === this.unfencedCount && this.unfencedCount > 1) this.#reshuffle();
    const rackCount = this.#racks.length;
    if (this.#first === rackCount) this.#first = 0;
    const replicas: number[] = [];
    // The leader: the first rack from here on that still has an unfenced broker.
    let leaderRack = this.#first;
    for (;;) {
      const id = this.#racks[leaderRack]?.unfenced.next(this.#round) ?? -1;
      if (id >= 0) {
        replicas.push(id);
        break;
      }
      leaderRack = (leaderRack + 1) % rackCount;
    }
    // The followers: one per rack, passing over the leader's rack the first time round.
    let rack = this.#first;
    while (replicas.length < replicationFactor) {
      if (rack === leaderRack) {
        leaderRack = -1;
      } else {
        const id = this.#racks[rack]?.next(this.#round) ?? -1;
        if (id >= 0) replicas.push(id);
      }
      rack = (rack + 1) % rackCount;
    }
    this.#round += 1;
    this.#first += 1;
    return replicas;
  }

  #reshuffle(): void {
    shuffle(this.#racks, this.#random);
    for (const rack of this.#racks) {
      rack.fenced.shuffle(this.#random);
      rack.unfenced.shuffle(this.#random);
    }
    this.#round = 0;
  }
}

/** Brokers without a rack form one of their own, before the others. */
function compareRackNames(left: string | null, right: string | null): number {
  if (left === right) return 0;
  if (left === null) return -1;
  if (right === null) return 1;
  return left < right ? -1 : 1;
}

/** Fisher and Yates, in place. */
function shuffle<T>(items: T[], random: ControllerRandom): void {
  for (let index = items.length - 1; index > 0; index -= 1) {
    const other = random.below(index + 1);
    const [here, there] = [items[index], items[other]];
    if (here !== undefined && there !== undefined) {
      items[index] = there;
      items[other] = here;
    }
  }
}
