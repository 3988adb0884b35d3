/**
 * One data directory and the two brokers that take turns in serving it.
 *
 * Always true: both read the same server.properties of the same node; nobody formats, moves or mends anything in the
 * directory between two turns.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, serverProperties, startKafka } from '../../../scripts/kafka.ts';
import { startBroker } from '../../helpers/broker-process.ts';
import { Client } from './client.ts';

export type Side = 'apache' | 'sordini';
export type End = 'stop' | 'kill';

export const NODE_ID = 1;

/**
 * Small segments, so that much is rolled. Snapshots of the metadata as soon as there is anything to keep, and what lies
 * before them is soon deleted: a start begins with a snapshot of the other's.
 */
const properties = {
  'auto.create.topics.enable': 'false',
  // Apache Kafka registers only when the session of a broker that was killed is over.
  'broker.heartbeat.interval.ms': '500',
  'broker.session.timeout.ms': '3000',
  'log.retention.check.interval.ms': '200',
  'log.cleaner.backoff.ms': '100',
  'log.cleaner.dedupe.buffer.size': '4194304',
  'metadata.log.max.record.bytes.between.snapshots': '2000',
  'metadata.log.segment.bytes': '4000',
  'metadata.log.segment.min.bytes': '1000',
  'metadata.max.retention.bytes': '12000',
  'offsets.topic.num.partitions': '3',
  'offsets.topic.segment.bytes': '4000',
  'transaction.state.log.num.partitions': '2',
  'transaction.state.log.segment.bytes': '4000',
  'group.min.session.timeout.ms': '1000',
};

export interface Served {
  readonly port: number;
  readonly client: Client;
  /** Ends the broker, in the one way or the other. */
  end(how: End): Promise<void>;
}

export const dataDirectory = (root: string): string => join(root, 'data');

async function serveWithApache(root: string): Promise<Omit<Served, 'client'>> {
  const apache = await startKafka({ dir: root, nodeId: NODE_ID, properties });
  return {
    port: apache.port,
    async end(how) {
      await apache.stop(how === 'kill' ? 'SIGKILL' : 'SIGTERM');
    },
  };
}

async function serveWithSordini(root: string): Promise<Omit<Served, 'client'>> {
  const [port, controllerPort] = [await freePort(), await freePort()];
  const file = join(root, 'server.properties');
  const lines = serverProperties({ dir: root, nodeId: NODE_ID, properties }, port, controllerPort);
  mkdirSync(root, { recursive: true });
  writeFileSync(file, [...lines].map(([key, value]) => `${key}=${value}\n`).join(''));
  const listeners = lines.get('listeners') ?? '';
  const sordini = await startBroker({
    ...{ dir: dataDirectory(root), port, args: [file], overrides: { listeners } },
  });
  return {
    port,
    async end(how) {
      if (how === 'kill') return sordini.kill();
      const exitCode = await sordini.stop();
      if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${sordini.output()}`);
    },
  };
}

export async function serve(side: Side, root: string): Promise<Served> {
  const served = await (side === 'apache' ? serveWithApache(root) : serveWithSordini(root));
  return { ...served, client: await Client.connect(served.port) };
}
