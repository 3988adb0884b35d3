import { describe, expect, test } from 'vitest';
import { LogView } from '../../../../src/raft/log-view.ts';

const view = () =>
  new LogView({
    startOffset: 10,
    endOffset: 40,
    epochs: [
      { epoch: 3, startOffset: 10 },
      { epoch: 5, startOffset: 20 },
      { epoch: 6, startOffset: 30 },
    ],
    snapshots: [
      { endOffset: 25, epoch: 5 },
      { endOffset: 10, epoch: 2 },
    ],
  });

describe('a log view', () => {
  test.each([
    [6, { epoch: 6, endOffset: 40 }],
    [5, { epoch: 5, endOffset: 30 }],
    [4, { epoch: 3, endOffset: 20 }],
    [9, { epoch: 6, endOffset: 40 }],
    [1, { epoch: 2, endOffset: 10 }],
  ])('knows where epoch %i ends', (epoch, end) => {
    expect(view().endOffsetForEpoch(epoch)).toEqual(end);
  });

  test.each([
    [30, 5, { kind: 'valid' }],
    [31, 5, { kind: 'diverging', at: { epoch: 5, endOffset: 30 } }],
    [30, 4, { kind: 'diverging', at: { epoch: 3, endOffset: 20 } }],
    [9, 2, { kind: 'snapshot', id: { endOffset: 25, epoch: 5 } }],
    [10, 1, { kind: 'snapshot', id: { endOffset: 25, epoch: 5 } }],
    [10, 2, { kind: 'valid' }],
    [30, 1, { kind: 'snapshot', id: { endOffset: 25, epoch: 5 } }],
  ])('judges a fetch from %i after epoch %i', (offset, epoch, validation) => {
    expect(view().validate(offset, epoch)).toEqual(validation);
  });

  test.each([
    [{ epoch: 5, endOffset: 27 }, 27],
    [{ epoch: 5, endOffset: 99 }, 30],
    [{ epoch: 4, endOffset: 99 }, 20],
    [{ epoch: 0, endOffset: 15 }, 15],
  ])('cuts for the leader’s end of epoch %j at %i', (diverging, offset) => {
    expect(view().truncationPoint(diverging)).toBe(offset);
  });

  test('forgets epochs with what is cut, and keeps the one that reaches across a new start', () => {
    const cut = view();
    cut.truncatedTo(20);
    expect([cut.endOffset, cut.syncedTo, cut.lastEpoch]).toEqual([20, 20, 3]);
    const moved = view();
    moved.snapshotsChanged(25, [{ endOffset: 25, epoch: 5 }]);
    expect(moved.epochs).toEqual([
      { epoch: 5, startOffset: 25 },
      { epoch: 6, startOffset: 30 },
    ]);
  });

  test('an empty log goes on in the epoch of its snapshot', () => {
    const log = view();
    log.restartedAt({ endOffset: 50, epoch: 7 });
    expect([log.startOffset, log.endOffset, log.syncedTo, log.lastEpoch]).toEqual([50, 50, 50, 7]);
    expect(() => log.appended(6, 51, 51)).toThrow();
  });
});
