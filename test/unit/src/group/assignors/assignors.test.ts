import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AssignmentSpec, GroupAssignment } from '../../../../../src/group/assignors/assignor.ts';
import { assignors } from '../../../../../src/group/assignors/index.ts';
import { stringOrder } from '../../../../../src/group/assignors/java-order.ts';

type PartitionsData = Record<string, number[]>;

/** One assignment that Apache Kafka 3.7.0's own classes made. Groups go through several, each on top of the last. */
interface Vector {
  readonly assignor: string;
  readonly topics: readonly {
    readonly topicId: string;
    readonly partitionCount: number;
    readonly racks: Record<string, string[]>;
  }[];
  readonly members: readonly {
    readonly memberId: string;
    readonly rackId: string | null;
    readonly subscribed: readonly string[];
    readonly assigned: PartitionsData;
    readonly expected: PartitionsData;
  }[];
}

const vectors = JSON.parse(readFileSync(join(import.meta.dirname, 'vectors.json'), 'utf8')) as Vector[];

function specOf({ topics, members }: Vector): AssignmentSpec {
  const byId = new Map(members.map((member) => [member.memberId, member]));
  return {
    topics: new Map(
      topics.map(({ topicId, partitionCount, racks }) => [
        topicId,
        {
          topicId,
          partitionCount,
          racks: new Map(Object.entries(racks).map(([index, names]) => [Number(index), names])),
        },
      ]),
    ),
    members: stringOrder(byId.keys()).flatMap((memberId) => {
      const member = byId.get(memberId);
      if (member === undefined) return [];
      const assigned = new Map(
        Object.entries(member.assigned).map(([topicId, indexes]) => [topicId, new Set(indexes)]),
      );
      return { memberId, rackId: member.rackId, subscribedTopicIds: new Set(member.subscribed), assigned };
    }),
  };
}

const sorted = (assignment: GroupAssignment, memberId: string): PartitionsData =>
  Object.fromEntries(
    [...(assignment.get(memberId) ?? [])].map(([topicId, indexes]) => [
      topicId,
      [...indexes].sort((a, b) => a - b),
    ]),
  );

/** It happens with racks and different subscriptions (mended in 3.8), and is not followed. */
const givesToStrangers = ({ members }: Vector): boolean =>
  members.some(({ subscribed, expected }) => Object.keys(expected).some((id) => !subscribed.includes(id)));

describe.each(['uniform', 'range'])('the %s assignor', (name) => {
  const own = vectors.filter((vector) => vector.assignor === name && !givesToStrangers(vector));

  test('gives every partition to the member to which Apache Kafka 3.7.0 gives it', () => {
    expect(own.length).toBeGreaterThan(30);
    for (const [i, vector] of own.entries()) {
      const assignment = assignors.get(name)?.assign(specOf(vector));
      const ours = vector.members.map(({ memberId }) => [
        memberId,
        sorted(assignment ?? new Map(), memberId),
      ]);
      const theirs = vector.members.map(({ memberId, expected }) => [memberId, expected]);
      expect(ours, `vector ${i}`).toEqual(theirs);
    }
  });
});
