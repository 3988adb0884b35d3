import { describe, expect, test } from 'vitest';
import { GroupMachine } from '../../../src/group/machine.ts';
import type { Command, Instant, Outcome } from '../../../src/group/outcome.ts';
import { catches, runSeeds } from '../event-simulation.ts';
import { Simulation } from './simulation.ts';

const STEPS = 1_500;

/** Seeds that once found something. */
const keptSeeds: readonly number[] = [];
const seeds = [...Array.from({ length: 24 }, (_, i) => i + 1), ...keptSeeds];

describe('the simulated group', () => {
  test('keeps its invariants with clients that die, pause, resend and arrive late', () => {
    let synced = 0;
    let committed = 0;
    for (const simulation of runSeeds(seeds, STEPS, (seed) => new Simulation(seed))) {
      synced += simulation.syncedCount;
      committed += simulation.commitCount;
    }
    // The clients did get somewhere, or the invariants say nothing.
    expect(synced).toBeGreaterThan(seeds.length * 10);
    expect(committed).toBeGreaterThan(seeds.length * 10);
  });
});

/** Each has one rule broken. */
class TellsBeforeCommitted extends GroupMachine {
  override failed(writeId: number, _errorCode: number, now: Instant): Outcome {
    return this.committed(writeId, 1_000_000, now);
  }
}

class ForgetsMarkers extends GroupMachine {
  override transactionEnded(producerId: number, _isCommit: boolean, now: Instant): Outcome {
    return super.transactionEnded(producerId, false, now);
  }
}

class AssignsTwice extends GroupMachine {
  override handle(token: number, command: Command, now: Instant): Outcome {
    if (command.type !== 'syncGroup') return super.handle(token, command, now);
    const assignments = command.request.assignments.map((a) => ({
      ...a,
      assignment: Buffer.from([0, 1, 2, 3, 4]),
    }));
    return super.handle(token, { ...command, request: { ...command.request, assignments } }, now);
  }
}

class ForgetsToReplayGroups extends GroupMachine {
  override replay(record: Parameters<GroupMachine['replay']>[0]): string | null {
    return record.key?.readInt16BE(0) === 2 ? null : super.replay(record);
  }
}

class SleepsThroughDeadlines extends GroupMachine {
  override tick(now: Instant): Outcome {
    super.tick(now);
    return { writes: [], answers: [], notes: [] };
  }
}

describe('the invariants', () => {
  catches(
    seeds,
    STEPS,
    [TellsBeforeCommitted, ForgetsMarkers, AssignsTwice, ForgetsToReplayGroups, SleepsThroughDeadlines],
    (seed, create) => new Simulation(seed, create),
  );
});
