/**
 * The groups of a shard by id, and roughly what they take in memory.
 *
 * What is always true: `bytes` is the sum of the costs of the ids that are keys.
 */

/** What an idle group takes beside its name, with one offset or one member that was given an id. Measured. */
const GROUP_BYTES = 3_000;
const BYTES_PER_CHARACTER = 2;

const costOf = (groupId: string): number => GROUP_BYTES + groupId.length * BYTES_PER_CHARACTER;

export class GroupMap<G> extends Map<string, G> {
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  hasRoomFor(groupId: string, maxBytes: number): boolean {
    return this.#bytes + costOf(groupId) <= maxBytes;
  }

  override set(groupId: string, group: G): this {
    if (!this.has(groupId)) this.#bytes += costOf(groupId);
    return super.set(groupId, group);
  }

  override delete(groupId: string): boolean {
    if (!super.delete(groupId)) return false;
    this.#bytes -= costOf(groupId);
    return true;
  }

  override clear(): void {
    super.clear();
    this.#bytes = 0;
  }
}
