import { describe, expect, test } from 'vitest';
import { Slots } from '../../../protocol/slots.ts';

describe('slots', () => {
  test('give each value back once, under its own id', () => {
    const slots = new Slots<string>();
    const [a, b] = [slots.put('a'), slots.put('b')];
    expect(slots.get(a)).toBe('a');
    expect(slots.take(a)).toBe('a');
    expect(slots.take(a)).toBeUndefined();
    expect(slots.get(a)).toBeUndefined();
    expect(slots.get(b)).toBe('b');
    expect(slots.size).toBe(1);
  });

  test('do not confuse a value with the one before it in its place', () => {
    const slots = new Slots<string>();
    const before = slots.put('before');
    slots.take(before);
    const after = slots.put('after');
    expect(after).not.toBe(before);
    expect(slots.get(before)).toBeUndefined();
    expect(slots.take(before)).toBeUndefined();
    expect(slots.get(after)).toBe('after');
  });

  test('behave as a map whose keys they choose', () => {
    const slots = new Slots<number>();
    const map = new Map<number, number>();
    for (let i = 0; i < 10_000; i++) {
      map.set(slots.put(i), i);
      // One that waits for long among many that do not.
      const [, second] = map.keys();
      if (i % 3 === 0 && second !== undefined) {
        expect(slots.take(second)).toBe(map.get(second));
        map.delete(second);
      }
      expect(slots.size).toBe(map.size);
    }
    for (const [id, value] of map) expect(slots.get(id)).toBe(value);
    expect(slots.takeAll().sort((a, b) => a - b)).toEqual([...map.values()].sort((a, b) => a - b));
    expect(slots.size).toBe(0);
  });
});
