import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { UsableBroker } from '../../../../src/controller/placement.ts';
import { placeReplicas } from '../../../../src/controller/placement.ts';
import type { ControllerRandom } from '../../../../src/controller/ports.ts';

function randomFrom(seed: number): ControllerRandom {
  let state = seed;
  return {
    bytes: (count) => new Uint8Array(count),
    below: (bound) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * bound);
    },
  };
}

const brokers = fc.uniqueArray(
  fc.record({
    id: fc.nat(50),
    rack: fc.constantFrom(null, 'a', 'b', 'c'),
    fenced: fc.boolean(),
  }),
  { selector: (broker: UsableBroker) => broker.id, minLength: 1, maxLength: 12 },
);

describe('replica placement', () => {
  test('puts no broker twice, leads on unfenced ones, and goes round the racks', () => {
    fc.assert(
      fc.property(
        brokers,
        fc.integer({ min: 1, max: 40 }),
        fc.nat(12),
        fc.nat(),
        (usable, count, extra, seed) => {
          fc.pre(usable.some((broker) => !broker.fenced));
          const replicationFactor = 1 + (extra % usable.length);
          const spec = { partitionCount: count, replicationFactor };
          const placed = placeReplicas(spec, usable, randomFrom(seed));
          expect(placed).toHaveLength(count);
          const byId = new Map(usable.map((broker) => [broker.id, broker]));
          const rackCount = new Set(usable.map((broker) => broker.rack)).size;
          for (const replicas of placed) {
            expect(new Set(replicas).size).toBe(replicationFactor);
            expect(byId.get(replicas[0] ?? -1)?.fenced).toBe(false);
            const racks = new Set(replicas.map((id) => byId.get(id)?.rack));
            expect(racks.size).toBe(Math.min(replicationFactor, rackCount));
          }
        },
      ),
    );
  });

  test('gives every broker as many leaderships as the others', () => {
    const usable = [1, 2, 3, 4].map((id) => ({ id, rack: null, fenced: false }));
    const placed = placeReplicas({ partitionCount: 40, replicationFactor: 2 }, usable, randomFrom(7));
    const led = new Map<number, number>();
    for (const [leader = -1] of placed) led.set(leader, (led.get(leader) ?? 0) + 1);
    expect([...led.values()]).toEqual([10, 10, 10, 10]);
  });

  test("refuses in Kafka's words", () => {
    const one = [{ id: 1, rack: null, fenced: false }];
    const place = (replicationFactor: number, usable: UsableBroker[]) => () =>
      placeReplicas({ partitionCount: 1, replicationFactor }, usable, randomFrom(1));
    expect(place(3, one)).toThrow(
      'The target replication factor of 3 cannot be reached because only 1 broker(s) are registered.',
    );
    expect(place(1, [{ id: 1, rack: null, fenced: true }])).toThrow('All brokers are currently fenced.');
    expect(place(1, [])).toThrow('All brokers are currently fenced.');
    expect(place(0, one)).toThrow('Invalid replication factor 0: the replication factor must be positive.');
  });
});
