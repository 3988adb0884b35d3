/**
 * Roughly what the groups of a shard take in memory: names and members come from the network, and are bounded together.
 * What each costs was measured.
 *
 * What is always true: `bytes` is the sum of what the groups that are there, and their members, have been counted with.
 */

/** What a member that is there may say more of itself though there is no room. */
export const SMALL_GROWTH_BYTES = 1_500;

/** An idle group beside its name, with one offset or one member that was given an id. */
const GROUP_BYTES = 3_000;
/** A member of either protocol beside its texts and what it says of itself. */
const MEMBER_BYTES = 1_500;
const BYTES_PER_CHARACTER = 2;

export const costOfGroup = (groupId: string): number => GROUP_BYTES + groupId.length * BYTES_PER_CHARACTER;

export const costOfMember = (characterCount: number, metadataBytes: number): number =>
  MEMBER_BYTES + characterCount * BYTES_PER_CHARACTER + metadataBytes;

export class GroupMemory {
  bytes = 0;

  /** Whether so much more fits. */
  hasRoomFor(bytes: number, maxBytes: number): boolean {
    return this.bytes + bytes <= maxBytes;
  }
}

/** The members of one group, as counted. */
export class MemberAccount {
  readonly #memory: GroupMemory;
  #bytes = 0;

  constructor(memory: GroupMemory) {
    this.#memory = memory;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    this.#memory.bytes += bytes;
  }

  /** All members are gone, or the group is. */
  clear(): void {
    this.add(-this.#bytes);
  }
}
