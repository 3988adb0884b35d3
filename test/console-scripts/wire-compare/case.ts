/** What a case of the comparison is, and what its requests are made of. */
import { buildBatch } from '../../../protocol/batch.ts';
import * as messages from '../../../protocol/messages/index.ts';
import type { Api } from '../../../protocol/schema.ts';
import type { Limits, Struct } from './requests.ts';
import type { Side } from './side.ts';

export interface Case {
  readonly api: Api;
  /** Tells cases of one API apart. */
  readonly name?: string;
  readonly base: (side: Side, n: string, version: number) => Struct | Promise<Struct>;
  readonly limits?: Limits;
  /** Changes, by their names, whose answer is chance, or that differ for a reason that stands beside them. */
  readonly except?: RegExp;
  /** First and last version, where not all are meant. */
  readonly versions?: readonly [number, number];
  /** Changes that Apache Kafka never answers, by a mistake of its own: here an answer is all that is asked for. */
  readonly unanswered?: RegExp;
  /** Makes sense only where this API is served, too. */
  readonly needs?: Api;
  /** Send the base alone. */
  readonly plain?: boolean;
}

const byName = new Map(messages.apis.map((api) => [api.name, api]));

export const apiOf = (name: string): Api => {
  const found = byName.get(name);
  if (found === undefined) throw new Error(`no API ${name}`);
  return found;
};

export const TIMESTAMP_MS = 1_700_000_000_000;

export const batch = (
  values: readonly string[],
  more: Partial<Parameters<typeof buildBatch>[0]> = {},
): Buffer =>
  buildBatch({
    records: values.map((value, index) => ({
      key: Buffer.from(`k${index}`),
      value: Buffer.from(value),
      timestampMs: TIMESTAMP_MS + index,
      headers: [],
    })),
    ...more,
  });
