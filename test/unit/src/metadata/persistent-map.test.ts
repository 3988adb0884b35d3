import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PersistentMap } from '../../../../src/metadata/persistent-map.ts';

describe('a persistent map', () => {
  test('behaves as a copied Map under any changes, and leaves older versions as they were', () => {
    const changes = fc.array(fc.tuple(fc.nat(60), fc.option(fc.nat(5), { nil: undefined })), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(fc.array(changes, { maxLength: 30 }), (rounds) => {
        let map = PersistentMap.empty<number, number>();
        let model = new Map<number, number>();
        const kept: [PersistentMap<number, number>, Map<number, number>][] = [];
        for (const round of rounds) {
          kept.push([map, model]);
          model = new Map(model);
          for (const [key, value] of round) {
            if (value === undefined) model.delete(key);
            else model.set(key, value);
          }
          map = map.with(new Map(round));
        }
        kept.push([map, model]);
        for (const [version, expected] of kept) {
          expect(new Map(version.entries())).toEqual(expected);
          expect(version.size).toBe(expected.size);
          for (let key = 0; key <= 60; key += 1) expect(version.get(key)).toBe(expected.get(key));
        }
      }),
    );
  });

  test('is the same object when nothing changes', () => {
    const map = PersistentMap.from([['a', 1]]);
    expect(map.with(new Map())).toBe(map);
  });

  test('keeps the order in which keys were first put', () => {
    const keys = Array.from({ length: 100 }, (_, index) => `k${(index * 37) % 100}`);
    let map = PersistentMap.empty<string, number>();
    for (const [index, key] of keys.entries()) map = map.with(new Map([[key, index]]));
    for (const key of keys) map = map.with(new Map([[key, 1]]));
    expect([...map.keys()]).toEqual(keys);
  });
});
