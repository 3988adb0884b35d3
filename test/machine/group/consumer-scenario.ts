/**
 * What scenarios say of the consumer protocol: commands, topics, and how answers, records and groups are written.
 */
import { decodeConsumerChange, decodeConsumerKey } from '../../../src/group/consumer-changes.ts';
import type { ConsumerGroup } from '../../../src/group/consumer-group.ts';
import type { Command, Responses } from '../../../src/group/outcome.ts';
import type { Partitions, TopicMetadata, TopicsView } from '../../../src/group/topics.ts';
import { partitionsData } from '../../../src/group/topics.ts';
import { codeName } from './harness.ts';

/** Ids that tell the topic: the name, then zeros. */
export function topicIdOf(name: string): string {
  const bytes = Buffer.alloc(16);
  bytes.write(name, 'latin1');
  return bytes.toString('base64url');
}

export function topicNameOf(topicId: string): string {
  return Buffer.from(topicId, 'base64url').toString('latin1').replaceAll('\0', '');
}

/** Topics as they are at one time. */
export class TestTopics implements TopicsView {
  readonly #topics = new Map<string, TopicMetadata>();
  readonly #names: ReadonlySet<string>;

  constructor(topics: Iterable<{ name: string; partitionCount: number; racks?: readonly string[] }>) {
    for (const { name, partitionCount, racks = [] } of topics) {
      const ofPartition = new Map<number, readonly string[]>();
      for (let i = 0; i < partitionCount && racks.length > 0; i++) {
        ofPartition.set(i, (racks[i % racks.length] ?? '').split('+'));
      }
      this.#topics.set(name, { topicId: topicIdOf(name), name, partitionCount, racks: ofPartition });
    }
    this.#names = new Set(this.#topics.keys());
  }

  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name);
  }

  nameOf(topicId: string): string | undefined {
    const name = topicNameOf(topicId);
    return this.#topics.has(name) ? name : undefined;
  }

  names(): ReadonlySet<string> {
    return this.#names;
  }
}

/** Words like `t=3` or `t=3:a,b+c`: partitions, and the racks of each in turn. */
export function topicsFrom(options: ReadonlyMap<string, string>): TestTopics {
  return new TestTopics(
    [...options].map(([name, said]) => {
      const [count = '0', racks] = said.split(':');
      return {
        name,
        partitionCount: Number(count),
        ...(racks === undefined ? {} : { racks: racks.split(',') }),
      };
    }),
  );
}

/** Words like `t-0,t-1,u-0`; `none` is an empty list. */
function partitionsFromText(text: string): { topicId: string; partitions: number[] }[] {
  const byTopic = new Map<string, number[]>();
  for (const word of text === 'none' ? [] : text.split(',')) {
    const at = word.lastIndexOf('-');
    const topicId = topicIdOf(word.slice(0, at));
    const partitions = byTopic.get(topicId) ?? [];
    byTopic.set(topicId, partitions);
    partitions.push(Number(word.slice(at + 1)));
  }
  return [...byTopic].map(([topicId, partitions]) => ({ topicId, partitions }));
}

/** A heartbeat; one that joins says by itself what it must. */
export function beatCommand(
  groupId: string,
  options: ReadonlyMap<string, string>,
  topics: TopicsView,
  newMemberId: string,
): Extract<Command, { type: 'consumerGroupHeartbeat' }> {
  const text = (key: string): string | null => {
    const value = options.get(key) ?? null;
    return value === "''" ? '' : value;
  };
  const memberEpoch = Number(options.get('epoch') ?? 0);
  const owned = options.get('owned') ?? (memberEpoch === 0 ? 'none' : null);
  const names = text('topics');
  return {
    type: 'consumerGroupHeartbeat',
    version: Number(options.get('version') ?? 1),
    client: { clientId: options.get('client') ?? 'c', clientHost: '/127.0.0.1' },
    newMemberId,
    topics,
    request: {
      groupId,
      memberId: text('member') ?? '',
      memberEpoch,
      instanceId: text('instance'),
      rackId: text('rack'),
      rebalanceTimeoutMs: Number(options.get('rebalance') ?? (memberEpoch === 0 ? 60_000 : -1)),
      subscribedTopicNames: names === null ? null : names.split(',').filter((name) => name !== ''),
      subscribedTopicRegex: text('regex'),
      serverAssignor: text('assignor'),
      topicPartitions: owned === null || owned === 'null' ? null : partitionsFromText(owned),
    },
  };
}

