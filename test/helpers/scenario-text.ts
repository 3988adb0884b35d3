/**
 * Scenario texts: blocks of lines, apart by an empty line.
 *
 *   # a comment
 *   add t 1000:0 a-0 a-1
 *   ----
 *   #2 add: NONE
 *
 * Lines above the dashes are commands, those below what they must bring about. With UPDATE=1 in the environment the
 * expected part is rewritten: review the difference.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ErrorCode } from '../../protocol/errors.ts';

/** Carries out one command line, and tells what it brought about. */
export type Play = (line: string) => string[] | Promise<string[]>;

/** One test for each text in the folder; each has a player of its own. */
export function testScenarios(name: string, folder: string, newPlayer: () => Play): void {
  describe(name, () => {
    const files = readdirSync(folder).filter((file) => file.endsWith('.txt'));
    test.for(files)('plays %s as written', async (file) => {
      const path = join(folder, file);
      const text = readFileSync(path, 'utf8');
      const played = await playText(text, newPlayer());
      if (process.env['UPDATE'] === '1') writeFileSync(path, played);
      else expect(played).toBe(text);
    });
  });
}

async function playText(text: string, play: Play): Promise<string> {
  const out: string[] = [];
  for (const block of text.split(/\n{2,}/)) {
    const lines = block.replace(/^\n+|\n+$/g, '').split('\n');
    if (lines.join('') === '') continue;
    const dashes = lines.indexOf('----');
    const script = dashes < 0 ? lines : lines.slice(0, dashes);
    const result: string[] = [];
    for (const line of script) {
      if (!line.startsWith('#')) result.push(...(await play(line)));
    }
    const hasResult = dashes >= 0 || result.length > 0;
    out.push((hasResult ? [...script, '----', ...result] : script).join('\n'));
  }
  return `${out.join('\n\n')}\n`;
}

export type Options = ReadonlyMap<string, string>;

export interface CommandLine {
  readonly verb: string;
  /** Words without '='. */
  readonly bare: string[];
  readonly options: Options;
}

/** `verb word key=value` */
export function parseCommand(line: string): CommandLine {
  const [verb = '', ...words] = line.trim().split(/\s+/);
  const options = new Map<string, string>();
  const bare: string[] = [];
  for (const word of words) {
    const at = word.indexOf('=');
    if (at === -1) bare.push(word);
    else options.set(word.slice(0, at), word.slice(at + 1));
  }
  return { verb, bare, options };
}

export function codeOf(name: string): number {
  const code = (ErrorCode as Record<string, number>)[name];
  if (code === undefined) throw new Error(`unknown error code: ${name}`);
  return code;
}
