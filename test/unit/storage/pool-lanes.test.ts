import { describe, expect, test } from 'vitest';
import { PoolLanes } from '../../../storage/pool-lanes.ts';

describe('the lanes of the thread pool', () => {
  test('let a quarter of the threads work for one kind of call of one directory, the others in turn', () => {
    const { sync, write } = new PoolLanes(['/a'], 8).of('/a/orders-0/0.log');
    const begun: number[] = [];
    for (let call = 0; call < 5; call++) sync.enter(() => begun.push(call));
    expect(begun).toEqual([0, 1]);
    write.enter(() => begun.push(100));
    sync.leave();
    expect(begun).toEqual([0, 1, 100, 2]);
    for (let ended = 0; ended < 4; ended++) sync.leave();
    expect(begun).toEqual([0, 1, 100, 2, 3, 4]);
    sync.enter(() => begun.push(5));
    expect(begun.at(-1)).toBe(5);
  });

  test('give each directory its own, whichever is named first, and all else one together', () => {
    const lanes = new PoolLanes(['/data', '/data/inner', '/other/'], 4);
    const of = (path: string) => lanes.of(path).sync;
    expect(of('/data/orders-0/0.log')).toBe(of('/data'));
    expect(of('/data/inner/orders-0/0.log')).toBe(of('/data/inner/b'));
    expect(of('/data/inner/orders-0/0.log')).not.toBe(of('/data/innermost'));
    expect(of('/data/innermost')).toBe(of('/data'));
    expect(of('/other/orders-0')).not.toBe(of('/elsewhere'));
    expect(of('/elsewhere')).toBe(of('/database/a'));
  });

  test('leave one call at a time where there are few threads', () => {
    const { read } = new PoolLanes([], 1).of('/a');
    const begun: number[] = [];
    for (let call = 0; call < 2; call++) read.enter(() => begun.push(call));
    expect(begun).toEqual([0]);
  });
});
