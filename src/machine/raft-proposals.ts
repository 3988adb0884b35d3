/**
 * Proposals on their way to the commit.
 *
 * Always true: each ends once, with success after its last record was committed and given to the listener, or with
 * NOT_CONTROLLER.
 */

import { ErrorCode, KafkaError } from '../../protocol/errors.ts';

interface PendingProposal {
  readonly lastOffset: number;
  readonly resolve: () => void;
  readonly reject: (error: KafkaError) => void;
}

export class PendingProposals {
  #pending: PendingProposal[] = [];

  add(lastOffset: number): Promise<void> {
    const committed = new Promise<void>((resolve, reject) => {
      this.#pending.push({ lastOffset, resolve, reject });
    });
    // Who does not await the commit must not bring the process down by its failure.
    committed.catch(() => {});
    return committed;
  }

  /** All below `nextOffset` is committed and was given to the listener. */
  given(nextOffset: number): void {
    const done = this.#pending.filter(({ lastOffset }) => lastOffset < nextOffset);
    if (done.length > 0) {
      this.#pending = this.#pending.filter(({ lastOffset }) => lastOffset >= nextOffset);
      for (const { resolve } of done) {
        resolve();
      }
    }
  }

  /** Leadership is lost. What is committed still gets its answer once the listener has it. */
  failFrom(highWatermark: number): void {
    const failed = this.#pending.filter(({ lastOffset }) => lastOffset >= highWatermark);
    this.#pending = this.#pending.filter(({ lastOffset }) => lastOffset < highWatermark);
    for (const { reject } of failed) {
      reject(new KafkaError(ErrorCode.NOT_CONTROLLER));
    }
  }
}
