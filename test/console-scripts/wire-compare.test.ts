/**
 * Every API that the broker lists, in every version, against Apache Kafka 3.7.0: sensible requests, and such in which
 * one field is wrong, empty, foreign or doubled. Both must answer the same.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaServer } from '../../scripts/kafka.ts';
import { kafkaClasspath, startKafka } from '../../scripts/kafka.ts';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import { cases } from './wire-compare/cases.ts';
import { compare, titleOf, versionsOf } from './wire-compare/compare.ts';
import { prepare } from './wire-compare/prepare.ts';
import { Side } from './wire-compare/side.ts';

const properties = {
  'node.id': '1',
  'num.partitions': '1',
  // Whether a topic that was asked for is there a moment later is chance.
  'auto.create.topics.enable': 'false',
  'group.initial.rebalance.delay.ms': '0',
};

const hasKafka = (await kafkaClasspath()) !== null;
if (!hasKafka) console.log('skipped: comparing answers needs Java and Maven for Apache Kafka');

describe.skipIf(!hasKafka)('the answers of the broker', () => {
  let apacheBroker: KafkaServer;
  let ourBroker: BrokerProcess;
  let apache: Side;
  let ours: Side;
  let listed: ReadonlyMap<number, readonly [number, number]>;

  beforeAll(async () => {
    const dir = temporaryDirectory('apache');
    [apacheBroker, ourBroker] = await Promise.all([
      startKafka({ dir, properties }),
      startBroker({ overrides: properties }),
    ]);
    apache = new Side(apacheBroker.port);
    ours = new Side(ourBroker.port);
    listed = await ours.served();
    apache.keys = new Set(listed.keys());
    for (const side of [apache, ours]) await prepare(side, listed.has(24));
  });

  afterAll(async () => {
    apache?.close();
    ours?.close();
    await Promise.all([apacheBroker?.stop('SIGKILL'), ourBroker?.stop()]);
    ourBroker?.clean();
  });

  test('list the same range of versions for every API that they list', async () => {
    const theirs = await apache.served();
    for (const [key, range] of listed) expect([key, range]).toEqual([key, theirs.get(key)]);
  });

  for (const one of cases) {
    const [first, last] = one.versions ?? one.api.versions;
    for (let version = first; version <= last; version++) {
      test(`${titleOf(one, version)} are those of Apache Kafka`, async (context) => {
        if (!versionsOf(one, listed).includes(version)) context.skip('not listed');
        expect(await compare(apache, ours, one, version)).toEqual([]);
      });
    }
  }
});
