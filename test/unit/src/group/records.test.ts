import { describe, expect, test } from 'vitest';
import {
  decodeGroupMetadataValue,
  decodeKey,
  decodeOffsetCommitValue,
  groupMetadataKey,
  groupMetadataValue,
  offsetCommitKey,
  offsetCommitValue,
  subscribedTopics,
} from '../../../../src/group/records.ts';

// Made with the message classes of Apache Kafka 3.7.0, versions in front as MessageUtil puts them.
const OFFSET_KEY = '00010003677270000674c3b870696300000007';
const GROUP_KEY = '00020003677270';
const OFFSET_VALUES = [
  '00007fffffffffffffff00016d0000018bcfe5687b',
  '00017fffffffffffffff00016d0000018bcfe5687b0000018bcfe58f0f',
  '00027fffffffffffffff00016d0000018bcfe5687b',
  '00037fffffffffffffff0000000500016d0000018bcfe5687b',
  '00047fffffffffffffff00000005026d0000018bcfe5687b00',
];
const GROUP_VALUES = [
  '00000008636f6e73756d657200000003000572616e676500036d2d310000000100036d2d31000163000a2f3132372e302e302e31000027100000000201020000000103',
  '00010008636f6e73756d657200000003000572616e676500036d2d310000000100036d2d31000163000a2f3132372e302e302e310000ea60000027100000000201020000000103',
  '00020008636f6e73756d657200000003000572616e676500036d2d310000018bcfe569c80000000100036d2d31000163000a2f3132372e302e302e310000ea60000027100000000201020000000103',
  '00030008636f6e73756d657200000003000572616e676500036d2d310000018bcfe569c80000000100036d2d310004696e7374000163000a2f3132372e302e302e310000ea60000027100000000201020000000103',
  '000409636f6e73756d6572000000030672616e6765046d2d310000018bcfe569c802046d2d3105696e737402630b2f3132372e302e302e310000ea600000271003010202030000',
];
const EMPTY_GROUP = '00030008636f6e73756d657200000004ffffffff0000018bcfe569c800000000';

const LONG_MAX = 9_223_372_036_854_775_807n;
const hex = (text: string) => Buffer.from(text, 'hex');

const offset = {
  offset: LONG_MAX,
  leaderEpoch: 5,
  metadata: 'm',
  commitTimestampMs: 1_700_000_000_123n,
  expireTimestampMs: -1,
};

const member = {
  memberId: 'm-1',
  groupInstanceId: 'inst',
  clientId: 'c',
  clientHost: '/127.0.0.1',
  rebalanceTimeout: 60_000,
  sessionTimeout: 10_000,
  subscription: Buffer.from([1, 2]),
  assignment: Buffer.from([3]),
};

const group = {
  protocolType: 'consumer',
  generation: 3,
  protocol: 'range',
  leader: 'm-1',
  currentStateTimestamp: 1_700_000_000_456,
  members: [member],
};

describe('records of __consumer_offsets', () => {
  test('keys are written as Apache Kafka writes them', () => {
    expect(offsetCommitKey('grp', 'tøpic', 7).toString('hex')).toBe(OFFSET_KEY);
    expect(groupMetadataKey('grp').toString('hex')).toBe(GROUP_KEY);
  });

  test('keys of all versions are read, and those of others are left alone', () => {
    expect(decodeKey(hex(OFFSET_KEY))).toEqual({
      type: 'offset',
      groupId: 'grp',
      topic: 'tøpic',
      partition: 7,
    });
    expect(decodeKey(hex(OFFSET_KEY.replace(/^0001/, '0000')))).toMatchObject({
      type: 'offset',
      groupId: 'grp',
    });
    expect(decodeKey(hex(GROUP_KEY))).toEqual({ type: 'group', groupId: 'grp' });
    expect(decodeKey(hex('0003000367727000'))).toMatchObject({ type: 'consumer', version: 3 });
    expect(decodeKey(hex('0010000367727000'))).toEqual({ type: 'unknown', version: 16 });
  });

  test('an offset is written in version 3, and in version 1 when it has an expiry of its own', () => {
    expect(offsetCommitValue(offset).toString('hex')).toBe(OFFSET_VALUES[3]);
    const expiring = { ...offset, expireTimestampMs: 1_700_000_009_999 };
    expect(offsetCommitValue(expiring).toString('hex')).toBe(OFFSET_VALUES[1]);
  });

  test.each([0, 1, 2, 3, 4])('an offset of version %i is read', (version) => {
    expect(decodeOffsetCommitValue(hex(OFFSET_VALUES[version] ?? ''))).toEqual({
      ...offset,
      leaderEpoch: version >= 3 ? 5 : -1,
      expireTimestampMs: version === 1 ? 1_700_000_009_999 : -1,
    });
  });

  test('a group is written in version 3', () => {
    expect(groupMetadataValue(group).toString('hex')).toBe(GROUP_VALUES[3]);
    const empty = { ...group, generation: 4, protocol: null, leader: null, members: [] };
    expect(groupMetadataValue(empty).toString('hex')).toBe(EMPTY_GROUP);
  });

  test.each([0, 1, 2, 3, 4])('a group of version %i is read', (version) => {
    expect(decodeGroupMetadataValue(hex(GROUP_VALUES[version] ?? ''))).toEqual({
      ...group,
      currentStateTimestamp: version >= 2 ? group.currentStateTimestamp : -1,
      members: [
        {
          ...member,
          groupInstanceId: version >= 3 ? 'inst' : null,
          // Version 0 has one timeout for both.
          rebalanceTimeout: version >= 1 ? 60_000 : 10_000,
        },
      ],
    });
  });

  test('versions that are not known, and cut records, are refused', () => {
    expect(() => decodeOffsetCommitValue(hex('0005000000'))).toThrow();
    expect(() => decodeGroupMetadataValue(hex('0005000000'))).toThrow();
    for (const whole of [OFFSET_KEY, GROUP_KEY]) {
      for (let size = 0; size < whole.length; size += 2) {
        expect(() => decodeKey(hex(whole.slice(0, size))), `key of ${size / 2} bytes`).toThrow();
      }
    }
    for (const whole of GROUP_VALUES) {
      for (let size = 0; size < whole.length - 2; size += 2) {
        expect(() => decodeGroupMetadataValue(hex(whole.slice(0, size)))).toThrow();
      }
    }
  });
});

describe('a subscription', () => {
  test('is read as version 0, which every version begins with', () => {
    expect(subscribedTopics(hex('000000000001000174ffffffff'))).toEqual(['t']);
    expect(subscribedTopics(hex('000100000001000174ffffffff00000000'))).toEqual(['t']);
    expect(subscribedTopics(hex('006300000001000174ffffffff0102030405'))).toEqual(['t']);
  });

  test('that does not parse is not known', () => {
    for (const text of ['', '00', 'ffff00000000ffffffff', '00007fffffff', '0000000000010001']) {
      expect(subscribedTopics(hex(text))).toBeNull();
    }
  });
});
