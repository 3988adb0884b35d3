/** What the parts of the torture have in common. */

export interface TortureRound {
  /** Decides everything that the part leaves to chance; the same seed tries the same again. */
  readonly random: () => number;
  readonly say: (text: string) => void;
}

export interface TorturePart {
  readonly name: string;
  /** One round. @throws when the broker lost, doubled or served something wrong, or ended. */
  run(round: TortureRound): Promise<void>;
  /** Why this machine can't run the part, or null. */
  missing?(): string | null;
}

export const below = (random: () => number, bound: number): number => Math.floor(random() * bound);

/** A broker that complained of itself has a bug, even where nobody was harmed. */
export function assertQuiet(output: string, level: 'error' | 'fatal' = 'error'): void {
  const pattern = level === 'error' ? /^.*"level":"(?:error|fatal)".*$/m : /^.*"level":"fatal".*$/m;
  const complaint = pattern.exec(output);
  if (complaint !== null) throw new Error(`the broker complained: ${complaint[0]}`);
}
