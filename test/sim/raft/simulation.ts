/**
 * A whole quorum under virtual time: one seed fixes everything.
 *
 * Each seed draws its own schedule of faults ("swarm"): some runs lose many messages, some crash at every tenth
 * message, some only stall disks. First comes the safety phase, with any faults; then all is healed and restarted, and
 * the quorum must elect, commit and catch up within bounded simulated time (liveness).
 */

import { Chance } from './chance.ts';
import { Invariants, InvariantViolation } from './invariants.ts';
import type { Mutant } from './mutants.ts';
import type { Envelope } from './network.ts';
import { Network } from './network.ts';
import { Schedule } from './schedule.ts';
import type { World } from './sim-node.ts';
import { SimNode } from './sim-node.ts';

export interface SimulationOptions {
  readonly seed: number;
  /** Events of the safety phase. */
  readonly events: number;
  readonly mutant?: Mutant;
  /** False ends the run with the safety phase. */
  readonly liveness?: boolean;
}

export interface SimulationResult {
  readonly events: number;
  readonly simulatedMs: number;
  readonly elections: number;
  readonly committedTo: number;
  readonly crashes: number;
  readonly snapshotsFetched: number;
  /** The same seed gives the same digest. */
  readonly digest: number;
}

interface Swarm {
  readonly voterCount: number;
  readonly observerCount: number;
  readonly crashMeanMs: number;
  /** Chance that a node dies right after it handled a message. */
  readonly crashAfterMessage: number;
  readonly cutMeanMs: number;
  readonly proposeMeanMs: number;
  readonly snapshotRate: number;
}

/** How long the healed quorum may take to elect a leader and catch up. */
const LIVENESS_MS = 60_000;

function drawSwarm(chance: Chance): Swarm {
  return {
    voterCount: chance.pick([1, 2, 3, 3, 3, 3, 4, 5, 5]),
    observerCount: chance.pick([0, 0, 1, 2]),
    crashMeanMs: chance.pick([800, 2500, 8000, 1e9]),
    crashAfterMessage: chance.pick([0, 0, 0.002, 0.01, 0.05]),
    cutMeanMs: chance.pick([1000, 4000, 1e9]),
    proposeMeanMs: chance.pick([10, 60, 300]),
    snapshotRate: chance.pick([0, 0.02, 0.2]),
  };
}

