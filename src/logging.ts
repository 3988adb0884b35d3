/**
 * The root logger of the process, made once in the start command and passed down; each part makes a child of it.
 *
 * Always true: one line per entry on standard output, either JSON or a line for people; passwords, tokens and SASL
 * messages are blacked out whatever child logs them; a reader that has gone away (EPIPE) does not end the broker, one
 * that is slow does not delay it.
 */
import { createRequire } from 'node:module';
import type { DestinationStream, Logger } from 'pino';

export type { Logger } from 'pino';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** An import would have Node search the package's sources for what they export, which takes a seventh of a start. */
const { destination, pino } = createRequire(import.meta.url)('pino') as typeof import('pino');

export interface LoggingOptions {
  readonly level: LogLevel;
  /** `text` for people, `json` for machines. */
  readonly format: 'text' | 'json';
  /** Where lines go; standard output by default. */
  readonly stream?: DestinationStream;
}

/** Fields that may hold a secret, at the top of an entry and one level below it. */
const SECRETS = [
  'password',
  'secret',
  'token',
  'saslJaasConfig',
  'authBytes',
  'salt',
  'saltedPassword',
  'hmac',
  'storedKey',
  'serverKey',
];

const HIDDEN_FIELDS: ReadonlySet<string> = new Set(['level', 'time', 'msg', 'err']);

interface Entry {
  readonly level?: string;
  readonly time?: number;
  readonly msg?: string;
  readonly err?: { readonly stack?: string };
  readonly [field: string]: unknown;
}

function printedField(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value) ?? 'undefined';
  return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

/** `12:34:56.789 INFO  segment rolled topic=a partition=0`, an error's stack on the lines below. */
export function printEntry(line: string): string {
  const entry = JSON.parse(line) as Entry;
  const time = new Date(entry.time ?? 0).toISOString().slice(11, 23);
  const level = (entry.level ?? 'info').toUpperCase().padEnd(5);
  const fields = Object.entries(entry)
    .filter(([field]) => !HIDDEN_FIELDS.has(field))
    .map(([field, value]) => ` ${field}=${printedField(value)}`);
  const stack = entry.err?.stack === undefined ? '' : `\n${entry.err.stack}`;
  return `${time} ${level} ${entry.msg ?? ''}${fields.join('')}${stack}\n`;
}

/** Lines that a reader may be behind before further ones are dropped: the broker waits for nobody who reads its log. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;

/** How often, a tenth of a second apart, the end of the process tries to write to a reader that does not read. */
const LAST_TRIES = 10;

/** Standard output. What is not out yet when the process ends is written then, also after an error that ends it. */
function standardOutput(): DestinationStream {
  let triesLeft = Number.POSITIVE_INFINITY;
  const stream = destination({
    fd: 1,
    sync: false,
    maxLength: MAX_UNREAD_BYTES,
    retryEAGAIN: () => triesLeft-- > 0,
  });
  const unlessUnread = (error: unknown): void => {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPIPE' && code !== 'EAGAIN') throw error;
  };
  stream.on('error', unlessUnread);
  process.once('exit', () => {
    triesLeft = LAST_TRIES;
    try {
      stream.flushSync();
    } catch (error) {
      unlessUnread(error);
    }
  });
  return stream;
}

export function makeLogger({ level, format, stream = standardOutput() }: LoggingOptions): Logger {
  const target: DestinationStream =
    format === 'json' ? stream : { write: (line) => stream.write(printEntry(line)) };
  return pino(
    {
      level,
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS.flatMap((field) => [field, `*.${field}`]), censor: '[hidden]' },
    },
    target,
  );
}
