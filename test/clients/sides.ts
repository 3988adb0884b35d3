/**
 * The two brokers that clients are run against, so that a difference is seen: Sordini, and Apache Kafka 3.7.0 as its
 * oracle. What a test expects, both do.
 */
import { expect } from 'vitest';
import { kafkaClasspath, startKafka } from '../../scripts/kafka.ts';
import { startBroker } from '../helpers/broker-process.ts';
import { until } from '../helpers/until.ts';

export interface Served {
  readonly bootstrap: string;
  readonly port: number;
  stop(): Promise<void>;
}

export interface ServeOptions {
  /** That of an earlier life, so that clients find the broker again. */
  readonly port?: number;
  readonly properties?: Readonly<Record<string, string>>;
}

export interface Side {
  readonly name: 'Sordini' | 'Apache Kafka';
  /** Starts the broker on what is in the directory. */
  serve(dir: string, options?: ServeOptions): Promise<Served>;
  /**
   * Holds right after a change was answered; Apache Kafka may answer metadata of a moment ago, so that there it is asked
   * until it holds.
   */
  expectSoon(condition: () => Promise<boolean>): Promise<void>;
}

const sordini: Side = {
  name: 'Sordini',
  async serve(dir, { port, properties = {} } = {}) {
    const broker = await startBroker({ dir, overrides: properties, ...(port === undefined ? {} : { port }) });
    const stop = async (): Promise<void> => expect(await broker.stop()).toBe(0);
    return { bootstrap: broker.bootstrap, port: broker.port, stop };
  },
  async expectSoon(condition) {
    expect(await condition()).toBe(true);
  },
};

const apacheKafka: Side = {
  name: 'Apache Kafka',
  serve: (dir, { port, properties = {} } = {}) =>
    startKafka({ dir, properties, ...(port === undefined ? {} : { port }) }),
  expectSoon: until,
};

const hasApache = (await kafkaClasspath()) !== null;

/** Sordini, and Apache Kafka where it is wanted and can be had. `what` is to run there. */
export function sides(what: string, isWanted = true): readonly Side[] {
  if (isWanted && !hasApache) console.log(`skipped: ${what} on Apache Kafka: it is not available`);
  return isWanted && hasApache ? [sordini, apacheKafka] : [sordini];
}
