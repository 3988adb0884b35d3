/**
 * Messages that wait for the disk. The driver and the simulator share it, so that the barriers under test are the
 * barriers in production.
 *
 * Always true: a message leaves when all that its barrier names is durable, never earlier; messages with the same
 * barrier leave in the order in which they came.
 */

import type { Barrier } from './messages.ts';

export class Outbox<Message> {
  readonly #deliver: (message: Message) => void;
  #savedVersion = 0;
  #syncedId = 0;
  #held: { readonly after: Barrier; readonly message: Message }[] = [];

  constructor(deliver: (message: Message) => void) {
    this.#deliver = deliver;
  }

  get heldCount(): number {
    return this.#held.length;
  }

  add(after: Barrier, message: Message): void {
    if (this.#isOpen(after)) {
      this.#deliver(message);
    } else {
      this.#held.push({ after, message });
    }
  }

  stateSaved(version: number): void {
    this.#savedVersion = Math.max(this.#savedVersion, version);
    this.#release();
  }

  synced(syncId: number): void {
    this.#syncedId = Math.max(this.#syncedId, syncId);
    this.#release();
  }

  #isOpen(after: Barrier): boolean {
    return after.stateVersion <= this.#savedVersion && after.syncId <= this.#syncedId;
  }

  #release(): void {
    const open = this.#held.filter((held) => this.#isOpen(held.after));
    if (open.length > 0) {
      this.#held = this.#held.filter((held) => !this.#isOpen(held.after));
      for (const { message } of open) {
        this.#deliver(message);
      }
    }
  }
}
