import { describe, expect, test } from 'vitest';
import { Turn } from '../../../../src/net/turn.ts';

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('the end of a turn', () => {
  test('runs actions before flushes, whatever came first', async () => {
    const turn = new Turn();
    const order: string[] = [];
    turn.flushLater({ flush: () => order.push('flush 1') });
    turn.endOfTurn(() => order.push('action 1'));
    turn.flushLater({ flush: () => order.push('flush 2') });
    turn.endOfTurn(() => order.push('action 2'));
    expect(order).toEqual([]);
    await nextTurn();
    expect(order).toEqual(['action 1', 'action 2', 'flush 1', 'flush 2']);
  });

  test('flushes in the same turn what promises yield because of its actions', async () => {
    const turn = new Turn();
    const order: string[] = [];
    turn.endOfTurn(async () => {
      await null;
      await null;
      turn.flushLater({ flush: () => order.push('flush') });
    });
    setImmediate(() => order.push('next immediate'));
    await nextTurn();
    expect(order).toEqual(['flush', 'next immediate']);
  });

  test('runs actions that actions add', async () => {
    const turn = new Turn();
    const order: string[] = [];
    turn.endOfTurn(() => turn.endOfTurn(() => order.push('inner')));
    turn.flushLater({ flush: () => order.push('flush') });
    await nextTurn();
    expect(order).toEqual(['inner', 'flush']);
  });

  test('serves the next turn alike', async () => {
    const turn = new Turn();
    const order: string[] = [];
    for (const name of ['a', 'b']) {
      turn.endOfTurn(() => order.push(name));
      await nextTurn();
    }
    expect(order).toEqual(['a', 'b']);
  });
});
