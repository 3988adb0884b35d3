/**
 * The connection of this node to each other one: at most one request under way, backing off after a failure
 * (Kafka's RequestManager).
 *
 * Always true: a correlation id is used once in the life of a core, so a late answer is known by its id alone.
 */

import type { Outstanding } from './rules.ts';

export class Peer {
  readonly nodeId: number;
  outstanding: Outstanding | null = null;
  #sentMs = 0;
  /** No request before this moment; set by a failed request. */
  #backoffUntilMs = -1;
  readonly #requestTimeoutMs: number;
  readonly #retryBackoffMs: number;

  constructor(nodeId: number, requestTimeoutMs: number, retryBackoffMs: number) {
    this.nodeId = nodeId;
    this.#requestTimeoutMs = requestTimeoutMs;
    this.#retryBackoffMs = retryBackoffMs;
  }

  hasTimedOut(nowMs: number): boolean {
    return this.outstanding !== null && nowMs >= this.#sentMs + this.#requestTimeoutMs;
  }

  isBackingOff(nowMs: number): boolean {
    return nowMs < this.#backoffUntilMs;
  }

  isReady(nowMs: number): boolean {
    return (this.outstanding === null || this.hasTimedOut(nowMs)) && !this.isBackingOff(nowMs);
  }

  /** When a request may next be sent; now or earlier means that it may. */
  readyAtMs(): number {
    const free = this.outstanding === null ? this.#backoffUntilMs : this.#sentMs + this.#requestTimeoutMs;
    return Math.max(free, this.#backoffUntilMs);
  }

  sent(outstanding: Outstanding, nowMs: number): void {
    this.outstanding = outstanding;
    this.#sentMs = nowMs;
  }

  answered(): void {
    this.outstanding = null;
  }

  failed(nowMs: number): void {
    this.outstanding = null;
    this.#backoffUntilMs = nowMs + this.#retryBackoffMs;
  }

  /** A change of state makes whatever is under way obsolete. */
  reset(): void {
    this.outstanding = null;
    this.#backoffUntilMs = -1;
  }
}
