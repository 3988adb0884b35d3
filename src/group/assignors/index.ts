/** The server-side assignors, in the order of group.consumer.assignors: the first is the one that is used unless asked. */
import type { Assignor } from './assignor.ts';
import { rangeAssignor } from './range.ts';
import { uniformAssignor } from './uniform.ts';

export const assignors: ReadonlyMap<string, Assignor> = new Map(
  [uniformAssignor, rangeAssignor].map((assignor) => [assignor.name, assignor]),
);

export const defaultAssignor: Assignor = uniformAssignor;
