/**
 * Producer ids, handed out one by one from blocks that the controller allots (KIP-730).
 *
 * What is always true: an id is handed out at most once in the life of the cluster. A block that was asked for and
 * not used up when the broker stopped is lost, never given out again.
 */
import { assert } from '../../protocol/assert.ts';
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';

export interface ProducerIdBlock {
  readonly errorCode: number;
  readonly producerIdStart: number;
  readonly producerIdLen: number;
}

export class ProducerIds {
  readonly #allocate: () => Promise<ProducerIdBlock>;
  #next = 0;
  #end = 0;
  #pending: Promise<void> | null = null;

  constructor(allocate: () => Promise<ProducerIdBlock>) {
    this.#allocate = allocate;
  }

  /** @throws {KafkaError} COORDINATOR_LOAD_IN_PROGRESS when no block can be had now: clients ask again. */
  async next(): Promise<number> {
    while (this.#next === this.#end) {
      this.#pending ??= this.#refill().finally(() => {
        this.#pending = null;
      });
      await this.#pending;
    }
    return this.#next++;
  }

  async #refill(): Promise<void> {
    const block = await this.#allocate();
    if (block.errorCode !== ErrorCode.NONE) {
      throw new KafkaError(
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        'No block of producer ids is at hand yet.',
      );
    }
    assert(block.producerIdLen > 0, 'A block of producer ids is not empty.');
    this.#next = block.producerIdStart;
    this.#end = block.producerIdStart + block.producerIdLen;
  }
}
