/**
 * One buffer that scanners read into again and again: fresh memory for each chunk costs more than reading it.
 *
 * Only for whoever is done with a batch before its scanner moves on. Always true: a scanner uses the buffer only while it
 * holds it; one whose chunk another has read over reads it again.
 */

/** Larger ones are taken afresh: one large batch shall not hold its memory for all that come. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;

export class ScanMemory {
  #buffer: Buffer = Buffer.alloc(0);
  #holder: object | null = null;

  /** So many bytes; whoever held the buffer before has lost it. */
  take(holder: object, bytes: number): Buffer {
    this.#holder = holder;
    if (bytes > MAX_KEPT_BYTES) return Buffer.allocUnsafeSlow(bytes);
    if (this.#buffer.length < bytes) this.#buffer = Buffer.allocUnsafeSlow(bytes);
    return this.#buffer.subarray(0, bytes);
  }

  release(): void {
    this.#holder = null;
    this.#buffer = Buffer.alloc(0);
  }

  isHeldBy(holder: object): boolean {
    return this.#holder === holder;
  }
}
