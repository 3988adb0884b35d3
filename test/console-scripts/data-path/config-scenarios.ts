/** Settings of a topic that change under way: what is appended and read from then on. */
import { makeBatch, record, records, T0 } from './batches.ts';
import type { Scenario } from './produce-scenarios.ts';
import { contents } from './produce-scenarios.ts';
import type { Said, Side } from './side.ts';

let barriers = 0;

/** Sets them and waits until they are in force: a topic made later is served, and changes are taken in their order. */
async function set(side: Side, topic: string, configs: Readonly<Record<string, string>>): Promise<Said> {
  const said = await side.setConfigs(topic, configs);
  // One that serves may have come in the same step as the settings, and before them; the next one comes after.
  for (let count = 0; count < 2; count++) {
    barriers++;
    await side.createTopic(`${topic}-barrier-${barriers}`);
  }
  return said;
}

const steps: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['as it was', {}],
  ['smaller messages', { 'max.message.bytes': '100' }],
  ['larger messages', { 'max.message.bytes': '10000' }],
  ['append time', { 'message.timestamp.type': 'LogAppendTime' }],
  ['create time', { 'message.timestamp.type': 'CreateTime' }],
  ['gzip', { 'compression.type': 'gzip' }],
  ['zstd', { 'compression.type': 'zstd' }],
  ['uncompressed', { 'compression.type': 'uncompressed' }],
  ['as the producer', { 'compression.type': 'producer' }],
  ['compacted', { 'cleanup.policy': 'compact' }],
  ['deleted', { 'cleanup.policy': 'delete' }],
  ['only the newest', { 'message.timestamp.before.max.ms': '1' }],
  ['any time', { 'message.timestamp.before.max.ms': '9223372036854775807' }],
  ['no conversion', { 'message.downconversion.enable': 'false' }],
  ['conversion', { 'message.downconversion.enable': 'true' }],
  ['two replicas', { 'min.insync.replicas': '2' }],
];

const changes: Scenario = {
  name: 'settings that change under way',
  async run(side) {
    const topic = 'changes';
    await side.createTopic(topic);
    const said: Record<string, Said> = {};
    for (const [title, configs] of steps) {
      said[`${title}: set`] = await set(side, topic, configs);
      said[`${title}: keyed`] = await side.produce(topic, makeBatch({ compression: 'snappy' }));
      said[`${title}: keyless`] = await side.produce(
        topic,
        makeBatch({ records: [record(0, { key: null })] }),
      );
      said[`${title}: delete`] = await side.deleteRecords(topic, 0);
      said[`${title}: read`] = await contents(side, topic, [2, 9, 16]);
    }
    return said;
  },
};

const smallerSegments: Scenario = {
  name: 'segments that shall be smaller from now on',
  async run(side) {
    const topic = 'smaller-segments';
    await side.createTopic(topic);
    const said: Record<string, Said> = {};
    for (const bytes of ['1073741824', '1024', '2048', '14']) {
      said[`${bytes}: set`] = await set(side, topic, { 'segment.bytes': bytes });
      for (let index = 0; index < 8; index++) {
        said[`${bytes}: ${index}`] = await side.produce(topic, makeBatch({ records: records(4) }));
      }
      said[`${bytes}: starts`] = await side.listOffset(topic, -1, { version: 0, maxNumOffsets: 100 });
    }
    return said;
  },
};

const wrongSettings: Scenario = {
  name: 'settings that are refused',
  async run(side) {
    const topic = 'wrong-settings';
    await side.createTopic(topic);
    const said: Record<string, Said> = {};
    const wrong: Readonly<Record<string, string>>[] = [
      { 'segment.bytes': '1' },
      { 'retention.ms': '-2' },
      { 'retention.ms': 'soon' },
      { 'max.message.bytes': '-1' },
      { 'cleanup.policy': 'keep' },
      { 'cleanup.policy': '' },
      { 'compression.type': 'brotli' },
      { 'message.timestamp.type': 'SendTime' },
      { 'flush.messages': '0' },
      { 'flush.ms': '-1' },
      { 'no.such.key': '1' },
      { 'min.insync.replicas': '0' },
    ];
    for (const configs of wrong) said[JSON.stringify(configs)] = await side.setConfigs(topic, configs);
    said['still taken'] = await side.produce(topic, makeBatch({ records: records(1, { timestampMs: T0 }) }));
    return said;
  },
};

export const configScenarios: readonly Scenario[] = [changes, smallerSegments, wrongSettings];
