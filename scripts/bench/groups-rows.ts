/** What is measured of groups and transactions, each row as a rate or a time and the CPU of the broker for it. */
import { ErrorCode } from '../../protocol/errors.ts';
import { encodeRequestFrame } from '../../protocol/frame.ts';
import { FindCoordinator } from '../../protocol/messages/find-coordinator.ts';
import { Heartbeat } from '../../protocol/messages/heartbeat.ts';
import { OffsetCommit } from '../../protocol/messages/offset-commit.ts';
import { WireClient } from '../../test/helpers/wire-client.ts';
import type { Figures, Round, Row } from './compare.ts';
import { timeToManyStable, timeToStable } from './groups-member.ts';
import { TransactionProducers } from './groups-transactions.ts';
import { runLoad } from './load.ts';
import type { Frame } from './requests.ts';
import type { Server } from './servers.ts';
import { createTopic } from './servers.ts';
import { cpuSeconds, pause, Window } from './window.ts';

export interface GroupRowOptions {
  readonly seconds: number;
  readonly program: string | null;
}

/** Asks until the coordinator of groups serves: Apache Kafka makes its topic only when it is asked. */
export async function untilCoordinated(port: number): Promise<void> {
  const client = await WireClient.connect(port);
  for (;;) {
    const { errorCode } = await client.send(FindCoordinator, 3, {
      key: 'bench',
      keyType: 0,
      coordinatorKeys: [],
    });
    if (errorCode === ErrorCode.NONE) {
      const beat = { groupId: 'bench', generationId: 1, memberId: 'x' };
      const tried = await client.send(Heartbeat, 4, beat);
      if (tried.errorCode === ErrorCode.UNKNOWN_MEMBER_ID) break;
    }
    await pause(50);
  }
  client.close();
}

/** OffsetCommit v7 of one partition, by a consumer that is in no group. */
function commitFrame(topic: string): Frame {
  const bytes = Buffer.concat(
    encodeRequestFrame(
      OffsetCommit,
      7,
      { correlationId: 1, clientId: 'bench' },
      {
        groupId: topic,
        generationIdOrMemberEpoch: -1,
        memberId: '',
        topics: [
          {
            name: topic,
            partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: '' }],
          },
        ],
      },
    ),
  );
  // size, correlation id, throttle time, count, name, count, index.
  return { bytes, errorAt: 4 + 4 + 4 + 4 + 2 + topic.length + 4 + 4, offsetAt: -1 };
}

/** How long it takes until all is stable, and the CPU for it. */
async function start(server: Server, run: () => Promise<number>): Promise<Figures> {
  const before = cpuSeconds(server.pid);
  const tookMs = await run();
  return { ms: tookMs, 'CPU ms': (cpuSeconds(server.pid) - before) * 1000 };
}

async function transactions(
  server: Server,
  topic: string,
  producerCount: number,
  seconds: number,
  round: Round,
): Promise<Figures> {
  for (let i = 0; i < producerCount; i++) await createTopic(server, `${topic}-${i}`);
  const window = new Window(server.pid, round.countsInstructions);
  const producers = await TransactionProducers.start(server.port, { topic, producerCount, recordCount: 10 });
  const running = producers.run();
  // A failure is told as soon as it happens.
  const whenFailed = running.then(() => new Promise<never>(() => {}));
  const wait = (ms: number) => Promise.race([pause(ms), whenFailed]);
  await wait(round.isFirst ? 3000 : 500);
  window.open();
  const before = producers.count;
  await wait(seconds * 1000);
  const amount = producers.count - before;
  const seen = await window.close();
  producers.stop();
  await running;
  producers.close();
  return {
    'per second': amount / seen.seconds,
    'CPU ms': (seen.cpuSeconds / amount) * 1000,
    ...(seen.instructions === null ? {} : { 'instructions/transaction': seen.instructions / amount }),
  };
}

let topicNumber = 0;

/** The clients speak the bare protocol from this process: they cost next to nothing. */
export function groupRows({ seconds, program }: GroupRowOptions): readonly Row<Server>[] {
  const row = (
    name: string,
    instructions: string | null,
    measure: (server: Server, topic: string, round: Round) => Promise<Figures>,
  ): Row<Server> => ({
    name,
    withFsync: true,
    measure: async (server, round) => {
      await untilCoordinated(server.port);
      return measure(server, `groups-${String(topicNumber++).padStart(4, '0')}`, round);
    },
    ...(instructions === null ? {} : { instructions }),
  });
  const commits = (connections: number, depth: number): Row<Server> =>
    row(
      `offset commits, ${connections} x ${depth} deep`,
      program === null ? null : 'instructions/request',
      async (server, topic, round) => {
        await createTopic(server, topic);
        const { requests, instructions, ...result } = await runLoad(program, server.port, {
          frame: commitFrame(topic),
          connections,
          depth,
          seconds,
          warmupSeconds: round.isFirst ? 3 : 0.5,
          pid: server.pid,
          maxBytes: 4e9,
          countsInstructions: round.countsInstructions,
        });
        return {
          'requests/s': requests / result.seconds,
          'CPU us': (result.cpuSeconds / requests) * 1e6,
          'p50 us': result.p50Us,
          'p99 us': result.p99Us,
          ...(instructions === null ? {} : { 'instructions/request': instructions / requests }),
        };
      },
    );
  const transacting = (producerCount: number): Row<Server> =>
    row(
      `transactions of 10 records, ${producerCount} producer${producerCount === 1 ? '' : 's'}`,
      'instructions/transaction',
      (server, topic, round) => transactions(server, topic, producerCount, seconds, round),
    );
  return [
    row('50 consumers join one group', null, (server, topic) =>
      start(server, () => timeToStable(server.port, topic, 50)),
    ),
    row('1,000 groups of one consumer', null, (server, topic) =>
      start(server, () => timeToManyStable(server.port, topic, 1_000)),
    ),
    commits(1, 50),
    commits(10, 10),
    transacting(1),
    transacting(10),
  ];
}