function epochOf({ body }: Envelope): number {
  if (body.type === 'response') {
    return body.response.leaderEpoch;
  }
  const { request } = body;
  switch (request.kind) {
    case 'vote':
      return request.candidateEpoch;
    case 'fetch':
    case 'fetchSnapshot':
      return request.currentLeaderEpoch;
    default:
      return request.leaderEpoch;
  }
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #schedule = new Schedule();
  readonly #faults: Chance;
  readonly #workload: Chance;
  readonly #swarm: Swarm;
  readonly #nodes: SimNode[] = [];
  readonly #network: Network;
  readonly #invariants: Invariants;
  readonly #world: World;
  #value = 0;
  #crashes = 0;
  #healed = false;

  constructor(options: SimulationOptions) {
    this.#options = options;
    const { seed } = options;
    const draw = new Chance(seed, 'swarm');
    this.#faults = new Chance(seed, 'faults');
    this.#workload = new Chance(seed, 'workload');
    this.#swarm = drawSwarm(draw);
    const { voterCount, observerCount } = this.#swarm;
    const networkFaults = {
      ordered: draw.happens(0.4),
      meanDelayMs: draw.pick([0.5, 3, 20, 100]),
      lossRate: draw.pick([0, 0, 0.01, 0.05, 0.2]),
      repeatRate: draw.pick([0, 0.02, 0.2]),
      lateRate: draw.pick([0, 0.005, 0.05]),
    };
    this.#network = new Network(
      this.#schedule,
      new Chance(seed, 'network'),
      networkFaults,
      (envelope) => this.#deliver(envelope),
      (from, to) => this.#node(from).step({ type: 'connectionLost', nodeId: to }),
    );
    const voters: SimNode[] = [];
    this.#invariants = new Invariants(voters);
    this.#world = {
      schedule: this.#schedule,
      invariants: this.#invariants,
      mutant: options.mutant ?? null,
      voterIds: Array.from({ length: voterCount }, (_, index) => index + 1),
      diskFaults: { meanSyncMs: draw.pick([0.3, 2, 15, 150]), stallRate: draw.pick([0, 0.01, 0.1]) },
      send: (envelope) => {
        this.#invariants.told(epochOf(envelope));
        this.#network.send(envelope);
      },
      nextValue: () => {
        this.#value += 1;
        return this.#value;
      },
    };
    for (let id = 1; id <= voterCount + observerCount; id += 1) {
      const node = new SimNode(id, this.#world, new Chance(seed, `node ${id}`), draw.between(0.95, 1.05));
      this.#nodes.push(node);
      if (id <= voterCount) {
        voters.push(node);
      }
    }
  }

  #node(id: number): SimNode {
    return this.#nodes[id - 1] as SimNode;
  }

  #deliver(envelope: Envelope): void {
    const node = this.#node(envelope.to);
    if (node.core === null) {
      return;
    }
    node.receive(envelope);
    if (!this.#healed && this.#faults.happens(this.#swarm.crashAfterMessage)) {
      this.#crash(node);
    }
  }

  #crash(node: SimNode): void {
    if (node.core === null) {
      return;
    }
    this.#crashes += 1;
    node.crash();
    const { life } = node;
    this.#schedule.after(this.#faults.exponential(800), () => {
      if (node.core === null && node.life === life) {
        node.start();
      }
    });
  }

  run(): SimulationResult {
    for (const node of this.#nodes) {
      this.#schedule.after(this.#faults.between(0, 50), () => {
        if (node.core === null) {
          node.start();
        }
      });
    }
    this.#keepCrashing();
    this.#keepCutting();
    this.#keepProposing();
    let events = 0;
    while (events < this.#options.events && this.#schedule.step()) {
      events += 1;
    }
    if (this.#options.liveness !== false) {
      events += this.#converge();
    }
    return {
      events,
      simulatedMs: this.#schedule.nowMs,
      elections: this.#nodes.reduce((sum, node) => sum + node.elections, 0),
      committedTo: this.#invariants.committedTo,
      crashes: this.#crashes,
      snapshotsFetched: this.#nodes.reduce((sum, node) => sum + node.snapshotsFetched, 0),
      digest: this.#invariants.digest(),
    };
  }

  #keepCrashing(): void {
    this.#schedule.after(this.#faults.exponential(this.#swarm.crashMeanMs), () => {
      if (!this.#healed) {
        this.#crash(this.#faults.pick(this.#nodes));
        this.#keepCrashing();
      }
    });
  }

  #keepCutting(): void {
    this.#schedule.after(this.#faults.exponential(this.#swarm.cutMeanMs), () => {
      if (this.#healed) {
        return;
      }
      this.#network.heal();
      const cuts = this.#faults.int(4);
      for (let cut = 0; cut < cuts; cut += 1) {
        const from = this.#faults.pick(this.#nodes).id;
        const to = this.#faults.pick(this.#nodes).id;
        this.#network.cut(from, to);
        if (this.#faults.happens(0.5)) {
          this.#network.cut(to, from);
        }
      }
      this.#keepCutting();
    });
  }

  #keepProposing(): void {
    this.#schedule.after(this.#workload.exponential(this.#swarm.proposeMeanMs), () => {
      for (const node of this.#nodes) {
        node.propose(1 + this.#workload.int(3));
        if (this.#workload.happens(this.#swarm.snapshotRate)) {
          node.snapshot();
        }
      }
      this.#keepProposing();
    });
  }

  /** Heals everything and waits until all nodes have all of one leader's log committed. */
  #converge(): number {
    this.#healed = true;
    this.#network.heal();
    this.#network.faults = { ordered: true, meanDelayMs: 1, lossRate: 0, repeatRate: 0, lateRate: 0 };
    this.#world.diskFaults = { meanSyncMs: 1, stallRate: 0 };
    for (const node of this.#nodes) {
      if (node.core === null) {
        node.start();
      }
    }
    const goal = this.#invariants.committedTo + 5;
    const deadlineMs = this.#schedule.nowMs + LIVENESS_MS;
    let events = 0;
    while (this.#schedule.nowMs < deadlineMs && this.#schedule.step()) {
      events += 1;
      if (this.#nodes.every((node) => (node.core?.highWatermark ?? 0) >= goal)) {
        return events;
      }
    }
    const where = this.#nodes.map((node) => `${node.id}:${node.core?.role}:${node.core?.highWatermark}`);
    throw new InvariantViolation(
      'liveness',
      `no progress to ${goal} in ${LIVENESS_MS} ms: ${where.join(' ')}`,
    );
  }
}

export function simulate(options: SimulationOptions): SimulationResult {
  return new Simulation(options).run();
}
