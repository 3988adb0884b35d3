import { describe, expect, test } from 'vitest';
import { TransactionMachine } from '../../../src/transaction/machine.ts';
import type { Command, Instant, Outcome } from '../../../src/transaction/outcome.ts';
import { decodeTransactionValue } from '../../../src/transaction/records.ts';
import { catches, runSeeds } from '../event-simulation.ts';
import { Simulation } from './simulation.ts';

const STEPS = 600;

/** Seeds that once found something. */
const keptSeeds: readonly number[] = [];
const seeds = [...Array.from({ length: Number(process.env['SEEDS'] ?? 20) }, (_, i) => i + 1), ...keptSeeds];

describe('simulated transactions', () => {
  test('stay whole with producers that die, come back and arrive late, and coordinators that fail over', () => {
    let commits = 0;
    let aborts = 0;
    for (const simulation of runSeeds(seeds, STEPS, (seed) => new Simulation(seed))) {
      commits += simulation.commitCount;
      aborts += simulation.abortCount;
    }
    // The producers did get somewhere, or the invariants say nothing.
    expect(commits).toBeGreaterThan(seeds.length * 3);
    expect(aborts).toBeGreaterThan(seeds.length);
  });
});

/** Each has one rule broken. */
class BelievesFailedMarkers extends TransactionMachine {
  override handle(token: number, command: Command, now: Instant): Outcome {
    if (command.type !== 'markersWritten') return super.handle(token, command, now);
    const results = command.results.map((result) => ({ ...result, errorCode: 0 }));
    return super.handle(token, { ...command, results }, now);
  }
}

class ForgetsMarkersAfterFailover extends TransactionMachine {
  override loaded(now: Instant): Outcome {
    return { ...super.loaded(now), markers: [] };
  }
}

class ReopensDecisions extends TransactionMachine {
  override replay(record: { key: Buffer; value: Buffer | null }): string | null {
    const isDecision =
      record.value !== null && decodeTransactionValue(record.value).status.startsWith('Prepare');
    return isDecision ? null : super.replay(record);
  }
}

class SendsTheOtherMarker extends TransactionMachine {
  override loaded(now: Instant): Outcome {
    const outcome = super.loaded(now);
    return { ...outcome, markers: outcome.markers.map((send) => ({ ...send, isCommit: true })) };
  }
}

class TellsOfUnknownFates extends TransactionMachine {
  override failed(writeId: number, errorCode: number, now: Instant): Outcome {
    const outcome = super.failed(writeId, errorCode, now);
    const answers = outcome.answers.map(({ token, response }) => ({
      token,
      response: { ...response, errorCode: 0 },
    }));
    return { ...outcome, answers };
  }
}

class VerifiesEverything extends TransactionMachine {
  override verifyPartition(): number {
    return 0;
  }
}

class SleepsThroughDeadlines extends TransactionMachine {
  override tick(now: Instant): Outcome {
    super.tick(now);
    return { writes: [], answers: [], notes: [], markers: [] };
  }
}

class ForgetsTheEpoch extends TransactionMachine {
  override replay(record: { key: Buffer; value: Buffer | null }): string | null {
    const value = record.value === null ? null : Buffer.from(record.value);
    value?.writeInt16BE(0, 10);
    return super.replay({ key: record.key, value });
  }
}

describe('the invariants', () => {
  catches(
    seeds,
    STEPS,
    [
      BelievesFailedMarkers,
      ForgetsMarkersAfterFailover,
      ReopensDecisions,
      SendsTheOtherMarker,
      TellsOfUnknownFates,
      VerifiesEverything,
      SleepsThroughDeadlines,
      ForgetsTheEpoch,
    ],
    (seed, create) => new Simulation(seed, create),
  );
});
