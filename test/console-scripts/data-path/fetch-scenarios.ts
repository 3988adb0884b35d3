/** Reads of every kind: limits, sessions, offsets, epochs, isolation, times, and the deletion of records. */

import { Fetch } from '../../../protocol/messages/fetch.ts';
import { ListOffsets } from '../../../protocol/messages/list-offsets.ts';
import { ZERO_UUID } from '../../../protocol/uuid.ts';
import { until } from '../../helpers/until.ts';
import { makeBatch, record, records, T0 } from './batches.ts';
import type { Scenario } from './produce-scenarios.ts';
import { FETCH_VERSIONS } from './produce-scenarios.ts';
import type { FetchInput, Said, Side } from './side.ts';

const LIST_VERSIONS = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const EPOCH_VERSIONS = [0, 1, 2, 3, 4];

async function fill(side: Side, topic: string, batches: number, perBatch = 3): Promise<void> {
  for (let index = 0; index < batches; index++) {
    await side.produce(topic, makeBatch({ records: records(perBatch) }));
  }
}

const offsets: Scenario = {
  name: 'fetch offsets inside, at and past the ends',
  async run(side) {
    await side.createTopic('offsets');
    const said: Record<string, Said> = {};
    const look = async (title: string) => {
      for (const version of FETCH_VERSIONS) {
        for (const offset of [-2, -1, 0, 1, 5, 6, 7, 2 ** 40]) {
          said[`${title} ${version} ${offset}`] = await side.fetch('offsets', { version, offset });
        }
      }
    };
    await look('empty');
    await fill(side, 'offsets', 2);
    await look('two batches');
    said['deleted'] = await side.deleteRecords('offsets', 4);
    await look('after deletion');
    return said;
  },
};

const limits: Scenario = {
  name: 'limits of a partition and of an answer',
  async run(side) {
    for (const topic of ['limits-a', 'limits-b', 'limits-empty']) await side.createTopic(topic);
    await fill(side, 'limits-a', 5);
    await fill(side, 'limits-b', 5);
    const size = makeBatch().length;
    const said: Record<string, Said> = {};
    for (const version of [0, 1, 2, 3, 4, 7, 11, 12, 16]) {
      for (const partitionMaxBytes of [-1, 0, 1, size - 1, size, size + 1, 2 * size, 3 * size - 1]) {
        said[`partition ${partitionMaxBytes} ${version}`] = await side.fetch('limits-a', {
          version,
          partitionMaxBytes,
        });
      }
      for (const maxBytes of [-1, 0, 1, size, size + 1, 3 * size, 6 * size + 5]) {
        said[`answer ${maxBytes} ${version}`] = await side.fetchAll(
          ['limits-empty', 'limits-a', 'limits-b'],
          {
            version,
            maxBytes,
          },
        );
      }
    }
    return said;
  },
};

const minimumBytes: Scenario = {
  name: 'minimum bytes and waiting',
  async run(side) {
    await side.createTopic('minimum');
    await fill(side, 'minimum', 1);
    const said: Record<string, Said> = {};
    const inputs: FetchInput[] = [
      { minBytes: 0 },
      { minBytes: 1 },
      { minBytes: 100_000, maxWaitMs: 50 },
      { minBytes: 1, maxWaitMs: 50, offset: 3 },
      { minBytes: 1, maxWaitMs: 30_000, offset: 99 },
      { minBytes: 1, maxWaitMs: 30_000, partition: 7 },
      { minBytes: 1, maxWaitMs: 30_000, currentLeaderEpoch: 5 },
      { minBytes: -5, maxWaitMs: 30_000, offset: 3 },
      { minBytes: 1, maxWaitMs: -1, offset: 3 },
      { minBytes: 2 ** 31 - 1, maxBytes: 1, maxWaitMs: 30_000 },
    ];
    for (const version of [4, 12, 16]) {
      for (const input of inputs) {
        if (version === 16 && input.partition === 7) continue;
        said[`${version} ${JSON.stringify(input)}`] = await side.fetch('minimum', { version, ...input });
      }
    }
    return said;
  },
};

