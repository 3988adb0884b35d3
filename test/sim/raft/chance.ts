/**
 * Seeded chance. Each concern of a simulation draws from a stream of its own, so that a change in one (say, another
 * message sent) does not reshuffle all others.
 */

export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  constructor(seed: number, concern: string) {
    let hash = 2166136261 ^ seed;
    for (let i = 0; i < concern.length; i += 1) {
      hash = Math.imul(hash ^ concern.charCodeAt(i), 16777619);
    }
    this.#a = hash | 0;
    this.#b = Math.imul(hash, 0x9e3779b9) | 0;
    this.#c = (seed * 0x85ebca6b) | 0;
    for (let i = 0; i < 12; i += 1) {
      this.next();
    }
  }

  /** sfc32: uniform in [0, 1). */
  next(): number {
    const t = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) | 0;
    return (t >>> 0) / 4294967296;
  }

  int(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  happens(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.int(items.length)] as T;
  }

  /** Mostly near `mean`, sometimes far above it. */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }
}
