import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../protocol/errors.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import { until } from '../helpers/until.ts';
import { TransactionalClient } from './transactional-client.ts';

const TOPIC = 'orders';
const PARTITIONS = [0, 1, 2];
const PRODUCERS = 3;
const KILLS = 3;
const COMMITS_BETWEEN_KILLS = 15;

/** What producers were told of their transactions; of those that are missing they know nothing. */
interface Told {
  readonly committed: Set<string>;
  readonly aborted: Set<string>;
}

/** Writes every value into all partitions in one transaction, and aborts every fourth. Comes back after each crash. */
class Worker {
  readonly #id: string;
  readonly #told: Told;
  #count = 0;
  isStopped = false;

  constructor(id: string, told: Told) {
    this.#id = id;
    this.#told = told;
  }

  async run(port: () => number): Promise<void> {
    while (!this.isStopped) {
      let client: TransactionalClient | null = null;
      try {
        client = await TransactionalClient.connect(port());
        await this.#work(client);
      } catch {
        // The broker was killed, or refuses as it starts.
      }
      client?.close();
    }
  }

  async #work(client: TransactionalClient): Promise<void> {
    const producer = await client.initialized(this.#id);
    for (let sequence = 0; !this.isStopped; sequence++) {
      const value = `${this.#id}-${++this.#count}`;
      const added = await client.add(producer, { [TOPIC]: PARTITIONS });
      if (!added.every((code) => code.endsWith(':0'))) return;
      for (const partition of PARTITIONS) {
        const { errorCode } = await client.produce(producer, TOPIC, partition, value, { sequence });
        if (errorCode !== ErrorCode.NONE) return;
      }
      const isCommit = this.#count % 4 !== 0;
      if ((await client.end(producer, isCommit)) !== ErrorCode.NONE) return;
      (isCommit ? this.#told.committed : this.#told.aborted).add(value);
    }
  }
}

describe('transactions under kill -9', () => {
  test('are whole, and as their producers were told', async () => {
    const dir = temporaryDirectory('transaction-kill');
    let broker: BrokerProcess = await startBroker({ dir });
    const { port } = broker;
    const setup = await TransactionalClient.connect(port);
    await setup.createTopic(TOPIC, PARTITIONS.length);
    await setup.untilCoordinated('w0', 'g');
    setup.close();
    const told: Told = { committed: new Set(), aborted: new Set() };
    const workers = Array.from({ length: PRODUCERS }, (_, index) => new Worker(`w${index}`, told));
    const running = workers.map((worker) => worker.run(() => port));
    for (let kill = 0; kill < KILLS; kill++) {
      const goal = told.committed.size + COMMITS_BETWEEN_KILLS;
      await until(() => told.committed.size >= goal);
      await broker.kill();
      broker = await startBroker({ dir, port });
    }
    for (const worker of workers) worker.isStopped = true;
    await Promise.all(running);

    const client = await TransactionalClient.connect(port);
    // Whoever comes next under their names ends what they left open.
    for (let index = 0; index < PRODUCERS; index++) await client.initialized(`w${index}`);
    for (const partition of PARTITIONS) {
      await until(async () => (await client.readCommitted(TOPIC, partition)).isStable);
    }
    const [first = [], ...others] = await Promise.all(
      PARTITIONS.map(async (partition) => (await client.readCommitted(TOPIC, partition)).values.sort()),
    );
    for (const other of others) expect(other).toEqual(first);
    expect(new Set(first).size).toBe(first.length);
    expect([...told.committed].filter((value) => !first.includes(value))).toEqual([]);
    expect(first.filter((value) => told.aborted.has(value))).toEqual([]);
    expect(told.aborted.size).toBeGreaterThan(0);
    client.close();
    await broker.stop();
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  });
});