const epochs: Scenario = {
  name: 'leader epochs of the reader',
  async run(side) {
    await side.createTopic('epochs');
    const said: Record<string, Said> = {};
    const look = async (title: string) => {
      for (const version of [8, 9, 11, 12, 13, 16]) {
        for (const currentLeaderEpoch of [-2, -1, 0, 1, 2 ** 31 - 1]) {
          said[`${title} ${version} ${currentLeaderEpoch}`] = await side.fetch('epochs', {
            version,
            currentLeaderEpoch,
          });
        }
      }
      for (const version of [12, 16]) {
        for (const lastFetchedEpoch of [-2, -1, 0, 1, 9]) {
          for (const offset of [0, 3, 6, 99]) {
            said[`${title} last ${version} ${lastFetchedEpoch} ${offset}`] = await side.fetch('epochs', {
              version,
              lastFetchedEpoch,
              offset,
            });
          }
        }
      }
      for (const version of EPOCH_VERSIONS) {
        for (const epoch of [-7, -1, 0, 1, 5]) {
          said[`${title} end ${version} ${epoch}`] = await side.epochEnd('epochs', epoch, version);
        }
        if (version < 2) continue;
        for (const current of [-1, 0, 1, 7]) {
          said[`${title} end ${version} as ${current}`] = await side.epochEnd('epochs', 0, version, current);
        }
        said[`${title} end ${version} unknown topic`] = await side.epochEnd('no-such-topic', 0, version);
      }
    };
    await look('empty');
    await fill(side, 'epochs', 2);
    await look('filled');
    await side.deleteRecords('epochs', 4);
    await look('shortened');
    return said;
  },
};

const unknown: Scenario = {
  name: 'topics, partitions and ids that are unknown',
  async run(side) {
    await side.createTopic('known');
    await fill(side, 'known', 1);
    const said: Record<string, Said> = {};
    const id = 'AAAAAAAAAAAAAAAAAAAAbQ';
    for (const version of FETCH_VERSIONS) {
      for (const partition of [-1, 1, 2 ** 31 - 1]) {
        said[`partition ${partition} ${version}`] = await side.fetch('known', { version, partition });
      }
      said[`topic ${version}`] = await side.fetch('unknown', { version, topicId: id });
      said[`zero id ${version}`] = await side.fetch('known', { version, topicId: ZERO_UUID });
      said[`wait ${version}`] = await side.fetch('unknown', { version, topicId: id, maxWaitMs: 100 });
      said[`isolation 2 ${version}`] =
        version >= 4 ? await side.fetch('known', { version, isolationLevel: 2 }) : 'none';
      said[`committed ${version}`] =
        version >= 4 ? await side.fetch('known', { version, isolationLevel: 1 }) : 'none';
      said[`debugging ${version}`] = await side.fetch('known', { version, replicaId: -2 });
      said[`no topics ${version}`] = await side.fetchAll([], { version });
    }
    return said;
  },
};

const twice: Scenario = {
  name: 'a partition fetched twice in one request',
  async run(side) {
    await side.createTopic('fetch-twice', {}, 2);
    await fill(side, 'fetch-twice', 2);
    const said: Record<string, Said> = {};
    for (const version of [4, 7, 12, 16]) {
      for (const sessionEpoch of version >= 7 ? [-1, 0] : [-1]) {
        const part = (partition: number, fetchOffset: number) => ({
          partition,
          fetchOffset,
          currentLeaderEpoch: -1,
          lastFetchedEpoch: -1,
          logStartOffset: -1,
          partitionMaxBytes: 1_000,
        });
        const topic = { topic: 'fetch-twice', topicId: side.topicId('fetch-twice') };
        said[`${version} ${sessionEpoch}`] = await side.ask(Fetch, version, {
          maxWaitMs: 0,
          minBytes: 1,
          maxBytes: 10_000,
          isolationLevel: 0,
          sessionId: 0,
          sessionEpoch,
          topics: [
            { ...topic, partitions: [part(0, 0), part(1, 0), part(0, 3)] },
            { ...topic, partitions: [part(1, 0)] },
          ],
          forgottenTopicsData: [],
          rackId: '',
        });
      }
    }
    return said;
  },
};

