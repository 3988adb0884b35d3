/**
 * The end of an empty group under the consumer protocol: it is deleted, or goes on under the classic one.
 *
 * What is always true: everything else that concerns the group waits meanwhile; the group is gone when its tombstones
 * are committed, and what it was when they are not. See ConsumerGroup.createGroupTombstoneRecords.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import { Draft, hold, resume, whenSettled, writeDraft } from './consumer-writes.ts';
import type { Shard } from './shard.ts';

/** Writes the tombstones of the group itself; it has no members. */
function writeEnd(shard: Shard, group: ConsumerGroup, settle: (errorCode: number) => void): void {
  const draft = new Draft(group);
  if (!group.isHollow) {
    draft.change({ type: 'assignmentEpoch', value: null });
    draft.change({ type: 'subscriptionMetadata', value: null });
    draft.change({ type: 'groupEpoch', value: null });
  }
  writeDraft(shard, draft, settle);
}

/** Removes the group once `removeOffsets` has told that its offsets are gone. */
export function removeConsumerGroup(
  shard: Shard,
  group: ConsumerGroup,
  removeOffsets: (settle: (errorCode: number) => void) => void,
  settle: (errorCode: number) => void,
): void {
  hold(group);
  group.isDead = true;
  const settled = (errorCode: number) => {
    group.isDead = false;
    if (errorCode === ErrorCode.NONE) shard.removeGroup(group);
    settle(errorCode);
  };
  removeOffsets((errorCode) => {
    group.isWriting = false;
    if (errorCode === ErrorCode.NONE) writeEnd(shard, group, settled);
    else settled(errorCode);
    if (!group.isWriting) resume(shard, group);
  });
}

/** An empty group becomes a classic one, for a member that joins in the old way; `then` is told NONE when it is. */
export function convertToClassic(
  shard: Shard,
  group: ConsumerGroup,
  again: () => void,
  then: (errorCode: number) => void,
): void {
  whenSettled(group, {
    isExclusive: true,
    refuse: then,
    run: () => {
      // Others may have been first.
      if (shard.groups.get(group.groupId) !== group || group.state !== 'empty') {
        again();
        return;
      }
      writeEnd(shard, group, (errorCode) => {
        if (errorCode === ErrorCode.NONE) shard.convertToClassicGroup(group);
        then(errorCode);
      });
    },
  });
}