// Output -------------------------------------------------------------------------------------------------------

export function show(partitions: Partitions): string {
  const words = partitionsData(partitions)
    .map(({ topicId, partitions: indexes }) => ({ name: topicNameOf(topicId), indexes }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ name, indexes }) => indexes.map((index) => `${name}-${index}`));
  return `[${words.join(' ')}]`;
}

function showData(data: readonly { topicId: string; partitions: readonly number[] }[]): string {
  return show(new Map(data.map(({ topicId, partitions }) => [topicId, new Set(partitions)])));
}

export function describeHeartbeat(token: string, response: Responses['consumerGroupHeartbeat']): string {
  const { errorCode, errorMessage = null, memberId = null, memberEpoch, assignment = null } = response;
  if (errorCode !== 0) return `${token} beat: ${codeName(errorCode)} member=${memberId} (${errorMessage})`;
  const assigned = assignment === null ? '' : ` assignment=${showData(assignment.topicPartitions)}`;
  return `${token} beat: NONE member=${memberId} epoch=${memberEpoch}${assigned}`;
}

export function describeConsumerGroup(token: string, group: Responses['consumerGroupDescribe']): string[] {
  const { errorCode, errorMessage } = group;
  if (errorCode !== 0) return [`${token} describe-consumer: ${codeName(errorCode)} (${errorMessage})`];
  return [
    `${token} describe-consumer: state=${group.groupState} epoch=${group.groupEpoch} assignment-epoch=${group.assignmentEpoch} assignor=${group.assignorName}`,
    ...group.members.map((member) => {
      const { assignment, targetAssignment, subscribedTopicNames } = member;
      return (
        `  ${member.memberId} instance=${member.instanceId} rack=${member.rackId} epoch=${member.memberEpoch} ` +
        `client=${member.clientId} host=${member.clientHost} topics=${subscribedTopicNames.join()} ` +
        `regex=${member.subscribedTopicRegex} type=${member.memberType} ` +
        `assignment=${showData(assignment.topicPartitions)} target=${showData(targetAssignment.topicPartitions)}`
      );
    }),
  ];
}

export function describeConsumerRecord(version: number, body: Buffer, value: Buffer | null): string {
  const key = decodeConsumerKey(version, body);
  if (key === null) return `write unknown key ${version}`;
  const change = decodeConsumerChange(key, value);
  const what = `write ${change.type} ${key.groupId}${key.memberId === '' ? '' : ` ${key.memberId}`}`;
  if (change.value === null) return `${what} tombstone`;
  switch (change.type) {
    case 'groupEpoch':
    case 'assignmentEpoch':
      return `${what} ${change.value}`;
    case 'subscriptionMetadata':
      return `${what} ${[...change.value.values()].map((topic) => `${topic.name}=${topic.partitionCount}`).join(' ')}`.trimEnd();
    case 'target':
      return `${what} ${show(change.value)}`;
    case 'member': {
      const { subscribedTopicNames, subscribedTopicRegex, instanceId, rackId, serverAssignor } = change.value;
      return (
        `${what} topics=${subscribedTopicNames.join()} regex=${subscribedTopicRegex} instance=${instanceId} ` +
        `rack=${rackId} assignor=${serverAssignor} rebalance=${change.value.rebalanceTimeoutMs}`
      );
    }
    case 'current': {
      const { memberEpoch, previousMemberEpoch, targetMemberEpoch } = change.value;
      return (
        `${what} epoch=${memberEpoch} previous=${previousMemberEpoch} target=${targetMemberEpoch} ` +
        `assigned=${show(change.value.assigned)} revoking=${show(change.value.pendingRevocation)} ` +
        `awaiting=${show(change.value.pendingAssignment)}`
      );
    }
  }
}

export function describeGroupState(group: ConsumerGroup): string[] {
  const lines = [
    `group ${group.groupId}: ${group.state} epoch=${group.groupEpoch} assignment-epoch=${group.assignmentEpoch} ` +
      `topics=${[...group.subscriptionMetadata.values()].map((topic) => `${topic.name}=${topic.partitionCount}`).join()}`,
  ];
  for (const memberId of group.members.keys()) {
    const current = group.current(memberId);
    lines.push(
      `  member ${memberId} epoch=${current.memberEpoch} assigned=${show(current.assigned)} ` +
        `revoking=${show(current.pendingRevocation)} awaiting=${show(current.pendingAssignment)} ` +
        `target=${show(group.target(memberId) ?? new Map())}`,
    );
  }
  return lines;
}