const sessions = (version: number): Scenario => ({
  name: `fetch sessions in version ${version}`,
  async run(side) {
    const [a, b, c] = [`session-${version}-a`, `session-${version}-b`, `session-${version}-c`] as const;
    for (const topic of [a, b, c]) await side.createTopic(topic);
    await fill(side, a, 2);
    const said: Record<string, Said> = {};
    const ask = async (
      sessionId: number,
      sessionEpoch: number,
      topics: readonly (readonly [string, number])[],
      forgotten: readonly string[] = [],
      asked = version,
    ): Promise<Said> =>
      side.ask(Fetch, asked, {
        maxWaitMs: 0,
        minBytes: 1,
        maxBytes: 1_000_000,
        isolationLevel: 0,
        sessionId,
        sessionEpoch,
        topics: topics.map(([topic, fetchOffset]) => ({
          topic,
          topicId: side.topicId(topic),
          partitions: [
            {
              partition: 0,
              fetchOffset,
              currentLeaderEpoch: -1,
              lastFetchedEpoch: -1,
              logStartOffset: -1,
              partitionMaxBytes: 1_000,
            },
          ],
        })),
        forgottenTopicsData: forgotten.map((topic) => ({
          topic,
          topicId: side.topicId(topic),
          partitions: [0],
        })),
        rackId: '',
      });
    said['no session'] = await ask(0, -1, [[a, 0]]);
    said['unknown session'] = await ask(12345, 1, [[a, 0]]);
    said['session 0, epoch 1'] = await ask(0, 1, [[a, 0]]);
    said['unknown session, final epoch'] = await ask(12345, -1, [[a, 0]]);
    said['unknown session, epoch 0'] = await ask(12345, 0, [[a, 0]]);
    said['negative epoch'] = await ask(0, -2, [[a, 0]]);
    said['full'] = await ask(0, 0, [
      [a, 0],
      [b, 0],
    ]);
    const id = side.sessionId;
    said['nothing changed'] = await ask(id, 1, []);
    said['epoch again'] = await ask(id, 1, []);
    said['epoch skipped'] = await ask(id, 9, []);
    said['moved on'] = await ask(id, 2, [[a, 6]]);
    said['nothing new'] = await ask(id, 3, []);
    await fill(side, b, 1);
    said['news of b'] = await ask(id, 4, []);
    said['the same news'] = await ask(id, 5, [[b, 3]]);
    said['c joins'] = await ask(id, 6, [[c, 0]]);
    said['b leaves'] = await ask(id, 7, [], [b]);
    await fill(side, b, 1);
    said['b has left'] = await ask(id, 8, []);
    said['c out of range'] = await ask(id, 9, [[c, 99]]);
    said['c still out of range'] = await ask(id, 10, []);
    said['c well again'] = await ask(id, 11, [[c, 0]]);
    said['records of a deleted'] = await side.deleteRecords(a, 3);
    said['a begins later'] = await ask(id, 12, []);
    said['other kind of ids'] = await ask(id, 13, [], [], version >= 13 ? 12 : 13);
    said['all leave'] = await ask(id, 13, [], [a, c]);
    said['after all left'] = await ask(id, 14, []);
    said['full again'] = await ask(id, 0, [[a, 3]]);
    const second = side.sessionId;
    said['a new session'] = second === id ? 'SAME' : 'OTHER';
    said['end it'] = await ask(second, -1, [[a, 3]]);
    said['it has ended'] = await ask(second, 1, []);
    said['empty full'] = await ask(0, 0, []);
    return said;
  },
});

const times: Scenario = {
  name: 'offsets by time over records in any order',
  async run(side) {
    await side.createTopic('times');
    const said: Record<string, Said> = {};
    const look = async (title: string) => {
      for (const version of LIST_VERSIONS) {
        const asked = [-1, -2, -3, -4, -5, -100, 0, T0, T0 + 1, T0 + 5, T0 + 50, T0 + 100, T0 + 101, 2 ** 50];
        for (const timestamp of asked) {
          const title2 = `${title} ${version} ${timestamp > 0 ? timestamp - T0 : timestamp}`;
          said[title2] = await side.listOffset('times', timestamp, { version });
          if (version >= 2) {
            said[`${title2} committed`] = await side.listOffset('times', timestamp, {
              version,
              isolationLevel: 1,
            });
          }
        }
        for (const replicaId of [-2, 1, 7]) {
          said[`${title} ${version} as ${replicaId}`] = await side.listOffset('times', -1, {
            version,
            replicaId,
          });
        }
      }
      for (const maxNumOffsets of [-1, 0, 1, 2]) {
        for (const timestamp of [-1, -2]) {
          said[`${title} at most ${maxNumOffsets} ${timestamp}`] = await side.listOffset('times', timestamp, {
            version: 0,
            maxNumOffsets,
          });
        }
      }
    };
    await look('empty');
    const at = (...deltas: number[]) =>
      deltas.map((delta, index) => record(index, { timestampMs: T0 + delta }));
    await side.produce('times', makeBatch({ records: at(5, 3, 9) }));
    await look('one batch');
    await side.produce('times', makeBatch({ records: at(100, 1, 2), compression: 'gzip' }));
    await side.produce('times', makeBatch({ records: at(4, 50, 6), compression: 'zstd' }));
    await side.produce('times', makeBatch({ records: at(100, 7) }));
    await look('more');
    await side.deleteRecords('times', 4);
    await look('shortened');
    said['unknown topic'] = await side.listOffset('no-such-topic', -1);
    for (const version of LIST_VERSIONS) {
      const part = { partitionIndex: 0, timestamp: -1, currentLeaderEpoch: -1, maxNumOffsets: 1 };
      const { maxNumOffsets: _, ...newer } = part;
      const one = version === 0 ? part : newer;
      said[`twice ${version}`] = await side.ask(ListOffsets, version, {
        replicaId: -1,
        isolationLevel: 0,
        topics: [
          { name: 'times', partitions: [one, one] },
          { name: 'times', partitions: [{ ...one, partitionIndex: 3 }] },
        ],
      });
    }
    return said;
  },
};

