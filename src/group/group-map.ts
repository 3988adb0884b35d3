/**
 * The groups of a shard by id, counted in what they take in memory.
 *
 * What is always true: a group that is not in the map is not counted, nor are its members.
 */
import type { GroupMemory, MemberAccount } from './memory.ts';
import { costOfGroup } from './memory.ts';

export class GroupMap<G extends { readonly account: MemberAccount }> extends Map<string, G> {
  readonly #memory: GroupMemory;

  constructor(memory: GroupMemory) {
    super();
    this.#memory = memory;
  }

  override set(groupId: string, group: G): this {
    const before = this.get(groupId);
    if (before === undefined) this.#memory.bytes += costOfGroup(groupId);
    else if (before !== group) before.account.clear();
    return super.set(groupId, group);
  }

  override delete(groupId: string): boolean {
    this.get(groupId)?.account.clear();
    if (!super.delete(groupId)) return false;
    this.#memory.bytes -= costOfGroup(groupId);
    return true;
  }
}
