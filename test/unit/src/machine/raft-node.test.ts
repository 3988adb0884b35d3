import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../../../protocol/errors.ts';
import { describeQuorum } from '../../../../src/machine/raft-api.ts';
import { metadataLogDirectory } from '../../../../src/machine/raft-open.ts';
import type { MemoryDisk } from '../../../../storage/memory-disk.ts';
import { readSmallFile, replaceSmallFile } from '../../../../storage/small-file.ts';
import { DIRECTORY, METADATA_LEVEL, TestQuorum, topic, topicNames, turns } from './raft-fixture.ts';

const directory = metadataLogDirectory(DIRECTORY);

const propose = (quorum: TestQuorum, ...names: string[]) => {
  const { node } = quorum.leader();
  return node.propose({
    records: names.map(topic),
    metadataLevel: METADATA_LEVEL,
    epoch: node.epoch,
    requiredBaseOffset: node.logEndOffset,
  });
};

describe('a quorum of one voter', () => {
  test('leads epoch 1 as soon as its first record is on disk', async () => {
    const quorum = new TestQuorum([1]);
    const { node, listener } = quorum.start(1);
    expect(listener.leaders).toEqual([]);
    await turns();
    expect(listener.leaders).toEqual([{ leaderId: 1, epoch: 1 }]);
    expect(node.highWatermark).toBe(1);
  });

  test('answers a proposal after the listener was given the records', async () => {
    const quorum = new TestQuorum([1]);
    const { listener } = quorum.start(1);
    await turns();
    const proposed = propose(quorum, 'a', 'b');
    expect([proposed.baseOffset, proposed.lastOffset]).toEqual([1, 2]);
    expect(topicNames(listener.records)).toEqual([]);
    await proposed.committed;
    expect(topicNames(listener.records)).toEqual(['a', 'b']);
    expect(listener.batches.at(-1)).toMatchObject({ baseOffset: 1, lastOffset: 2, epoch: 1 });
  });

  test('loses no answered proposal to a power cut, and leads on after losing an unanswered one', async () => {
    const quorum = new TestQuorum([1]);
    const { node } = quorum.start(1);
    await turns();
    const { committed } = propose(quorum, 'a');
    expect(node.highWatermark).toBe(1);
    const before = quorum.disks.get(1)?.powerCut(() => 0);
    await committed;
    const after = quorum.disks.get(1)?.powerCut(() => 0);
    for (const [disk, names] of [
      [before, []],
      [after, ['a']],
    ] as const) {
      const again = new TestQuorum([1]);
      const { listener } = again.start(1, disk);
      await turns();
      expect(topicNames(listener.records)).toEqual(names);
      await propose(again, 'b').committed;
      expect(topicNames(listener.records)).toEqual([...names, 'b']);
    }
  });

  test('keeps each answered proposal once, in order, over power cuts at random moments', async () => {
    let disk: MemoryDisk | undefined;
    const answered: string[] = [];
    for (let round = 0; round < 40; round += 1) {
      const quorum = new TestQuorum([1]);
      const chance = () => quorum.random();
      for (let draw = 0; draw < round; draw += 1) {
        chance();
      }
      const { node, listener, errors } = quorum.start(1, disk);
      await turns();
      const recovered = topicNames(listener.records);
      expect(recovered.filter((name) => answered.includes(name))).toEqual(answered);
      expect(new Set(recovered).size).toBe(recovered.length);
      const before = [...recovered];
      for (let count = 0; count < 5; count += 1) {
        const name = `${round}-${count}`;
        propose(quorum, name).committed.then(
          () => before.push(name),
          () => {},
        );
        await turns(Math.floor(chance() * 3));
      }
      expect(errors).toEqual([]);
      expect(node.isLeader).toBe(true);
      answered.splice(0, answered.length, ...before);
      disk = quorum.disks.get(1)?.powerCut(chance);
    }
    expect(answered.length).toBeGreaterThan(40);
  });

  test('leads a new epoch after each start and replays all that was committed', async () => {
    const quorum = new TestQuorum([1]);
    quorum.start(1);
    await turns();
    await propose(quorum, 'a').committed;
    quorum.stop(1);
    const again = quorum.start(
      1,
      quorum.disks.get(1)?.powerCut(() => 0),
    );
    await turns();
    expect(again.node.epoch).toBe(2);
    expect(topicNames(again.listener.records)).toEqual(['a']);
    expect(again.listener.leaders).toEqual([{ leaderId: 1, epoch: 2 }]);
  });

  test('keeps its vote in quorum-state exactly as Kafka writes it', async () => {
    const quorum = new TestQuorum([1]);
    quorum.start(1);
    await turns();
    const disk = quorum.disks.get(1);
    expect(disk && readSmallFile(disk, `${directory}/quorum-state`)?.toString()).toBe(
      '{"clusterId":"","leaderId":1,"leaderEpoch":1,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}',
    );
  });

  test.each([
    ['', 'is not a line of JSON'],
    ['{"leaderEpoch":', 'is not a line of JSON'],
    ['{"data_version":7}', 'data_version is 7'],
    ['{"data_version":0,"leaderEpoch":"x"}', 'leaderEpoch'],
  ])('refuses to start on the quorum-state %j and leaves it alone', async (contents, reason) => {
    const quorum = new TestQuorum([1]);
    quorum.start(1);
    await turns();
    const disk = quorum.disks.get(1);
    if (disk === undefined) throw new Error('no disk');
    replaceSmallFile(disk, `${directory}/quorum-state`, Buffer.from(contents));
    expect(() => quorum.open(1)).toThrow(reason);
    expect(readSmallFile(disk, `${directory}/quorum-state`)?.toString()).toBe(contents);
  });

  test('refuses to start with other voters than quorum-state names', async () => {
    const quorum = new TestQuorum([1]);
    quorum.start(1);
    await turns();
    const other = new TestQuorum([1, 2]);
    expect(() => other.open(1, quorum.disks.get(1))).toThrow("voters of a quorum can't be changed");
  });

  test('fails what is pending with NOT_CONTROLLER when it resigns, and leads again later', async () => {
    const quorum = new TestQuorum([1]);
    const { node, listener } = quorum.start(1);
    await turns();
    const { committed } = propose(quorum, 'a');
    node.resign(node.epoch);
    await expect(committed).rejects.toMatchObject({ code: ErrorCode.NOT_CONTROLLER });
    expect(listener.leaders.at(-1)).toEqual({ leaderId: -1, epoch: 1 });
    await quorum.pass(2500);
    expect(listener.leaders.at(-1)).toEqual({ leaderId: 1, epoch: 2 });
  });

  test('refuses proposals of another epoch', async () => {
    const quorum = new TestQuorum([1]);
    const { node } = quorum.start(1);
    await turns();
    const proposal = { records: [topic('a')], metadataLevel: METADATA_LEVEL, requiredBaseOffset: null };
    expect(() => node.propose({ ...proposal, epoch: 0 })).toThrow();
    expect(() => node.propose({ ...proposal, epoch: 2 })).toThrow();
  });

  test('describes itself as a voter that is caught up', async () => {
    const quorum = new TestQuorum([1]);
    const { node } = quorum.start(1);
    await turns();
    const request = { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] };
    const wallMs = quorum.time.wallMs();
    expect(describeQuorum(node, request).topics?.[0]?.partitions?.[0]).toMatchObject({
      errorCode: 0,
      leaderId: 1,
      leaderEpoch: 1,
      highWatermark: 1,
      currentVoters: [
        { replicaId: 1, logEndOffset: 1, lastFetchTimestamp: wallMs, lastCaughtUpTimestamp: wallMs },
      ],
      observers: [],
    });
  });
});

