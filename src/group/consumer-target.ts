/**
 * What the members of a group are to have: their topics as the metadata image has them, and the assignor's answer.
 *
 * The oracle is TargetAssignmentBuilder, and computeSubscriptionMetadata in ConsumerGroup. Expressions are resolved
 * here and now against the image at hand, where Kafka 4.0 does it on the side and keeps the outcome in records.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import type { AssignedMember } from './assignors/assignor.ts';
import { AssignorError } from './assignors/assignor.ts';
import { assignors } from './assignors/index.ts';
import { stringOrder } from './assignors/java-order.ts';
import { uniformAssignor } from './assignors/uniform.ts';
import type { GroupConfig } from './config.ts';
import type { MemberMetadata } from './consumer-changes.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import type { Draft } from './consumer-writes.ts';
import type { Shard } from './shard.ts';
import type { Partitions, SubscriptionMetadata, TopicMetadata, TopicsView } from './topics.ts';
import { NO_PARTITIONS, samePartitions, sameSubscriptionMetadata } from './topics.ts';

// Subscriptions ----------------------------------------------------------------------------------------------------

const regexOf = ({ subscribedTopicRegex }: MemberMetadata): string | null =>
  subscribedTopicRegex === '' ? null : subscribedTopicRegex;

/** What the expressions of all members match. */
function resolve(shard: Shard, group: ConsumerGroup, topics: TopicsView): Map<string, ReadonlySet<string>> {
  const resolved = new Map<string, ReadonlySet<string>>();
  for (const member of group.members.values()) {
    const regex = regexOf(member);
    if (regex !== null && !resolved.has(regex)) resolved.set(regex, shard.regexes.matching(regex, topics));
  }
  return resolved;
}

function subscriptionMetadata(
  group: ConsumerGroup,
  resolved: ReadonlyMap<string, ReadonlySet<string>>,
  topics: TopicsView,
): SubscriptionMetadata {
  const metadata = new Map<string, TopicMetadata>();
  const add = (name: string) => {
    const topic = topics.topic(name);
    if (topic !== undefined) metadata.set(name, topic);
  };
  for (const name of group.subscribedTopicNames) add(name);
  for (const names of resolved.values()) for (const name of names) add(name);
  return metadata;
}

/**
 * Looks at the topics of the group as they are now. Returns whether anything of it is new, so that there has to be a
 * new assignment; what is new of the topics is drafted.
 */
export function refreshSubscriptions(shard: Shard, draft: Draft, topics: TopicsView): boolean {
  const { group } = draft;
  const resolved = resolve(shard, group, topics);
  const hasNewMatches = matchesDiffer(group, resolved);
  const metadata = subscriptionMetadata(group, resolved, topics);
  group.seenTopics = topics;
  group.resolved = resolved;
  if (sameSubscriptionMetadata(metadata, group.subscriptionMetadata)) {
    // Equal, and cheaper to compare the next time.
    group.subscriptionMetadata = metadata;
    return hasNewMatches;
  }
  draft.change({ type: 'subscriptionMetadata', value: metadata });
  return true;
}

/** A topic may be new to an expression without being new to the group. */
function matchesDiffer(group: ConsumerGroup, resolved: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  if (resolved.size === 0) return false;
  // After a load nobody knows what they matched when the target was computed.
  if (group.resolved === null) return true;
  for (const [regex, names] of resolved) {
    const before = group.resolved.get(regex);
    if (before === names) continue;
    if (before?.size !== names.size || [...names].some((name) => !before.has(name))) return true;
  }
  return false;
}

// Target -----------------------------------------------------------------------------------------------------------

/**
 * The assignor that most members ask for; of equals the one that Kafka's map gives first. The first that is configured
 * when nobody asks.
 */
export function preferredAssignor(config: GroupConfig, group: ConsumerGroup): string {
  const counts = new Map<string, number>();
  for (const { serverAssignor } of group.members.values()) {
    // The log may name one that is offered no longer.
    const isOffered = serverAssignor !== null && config.consumerAssignors.includes(serverAssignor);
    if (isOffered) counts.set(serverAssignor, (counts.get(serverAssignor) ?? 0) + 1);
  }
  let preferred = config.consumerAssignors[0] ?? uniformAssignor.name;
  let most = 0;
  for (const name of stringOrder(counts.keys())) {
    const count = counts.get(name) ?? 0;
    if (count <= most) continue;
    preferred = name;
    most = count;
  }
  return preferred;
}

function assignedMembers(group: ConsumerGroup): AssignedMember[] {
  const topicIds = new Map<string, Uuid>();
  for (const { name, topicId } of group.subscriptionMetadata.values()) topicIds.set(name, topicId);
  return stringOrder(group.members.keys()).flatMap((memberId) => {
    const member = group.members.get(memberId);
    if (member === undefined) return [];
    const regex = regexOf(member);
    const matched = regex === null ? [] : (group.resolved?.get(regex) ?? []);
    const names = [...member.subscribedTopicNames, ...matched];
    return {
      memberId,
      rackId: member.rackId,
      subscribedTopicIds: new Set(names.flatMap((name) => topicIds.get(name) ?? [])),
      assigned: group.target(memberId) ?? NO_PARTITIONS,
    };
  });
}

/** Drafts the target for the present epoch of the group. @throws {KafkaError} UNKNOWN_SERVER_ERROR */
export function updateTarget(shard: Shard, draft: Draft): void {
  const { group } = draft;
  const name = preferredAssignor(shard.config, group);
  const topics = new Map([...group.subscriptionMetadata.values()].map((topic) => [topic.topicId, topic]));
  const members = assignedMembers(group);
  const assignor = assignors.get(name) ?? uniformAssignor;
  let assignment: ReadonlyMap<string, Partitions>;
  try {
    assignment = assignor.assign({ members, topics });
  } catch (error) {
    if (!(error instanceof AssignorError)) throw error;
    const what = `Failed to compute a new target assignment for epoch ${group.groupEpoch}: ${error.message}`;
    throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, what);
  }
  for (const { memberId } of members) {
    const value = assignment.get(memberId) ?? NO_PARTITIONS;
    const before = group.target(memberId);
    if (before === null || !samePartitions(before, value)) draft.change({ type: 'target', memberId, value });
  }
  draft.change({ type: 'assignmentEpoch', value: group.groupEpoch });
  shard.note({
    event: 'target assignment computed',
    groupId: group.groupId,
    groupEpoch: group.groupEpoch,
    assignor: assignor.name,
    memberCount: members.length,
    topicCount: topics.size,
  });
}
