import { describe, expect, test } from 'vitest';
import { GroupMachine } from '../../../src/group/machine.ts';
import type { Command, Instant, Outcome } from '../../../src/group/outcome.ts';
import { catches, runSeeds } from '../event-simulation.ts';
import { ConsumerSimulation } from './consumer-simulation.ts';

const STEPS = 1_200;

/** Seeds that once found something. */
const keptSeeds: readonly number[] = [];
const seeds = [...Array.from({ length: 24 }, (_, i) => i + 1), ...keptSeeds];

describe('the simulated consumer group', () => {
  test('keeps its invariants with members that die, pause, send twice and miss answers', () => {
    let reconciled = 0;
    let committed = 0;
    for (const simulation of runSeeds(seeds, STEPS, (seed) => new ConsumerSimulation(seed))) {
      reconciled += simulation.reconciledCount;
      committed += simulation.commitCount;
    }
    // The members did get somewhere, or the invariants say nothing.
    expect(reconciled).toBeGreaterThan(seeds.length * 20);
    expect(committed).toBeGreaterThan(seeds.length * 2);
  });
});

/** Each has one rule broken. */
class TellsBeforeCommitted extends GroupMachine {
  override failed(writeId: number, _errorCode: number, now: Instant): Outcome {
    return this.committed(writeId, 1_000_000, now);
  }
}

class TakesRevocationForGranted extends GroupMachine {
  override handle(token: number, command: Command, now: Instant): Outcome {
    if (command.type !== 'consumerGroupHeartbeat') return super.handle(token, command, now);
    const request = { ...command.request, topicPartitions: [] };
    return super.handle(token, { ...command, request }, now);
  }
}

class GivesWhatOthersStillHave extends GroupMachine {
  override handle(token: number, command: Command, now: Instant): Outcome {
    for (const group of this.groups.values()) if (group.type === 'consumer') group.isOwned = () => false;
    return super.handle(token, command, now);
  }
}

class ForgetsWhatMembersHave extends GroupMachine {
  override replay(record: Parameters<GroupMachine['replay']>[0]): string | null {
    return record.key?.readInt16BE(0) === 8 ? null : super.replay(record);
  }
}

class ForgetsTheEpochOfTheGroup extends GroupMachine {
  override replay(record: Parameters<GroupMachine['replay']>[0]): string | null {
    return record.key?.readInt16BE(0) === 3 ? null : super.replay(record);
  }
}

class SleepsThroughDeadlines extends GroupMachine {
  override get nextDeadlineMs(): number | null {
    return null;
  }
}

class SeesNoNewTopics extends GroupMachine {
  #topics: Extract<Command, { type: 'consumerGroupHeartbeat' }>['topics'] | null = null;

  override handle(token: number, command: Command, now: Instant): Outcome {
    if (command.type !== 'consumerGroupHeartbeat') return super.handle(token, command, now);
    this.#topics ??= command.topics;
    return super.handle(token, { ...command, topics: this.#topics }, now);
  }
}

describe('the invariants of the consumer protocol', () => {
  catches(
    seeds,
    STEPS,
    [
      TellsBeforeCommitted,
      TakesRevocationForGranted,
      GivesWhatOthersStillHave,
      ForgetsWhatMembersHave,
      ForgetsTheEpochOfTheGroup,
      SleepsThroughDeadlines,
      SeesNoNewTopics,
    ],
    (seed, create) => new ConsumerSimulation(seed, create),
  );
});