describe('a quorum of three voters', () => {
  const startAll = async (quorum: TestQuorum) => {
    for (const id of [1, 2, 3]) {
      quorum.start(id);
    }
    await quorum.pass(4000);
  };

  test('elects one leader, which all know, and commits on all', async () => {
    const quorum = new TestQuorum([1, 2, 3]);
    await startAll(quorum);
    const { committed } = propose(quorum, 'a');
    await quorum.pass(100);
    await committed;
    for (const { listener, errors } of quorum.nodes.values()) {
      expect(errors).toEqual([]);
      expect(topicNames(listener.records)).toEqual(['a']);
      expect(listener.leaders.at(-1)?.leaderId).toBe(quorum.leader().node.nodeId);
    }
  });

  test('tells followers of a commit without waiting for the next record', async () => {
    const quorum = new TestQuorum([1, 2, 3]);
    await startAll(quorum);
    propose(quorum, 'a');
    await turns(60);
    for (const { listener } of quorum.nodes.values()) {
      expect(topicNames(listener.records)).toEqual(['a']);
    }
  });

  test('elects another leader when one dies, and takes it back as a follower', async () => {
    const quorum = new TestQuorum([1, 2, 3]);
    await startAll(quorum);
    await Promise.all([propose(quorum, 'a').committed, quorum.pass(100)]);
    const dead = quorum.leader().node.nodeId;
    quorum.stop(dead);
    await quorum.pass(6000);
    const { node } = quorum.leader();
    expect(node.nodeId).not.toBe(dead);
    await Promise.all([propose(quorum, 'b').committed, quorum.pass(100)]);
    const back = quorum.start(
      dead,
      quorum.disks.get(dead)?.powerCut(() => 0),
    );
    await quorum.pass(4000);
    expect(quorum.leader().node.nodeId).toBe(node.nodeId);
    expect(topicNames(back.listener.records)).toEqual(['a', 'b']);
  });

  test('hands leadership over at a shutdown without waiting for a timeout', async () => {
    const quorum = new TestQuorum([1, 2, 3]);
    await startAll(quorum);
    const { node } = quorum.leader();
    const stopped = node.shutdown(5000);
    await quorum.pass(300);
    expect(await stopped).toBe(true);
    quorum.stop(node.nodeId);
    expect(quorum.leader().node.nodeId).not.toBe(node.nodeId);
  });

  test('a voter that comes late gets a snapshot and the log from there on', async () => {
    const quorum = new TestQuorum([1, 2, 3], { maxBytes: 0, maxMs: -1, fileDeleteDelayMs: 1000 });
    quorum.start(1);
    quorum.start(2);
    await quorum.pass(5000);
    const { node } = quorum.leader();
    for (const names of [['a', 'b'], ['c']]) {
      await Promise.all([propose(quorum, ...names).committed, quorum.pass(100)]);
      const id = { endOffset: node.highWatermark, epoch: node.epoch };
      const records = [...quorum.leader().listener.records];
      const contents = { id, lastContainedLogTimestampMs: 5, records, metadataLevel: METADATA_LEVEL };
      expect(await node.createSnapshot(contents)).toBe(true);
    }
    await Promise.all([propose(quorum, 'd').committed, quorum.pass(100)]);
    const late = quorum.start(3);
    await quorum.pass(3000);
    expect(late.errors).toEqual([]);
    expect(late.listener.snapshotsLoaded).toBe(1);
    expect(topicNames(late.listener.records)).toEqual(['a', 'b', 'c', 'd']);
    quorum.stop(3);
    const again = quorum.start(
      3,
      quorum.disks.get(3)?.powerCut(() => 0),
    );
    await quorum.pass(3000);
    expect(topicNames(again.listener.records)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('an observer follows without a vote', async () => {
    const quorum = new TestQuorum([1, 2, 3]);
    await startAll(quorum);
    const observer = quorum.start(7);
    await Promise.all([propose(quorum, 'a').committed, quorum.pass(1000)]);
    expect(topicNames(observer.listener.records)).toEqual(['a']);
    expect(observer.listener.leaders.at(-1)?.leaderId).toBe(quorum.leader().node.nodeId);
    expect(
      quorum
        .leader()
        .node.describe()
        ?.observers.map(({ id }) => id),
    ).toEqual([7]);
    expect(
      quorum
        .leader()
        .node.describe()
        ?.voters.map(({ id }) => id),
    ).toEqual([1, 2, 3]);
  });
});
