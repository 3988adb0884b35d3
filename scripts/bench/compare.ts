/**
 * How a row is measured and told: rounds in turns, medians, ratios, and the aim beside each ratio.
 *
 * Always true: the servers take turns within a round, and each is first in turn; only what was measured in one run
 * is compared; a row that can't be measured says why and spoils no other.
 */
import { AIMS } from './aims.ts';
import { canCountInstructions } from './window.ts';

/** What one round gave, by names that carry the unit: `CPU us`, `MB/s`. In the order they are told. */
export type Figures = Readonly<Record<string, number>>;

export interface Round {
  /** The compilers of both kinds have much to learn: the first round warms up for longer. */
  readonly isFirst: boolean;
  /** Counting costs switches of threads dearly, so it has a round of its own, whose other figures do not count. */
  readonly countsInstructions: boolean;
}

/** Something that is measured of each of the targets. */
export interface Row<Target> {
  readonly name: string;
  /** Why it can't be measured on this machine, asked when its turn has come. */
  readonly missing?: () => string | null | Promise<string | null>;
  /** Whether our default, which waits for the disk, is measured too. */
  readonly withFsync?: boolean;
  /** Its watch is long and steady: one round tells as much as many. */
  readonly isSteady?: boolean;
  /** Name of the figure in which instructions are told, where they can be counted in a round of their own. */
  readonly instructions?: string;
  readonly measure: (target: Target, round: Round) => Promise<Figures>;
  /** The same by the C program that does nothing else. */
  readonly measureFloor?: () => Promise<Figures | null>;
}

export const OURS = 'sordini';
export const OURS_FSYNC = 'sordini fsync';
export const APACHE = 'kafka';
export const FLOOR = 'C floor';

/** Medians of a row by server. */
export type Medians = ReadonlyMap<string, Figures>;

export const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

function mediansOf(rounds: readonly Figures[]): Figures {
  const names = Object.keys(rounds[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(rounds.map((round) => round[name] ?? NaN))]));
}

/** Measures a row of all targets in so many rounds. */
export async function measureRow<Target extends { readonly name: string }>(
  row: Row<Target>,
  targets: readonly Target[],
  rounds: number,
): Promise<Medians> {
  const results = new Map<string, Figures[]>(targets.map(({ name }) => [name, []]));
  const compared = targets.filter(({ name }) => row.withFsync === true || name !== OURS_FSYNC);
  const floors: Figures[] = [];
  for (let number = 0; number < (row.isSteady === true ? 1 : rounds); number++) {
    const round = { isFirst: number === 0, countsInstructions: false };
    for (const target of number % 2 === 0 ? compared : [...compared].reverse())
      results.get(target.name)?.push(await row.measure(target, round));
    const floor = await row.measureFloor?.();
    if (floor) floors.push(floor);
  }
  const medians = new Map<string, Figures>();
  for (const target of compared) {
    const counted =
      row.instructions !== undefined && target.name !== OURS_FSYNC && canCountInstructions()
        ? (await row.measure(target, { isFirst: false, countsInstructions: true }))[row.instructions]
        : undefined;
    const figures = mediansOf(results.get(target.name) ?? []);
    medians.set(
      target.name,
      row.instructions === undefined || counted === undefined
        ? figures
        : { ...figures, [row.instructions]: counted },
    );
  }
  if (floors.length > 0) medians.set(FLOOR, mediansOf(floors));
  return medians;
}

/** Our figure over another's, or null where one of them is not known. */
function ratio(medians: Medians, figure: string, other: string): number | null {
  const [ours, theirs] = [medians.get(OURS)?.[figure], medians.get(other)?.[figure]];
  if (ours === undefined || theirs === undefined || !Number.isFinite(ours) || !(theirs > 0)) return null;
  return ours / theirs;
}

/** One figure of one row beside the others', for people and for the line of JSON. */
export interface Comparison {
  readonly figure: string;
  readonly values: Readonly<Record<string, number>>;
  readonly timesKafka: number | null;
  readonly timesFloor: number | null;
  readonly aim: string | null;
  readonly isMet: boolean | null;
}

export function compareFigures(name: string, medians: Medians): Comparison[] {
  const figures = new Set([...medians.values()].flatMap((of) => Object.keys(of)));
  return [...figures].map((figure) => {
    const timesKafka = ratio(medians, figure, APACHE);
    const aim = AIMS[name]?.[figure];
    const { atMost = Number.POSITIVE_INFINITY, atLeast = 0 } = aim ?? {};
    const values = [...medians].flatMap(([server, of]) => {
      const value = of[figure];
      return value === undefined ? [] : [[server, value] as const];
    });
    return {
      figure,
      values: Object.fromEntries(values),
      timesKafka,
      timesFloor: ratio(medians, figure, FLOOR),
      aim: aim === undefined ? null : aim.atMost === undefined ? `≥ ${atLeast}` : `≤ ${atMost}`,
      isMet: aim === undefined || timesKafka === null ? null : timesKafka <= atMost && timesKafka >= atLeast,
    };
  });
}

const rounded = (value: number | null | undefined) =>
  value === null || value === undefined || !Number.isFinite(value)
    ? ''
    : Math.abs(value) >= 100
      ? value.toFixed(0)
      : value.toPrecision(3);

/** The row as lines of text, one per figure, with a heading. */
export function tell(name: string, comparisons: readonly Comparison[]): string {
  const servers = [OURS, OURS_FSYNC, APACHE, FLOOR].filter((server) =>
    comparisons.some(({ values }) => values[server] !== undefined),
  );
  const cells = (head: string, columns: readonly string[], last: string) =>
    `  ${head.padEnd(22)}${columns.map((text) => text.padStart(15)).join('')}  ${last}`.trimEnd();
  const head = cells('', [...servers, 'x kafka', 'x floor'], 'aim');
  const lines = comparisons.map(({ figure, values, timesKafka, timesFloor, aim, isMet }) =>
    cells(
      figure,
      [...servers.map((server) => rounded(values[server])), rounded(timesKafka), rounded(timesFloor)],
      aim === null ? '' : `${aim}${isMet === null ? '' : isMet ? ', met' : ', MISSED'}`,
    ),
  );
  return [name, head, ...lines].join('\n');
}

/**
 * The row as lines of a Markdown table, without its head: what docs/performance.md is made of. How long a request
 * took is told only where that is the row's subject: under full load the rate says it already.
 */
export function tellMarkdown(name: string, comparisons: readonly Comparison[]): string[] {
  const isOfLoad = comparisons.some(({ figure }) => figure.startsWith('CPU'));
  return comparisons
    .filter(({ timesKafka }) => timesKafka !== null)
    .filter(({ figure }) => figure !== 'connections' && !(isOfLoad && /^p\d/.test(figure)))
    .map(({ figure, values, timesKafka, timesFloor, aim, isMet }) => {
      const fsync = values[OURS_FSYNC];
      const theirs = values[APACHE];
      const cells = [
        name,
        figure,
        rounded(timesKafka),
        aim === null ? '' : `${aim}${isMet === true ? '' : ', **missed**'}`,
        rounded(timesFloor),
        fsync === undefined || theirs === undefined ? '' : rounded(fsync / theirs),
      ];
      return `| ${cells.join(' | ')} |`;
    });
}

export const MARKDOWN_HEAD = [
  '| row | figure | × Kafka | aim | × floor | with `fsync`, × Kafka |',
  '| --- | --- | --- | --- | --- | --- |',
];
