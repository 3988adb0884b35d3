/**
 * One sensible request per API, from which the wrong ones are made.
 *
 * `n` is a word of its own for each request sent, the same on both sides: names of what a request creates are made
 * of it, so that requests do not stand in each other's way. Cases that change much stand last.
 */
import { administrationCases } from './administration-cases.ts';
import type { Case } from './case.ts';
import { dataCases } from './data-cases.ts';
import { groupCases, lastGroupCases } from './group-cases.ts';
import { transactionCases } from './transaction-cases.ts';

export const cases: readonly Case[] = [
  ...dataCases,
  ...groupCases,
  ...administrationCases,
  ...transactionCases,
  ...lastGroupCases,
];
