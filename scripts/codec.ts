/**
 * Prints the functions that protocol/codec.ts compiles for one version of an API.
 *
 *   node scripts/codec.ts Fetch 12 [request | response]
 */
import { codecSource } from '../protocol/codec.ts';
import { apis } from '../protocol/messages/index.ts';

const [name, version, direction] = process.argv.slice(2);
const api = apis.find((candidate) => candidate.name === name);
if (api === undefined || !inRange(Number(version), api.versions)) {
  process.stderr.write('Usage: node scripts/codec.ts <Api> <version> [request | response]\n');
  process.exit(2);
}
const source = codecSource(api, Number(version));
for (const part of ['request', 'response'] as const) {
  if (direction === undefined || direction === part) {
    process.stdout.write(`${indented(source[part])}\n`);
  }
}

function inRange(value: number, [first, last]: readonly [number, number]): boolean {
  return value >= first && value <= last;
}

/** The compiler writes one statement or brace per line without indentation. */
function indented(text: string): string {
  let depth = 0;
  const lines = text.split('\n').map((line) => {
    const closing = /^[ }]*/.exec(line)?.[0].replaceAll(' ', '').length ?? 0;
    const shown = `${'  '.repeat(Math.max(0, depth - closing))}${line}`;
    depth += line.split('{').length - line.split('}').length;
    return shown;
  });
  return lines.join('\n');
}