const appendTimes: Scenario = {
  name: 'offsets by time where the log stamps the records',
  async run(side) {
    await side.createTopic('list-append-time', { 'message.timestamp.type': 'LogAppendTime' });
    await fill(side, 'list-append-time', 1);
    // The second batch is stamped later than the first: which is the newest does not hang on chance.
    const writtenMs = Date.now();
    await until(() => Date.now() > writtenMs + 1);
    await fill(side, 'list-append-time', 1);
    const said: Record<string, Said> = {};
    for (const timestamp of [-1, -2, -3, 0, T0, 2 ** 50]) {
      said[`${timestamp}`] = await side.listOffset('list-append-time', timestamp);
    }
    return said;
  },
};

const segments: Scenario = {
  name: 'a log of several segments',
  async run(side) {
    const topic = 'segments';
    await side.createTopic(topic, { 'segment.bytes': '1024', 'index.interval.bytes': '0' });
    await fill(side, topic, 12);
    const said: Record<string, Said> = {};
    for (const offset of [0, 1, 11, 12, 20, 35, 36]) {
      for (const version of [0, 2, 3, 4, 16]) {
        said[`fetch ${offset} ${version}`] = await side.fetch(topic, { offset, version });
      }
    }
    for (const timestamp of [-1, -2, -3, T0, T0 + 2, T0 + 3]) {
      said[`list ${timestamp - T0}`] = await side.listOffset(topic, timestamp);
    }
    said['starts'] = await side.listOffset(topic, -1, { version: 0, maxNumOffsets: 100 });
    said['two starts'] = await side.listOffset(topic, -1, { version: 0, maxNumOffsets: 2 });
    said['starts by time'] = await side.listOffset(topic, T0, { version: 0 });
    said['starts by late time'] = await side.listOffset(topic, 2 ** 50, { version: 0, maxNumOffsets: 100 });
    for (const offset of [-2, 37, 99, 5, 5, 3, 20, -1]) {
      said[`delete ${offset} (${Object.keys(said).length})`] = await side.deleteRecords(topic, offset);
      said[`earliest after ${offset}`] = await side.listOffset(topic, -2);
      said[`starts after ${offset}`] = await side.listOffset(topic, -1, { version: 0, maxNumOffsets: 100 });
    }
    for (const version of [0, 1, 2]) {
      said[`internal ${version}`] = await side.deleteRecords('__consumer_offsets', 0, version);
      said[`unknown ${version}`] = await side.deleteRecords('no-such-topic', 0, version);
    }
    await side.createTopic('compact-only', { 'cleanup.policy': 'compact' });
    said['compacted'] = await side.deleteRecords('compact-only', 0);
    await side.createTopic('compact-delete', { 'cleanup.policy': 'compact,delete' });
    said['compacted and deleted'] = await side.deleteRecords('compact-delete', 0);
    return said;
  },
};

export const fetchScenarios: readonly Scenario[] = [
  offsets,
  limits,
  minimumBytes,
  epochs,
  unknown,
  twice,
  ...[7, 11, 12, 13, 16].map(sessions),
  times,
  appendTimes,
  segments,
];
