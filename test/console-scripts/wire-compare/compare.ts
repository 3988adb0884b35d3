/** Sends the same requests to two brokers and tells where their answers part. */
import type { Api } from '../../../protocol/schema.ts';
import type { Case } from './case.ts';
import type { Mutation, Struct } from './requests.ts';
import { mutations, shape } from './requests.ts';
import type { Side } from './side.ts';

export interface Difference {
  readonly request: string;
  readonly apache: unknown;
  readonly ours: unknown;
}

const AS_IT_IS: Mutation = { name: 'as it is', apply: (request) => request };

export const titleOf = (one: Case, version: number): string =>
  `${one.api.name} ${version}${one.name === undefined ? '' : ` ${one.name}`}`;

/** Versions of the case that the broker serves. */
export function versionsOf(one: Case, all: ReadonlyMap<number, readonly [number, number]>): number[] {
  const served = all.get(one.api.key);
  if (served === undefined || (one.needs !== undefined && !all.has(one.needs.key))) return [];
  const [first, last] = one.versions ?? one.api.versions;
  const from = Math.max(first, served[0]);
  return Array.from(
    { length: Math.max(0, Math.min(last, served[1]) - from + 1) },
    (_, index) => from + index,
  );
}

async function answerOf(
  side: Side,
  api: Api,
  version: number,
  request: Struct,
  mutation: Mutation,
): Promise<unknown> {
  const answer = await side.ask(api, version, mutation.apply(request));
  return side.normal(api, answer);
}

/** All answers of one case in one version that differ. */
export async function compare(apache: Side, ours: Side, one: Case, version: number): Promise<Difference[]> {
  const differences: Difference[] = [];
  let count = 0;
  const request = async (side: Side): Promise<Struct> =>
    shape(
      one.api.request,
      version,
      await one.base(side, `v${version}-${one.name?.length ?? 0}-${count}`, version),
    );
  const first = await request(apache);
  await request(ours);
  const changes = one.plain === true ? [] : mutations(one.api.request, version, first, one.limits);
  for (const mutation of [AS_IT_IS, ...changes]) {
    if (one.except?.test(mutation.name)) continue;
    count++;
    if (one.unanswered?.test(mutation.name)) {
      const alone = await answerOf(ours, one.api, version, await request(ours), mutation);
      if (typeof alone === 'string')
        differences.push({ request: mutation.name, apache: 'an answer', ours: alone });
      continue;
    }
    const [expected, actual] = await Promise.all(
      [apache, ours].map(async (side) => answerOf(side, one.api, version, await request(side), mutation)),
    );
    if (JSON.stringify(expected) !== JSON.stringify(actual)) {
      differences.push({ request: mutation.name, apache: expected, ours: actual });
    }
  }
  return differences;
}
