import { describe, expect, test } from 'vitest';
import { Purgatory, WatchList } from '../../../../src/partition/purgatory.ts';
import { VirtualTime } from '../../../helpers/virtual-time.ts';

function waiter(isComplete: () => boolean) {
  const seen = { tries: 0, completed: 0, expired: 0 };
  return {
    seen,
    tryComplete: () => {
      seen.tries++;
      if (!isComplete()) return false;
      seen.completed++;
      return true;
    },
    expire: () => {
      seen.expired++;
    },
  };
}

describe('purgatory', () => {
  test('a waiter whose condition holds already completes at once and leaves nothing behind', () => {
    const time = new VirtualTime();
    const purgatory = new Purgatory(time);
    const one = waiter(() => true);
    purgatory.watch([new WatchList(purgatory)], 100, one);
    expect(one.seen).toEqual({ tries: 1, completed: 1, expired: 0 });
    expect(purgatory.size).toBe(0);
    expect(time.waiting).toBe(0);
  });

  test('a waiter on two partitions is tried once per drain, however many of them moved', () => {
    const purgatory = new Purgatory(new VirtualTime());
    const lists = [new WatchList(purgatory), new WatchList(purgatory)];
    const one = waiter(() => false);
    purgatory.watch(lists, 100, one);
    for (const list of lists) list.notify();
    lists[0]?.notify();
    purgatory.drain();
    expect(one.seen.tries).toBe(2);
  });

  test('a waiter completes once and is forgotten by all its partitions', () => {
    const time = new VirtualTime();
    const purgatory = new Purgatory(time);
    const lists = [new WatchList(purgatory), new WatchList(purgatory)];
    let isReady = false;
    const one = waiter(() => isReady);
    purgatory.watch(lists, 100, one);
    isReady = true;
    lists[1]?.notify();
    purgatory.drain();
    for (const list of lists) list.notify();
    purgatory.drain();
    time.advance(1000);
    expect(one.seen).toEqual({ tries: 2, completed: 1, expired: 0 });
    expect(lists.map((list) => list.entries.size)).toEqual([0, 0]);
  });

  test('a waiter expires when its time is over, and never completes afterwards', () => {
    const time = new VirtualTime();
    const purgatory = new Purgatory(time);
    const list = new WatchList(purgatory);
    let isReady = false;
    const one = waiter(() => isReady);
    purgatory.watch([list], 100, one);
    time.advance(99);
    expect(one.seen.expired).toBe(0);
    time.advance(1);
    isReady = true;
    list.notify();
    purgatory.drain();
    expect(one.seen).toEqual({ tries: 1, completed: 0, expired: 1 });
  });

  test('a waiter that another one wakes while it completes is tried in the same drain', () => {
    const purgatory = new Purgatory(new VirtualTime());
    const list = new WatchList(purgatory);
    const other = new WatchList(purgatory);
    let isReady = false;
    const first = waiter(() => {
      if (!isReady) return false;
      other.notify();
      return true;
    });
    const second = waiter(() => isReady);
    purgatory.watch([list], 100, first);
    purgatory.watch([other], 100, second);
    isReady = true;
    list.notify();
    purgatory.drain();
    expect(second.seen.completed).toBe(1);
  });
});
