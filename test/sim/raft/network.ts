/**
 * The network between simulated nodes: every directed link delays, loses, repeats and reorders messages, and can be
 * cut in one direction alone. In `ordered` mode it is TCP: per link in order, and a loss breaks the connection, which
 * its sender notices; otherwise anything may happen to any message.
 */

import type { RaftRequest, RaftResponse } from '../../../src/raft/messages.ts';
import type { Chance } from './chance.ts';
import type { Schedule } from './schedule.ts';

export interface Envelope {
  readonly from: number;
  /** Which life of the sender it comes from: a connection does not outlive its process. */
  readonly fromLife: number;
  readonly to: number;
  readonly correlationId: number;
  readonly body:
    | { readonly type: 'request'; readonly request: RaftRequest }
    | { readonly type: 'response'; readonly toLife: number; readonly response: RaftResponse };
}

export interface NetworkFaults {
  readonly ordered: boolean;
  readonly meanDelayMs: number;
  readonly lossRate: number;
  readonly repeatRate: number;
  /** Chance that a message is held back for a long time. */
  readonly lateRate: number;
}

export class Network {
  faults: NetworkFaults;
  readonly #schedule: Schedule;
  readonly #chance: Chance;
  readonly #deliver: (envelope: Envelope) => void;
  readonly #connectionLost: (from: number, to: number) => void;
  readonly #cuts = new Set<string>();
  readonly #lastArrivalMs = new Map<string, number>();

  constructor(
    schedule: Schedule,
    chance: Chance,
    faults: NetworkFaults,
    deliver: (envelope: Envelope) => void,
    connectionLost: (from: number, to: number) => void,
  ) {
    this.#schedule = schedule;
    this.#chance = chance;
    this.faults = faults;
    this.#deliver = deliver;
    this.#connectionLost = connectionLost;
  }

  cut(from: number, to: number): void {
    this.#cuts.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cuts.clear();
  }

  send(envelope: Envelope): void {
    const { faults } = this;
    const chance = this.#chance;
    const link = `${envelope.from}>${envelope.to}`;
    if (this.#cuts.has(link) || chance.happens(faults.lossRate)) {
      if (faults.ordered && chance.happens(0.5)) {
        this.#schedule.after(chance.between(1, 50), () => this.#connectionLost(envelope.from, envelope.to));
      }
      return;
    }
    const copies = !faults.ordered && chance.happens(faults.repeatRate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      this.#schedule.at(this.#arrivalMs(link), () => this.#deliver(envelope));
    }
  }

  #arrivalMs(link: string): number {
    const { faults } = this;
    const late = this.#chance.happens(faults.lateRate) ? this.#chance.between(100, 5000) : 0;
    const atMs = this.#schedule.nowMs + 0.05 + this.#chance.exponential(faults.meanDelayMs) + late;
    if (!faults.ordered) {
      return atMs;
    }
    const ordered = Math.max(atMs, (this.#lastArrivalMs.get(link) ?? 0) + 0.001);
    this.#lastArrivalMs.set(link, ordered);
    return ordered;
  }
}
