/**
 * The command line of `sordini`, as a value.
 *
 * Always true: parsing reads nothing but its arguments; what can't be understood becomes the command `refuse` with
 * one sentence.
 */

export interface StartCommand {
  readonly name: 'start';
  readonly file: string | null;
  readonly overrides: readonly string[];
}

export interface FormatCommand {
  readonly name: 'format';
  readonly clusterId: string;
  readonly file: string;
  readonly ignoreFormatted: boolean;
  /** A version text such as 3.7-IV4, or null for that of the configuration. */
  readonly release: string | null;
}

export type Command =
  | StartCommand
  | FormatCommand
  | { readonly name: 'random-uuid' | 'version' | 'help' }
  | { readonly name: 'refuse'; readonly sentence: string };

export const USAGE = `Usage:
  sordini [start] [server.properties] [--override key=value]...
      Starts the broker. Without a file: one node on localhost:9092 with its data in ./sordini-data.
  sordini format -t <cluster id> -c <server.properties> [--ignore-formatted] [--release-version <version>]
      Formats the data directories, as kafka-storage.sh does.
  sordini random-uuid
      Prints a new cluster id.
  sordini --version | --help
`;

const refuse = (sentence: string): Command => ({ name: 'refuse', sentence });

/** Splits `--name=value`; the value of other arguments is null. */
function splitOption(argument: string): [string, string | null] {
  const at = argument.indexOf('=');
  if (!argument.startsWith('--') || at < 0) return [argument, null];
  return [argument.slice(0, at), argument.slice(at + 1)];
}

function parseStart(args: readonly string[]): Command {
  const overrides: string[] = [];
  let file: string | null = null;
  for (let at = 0; at < args.length; at++) {
    const [option, attached] = splitOption(args[at] ?? '');
    if (option === '--override') {
      const override = attached ?? args[++at];
      if (override === undefined || !/^[^=]+=/.test(override))
        return refuse(`--override wants key=value, but got ${override ?? 'nothing'}.`);
      overrides.push(override);
    } else if (option.startsWith('-')) {
      return refuse(`The option ${option} is unknown; sordini --help shows what there is.`);
    } else if (file !== null) {
      return refuse(`One configuration file is read, but ${file} and ${option} were given.`);
    } else {
      file = args[at] ?? null;
    }
  }
  return { name: 'start', file, overrides };
}

/** Short and long names of the options of `format`; those with a value are true. */
const FORMAT_OPTIONS: Readonly<Record<string, readonly [name: string, hasValue: boolean]>> = {
  '-t': ['clusterId', true],
  '--cluster-id': ['clusterId', true],
  '-c': ['file', true],
  '--config': ['file', true],
  '-r': ['release', true],
  '--release-version': ['release', true],
  '-g': ['ignoreFormatted', false],
  '--ignore-formatted': ['ignoreFormatted', false],
  '-S': ['scram', true],
  '--add-scram': ['scram', true],
};

function parseFormat(args: readonly string[]): Command {
  const given = new Map<string, string>();
  for (let at = 0; at < args.length; at++) {
    const [option, attached] = splitOption(args[at] ?? '');
    const known = FORMAT_OPTIONS[option];
    if (known === undefined)
      return refuse(`format does not know ${option}; sordini --help shows what there is.`);
    const [name, hasValue] = known;
    const value = hasValue ? (attached ?? args[++at]) : '';
    if (value === undefined) return refuse(`${option} wants a value.`);
    given.set(name, value);
  }
  if (given.has('scram')) {
    return refuse(
      '--add-scram is not served yet: start the broker and use kafka-configs.sh --alter --add-config SCRAM-SHA-256=… instead.',
    );
  }
  const clusterId = given.get('clusterId');
  const file = given.get('file');
  if (clusterId === undefined) return refuse('format wants --cluster-id; sordini random-uuid makes one.');
  if (clusterId.trim() === '') return refuse('The cluster id is empty; sordini random-uuid makes one.');
  if (file === undefined) return refuse('format wants --config with the server.properties of the node.');
  return {
    name: 'format',
    clusterId,
    file,
    ignoreFormatted: given.has('ignoreFormatted'),
    release: given.get('release') ?? null,
  };
}

/** @param args what follows the name of the program */
export function parseArguments(args: readonly string[]): Command {
  const [first] = args;
  if (args.includes('--help') || args.includes('-h') || first === 'help') return { name: 'help' };
  if (args.includes('--version') || first === 'version') return { name: 'version' };
  switch (first) {
    case 'start':
      return parseStart(args.slice(1));
    case 'format':
      return parseFormat(args.slice(1));
    case 'random-uuid':
      return args.length === 1 ? { name: 'random-uuid' } : refuse('random-uuid takes no arguments.');
    default:
      return parseStart(args);
  }
}
