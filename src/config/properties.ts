// Reads the text of a Java properties file, as java.util.Properties.load does.
// Always true: every text is readable (only a malformed \u escape is refused), and a later key wins over an earlier.

import { ConfigError } from './config-error.ts';

/** Keys and values, in the order in which the keys first appear. */
export type Properties = Map<string, string>;

const BLANKS = /^[ \t\f]+/;

/** Natural lines joined into logical ones: comments and blank lines are gone, continued lines are one. */
function logicalLines(text: string): string[] {
  const lines: string[] = [];
  let open: string | null = null;
  for (const natural of text.split(/\r\n|\n|\r/)) {
    const line = natural.replace(BLANKS, '');
    // A comment or blank line ends nothing: only the first line of a logical line can be one.
    if (open === null && (line === '' || line.startsWith('#') || line.startsWith('!'))) continue;
    const trailing = /\\*$/.exec(line)?.[0].length ?? 0;
    const continued = trailing % 2 === 1;
    const body: string = (open ?? '') + (continued ? line.slice(0, -1) : line);
    if (continued) {
      open = body;
    } else {
      lines.push(body);
      open = null;
    }
  }
  if (open !== null) lines.push(open);
  return lines;
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

function unescaped(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|[\s\S]|$)/g, (_all, escaped: string) => {
    if (escaped.length === 5) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    if (escaped === 'u') throw new ConfigError('Malformed \\uxxxx encoding in the properties file.');
    return ESCAPES[escaped] ?? escaped;
  });
}

/** The first position of a separator (`=`, `:` or a blank) that no backslash escapes, or the end. */
function keyEnd(line: string): number {
  for (let at = 0; at < line.length; at++) {
    const char = line[at];
    if (char === '\\') at++;
    else if (char === '=' || char === ':' || char === ' ' || char === '\t' || char === '\f') return at;
  }
  return line.length;
}

export function parseProperties(text: string): Properties {
  const properties: Properties = new Map();
  for (const line of logicalLines(text)) {
    const end = keyEnd(line);
    const value = line.slice(end).replace(/^[ \t\f]*[=:]?[ \t\f]*/, '');
    properties.set(unescaped(line.slice(0, end)), unescaped(value));
  }
  return properties;
}
