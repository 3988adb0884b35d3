import { describe, expect, test } from 'vitest';
import type { ConsumerChange } from '../../../../src/group/consumer-changes.ts';
import {
  consumerRecord,
  decodeConsumerChange,
  decodeConsumerKey,
} from '../../../../src/group/consumer-changes.ts';
import { ConsumerGroup } from '../../../../src/group/consumer-group.ts';
import { GroupMemory } from '../../../../src/group/memory.ts';

const TOPIC = '9FD1AFMXKuR8qj3zOdEf8w';
const partitions = (...indexes: number[]) => new Map([[TOPIC, new Set(indexes)]]);

/** What RecordHelpers and RecordSerde of Apache Kafka 3.7.0 make of the same. */
const samples: readonly [ConsumerChange, string, string | null][] = [
  [{ type: 'groupEpoch', value: 7 }, '00030003677270', '00000000000700'],
  [{ type: 'groupEpoch', value: null }, '00030003677270', null],
  [{ type: 'assignmentEpoch', value: 6 }, '00060003677270', '00000000000600'],
  [
    { type: 'target', memberId: 'm1', value: partitions(0, 3) },
    '0007000367727000026d31',
    '00000002f450f50053172ae47caa3df339d11ff30300000000000000030000000100',
  ],
  [{ type: 'target', memberId: 'm1', value: null }, '0007000367727000026d31', null],
  [
    {
      type: 'subscriptionMetadata',
      value: new Map([
        [
          'topic',
          {
            topicId: TOPIC,
            name: 'topic',
            partitionCount: 4,
            racks: new Map([
              [0, ['r1']],
              [1, ['r2']],
            ]),
          },
        ],
      ]),
    },
    '00040003677270',
    '00000000000002f450f50053172ae47caa3df339d11ff306746f70696300000004030000000002037231000000000102037232000000',
  ],
  [
    {
      type: 'member',
      memberId: 'm1',
      value: {
        instanceId: 'i',
        rackId: 'r',
        clientId: 'c',
        clientHost: '/127.0.0.1',
        subscribedTopicNames: ['a', 'b'],
        subscribedTopicRegex: 'x.*',
        rebalanceTimeoutMs: 60_000,
        serverAssignor: 'range',
      },
    },
    '0005000367727000026d31',
    '00000269027202630b2f3132372e302e302e31030261026204782e2a0000ea600672616e67650100',
  ],
  [
    {
      type: 'current',
      memberId: 'm1',
      value: {
        memberEpoch: 5,
        previousMemberEpoch: 4,
        targetMemberEpoch: 6,
        assigned: partitions(0, 3),
        pendingRevocation: partitions(1),
        pendingAssignment: partitions(2),
      },
    },
    '0008000367727000026d31',
    '000000000005000000040000000602f450f50053172ae47caa3df339d11ff30300000000000000030002f450f50053172ae47caa3df339d11ff302000000010002f450f50053172ae47caa3df339d11ff30200000002000000000100',
  ],
  [{ type: 'current', memberId: 'm1', value: null }, '0008000367727000026d31', null],
  [{ type: 'member', memberId: 'm1', value: null }, '0005000367727000026d31', null],
];

describe('a change of a consumer group', () => {
  test.each(samples)(
    '%j is the record that Apache Kafka writes, and is read from it',
    (change, key, value) => {
      const record = consumerRecord('grp', change);
      expect(record.key.toString('hex')).toBe(key);
      expect(record.value?.toString('hex') ?? null).toBe(value);
      const decodedKey = decodeConsumerKey(record.key.readInt16BE(0), record.key.subarray(2));
      expect(decodedKey?.groupId).toBe('grp');
      if (decodedKey === null) return;
      expect(decodeConsumerChange(decodedKey, record.value)).toEqual(change);
    },
  );

  test('is taken back by the change that applying it gives', () => {
    const group = new ConsumerGroup('grp', new GroupMemory());
    const changes = samples.map(([change]) => change);
    const inverses = changes.map((change) => group.apply(change));
    expect(group.members.size).toBe(0);
    for (const inverse of inverses.toReversed()) group.apply(inverse);
    expect(group.isHollow).toBe(true);
    expect(group.owners.size).toBe(0);
    expect(group.staticMembers.size).toBe(0);
    expect([...group.subscribedTopicNames]).toEqual([]);
    expect(group.subscriptionMetadata.size).toBe(0);
  });
});
