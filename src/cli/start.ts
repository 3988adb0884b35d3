/**
 * `sordini start`: from the configuration to a broker that serves, and from a signal to its end.
 *
 * Always true: the first signal asks for a controlled stop, which ends with exit code 0; the second ends the process
 * at once. A bug that nobody caught is logged as fatal and ends the process: a broker in an unknown state serves no one.
 */
import { isatty } from 'node:tty';
import type { BrokerConfig } from '../config/broker-config.ts';
import type { Logger, LogLevel } from '../logging.ts';
import { makeLogger } from '../logging.ts';
import { ExitCode } from '../startup-error.ts';
import type { StartCommand } from './arguments.ts';
import { explainFailure } from './failure.ts';
import { readConfig } from './read-config.ts';

/** How long a start that was interrupted may take to notice. Nothing was promised to anybody yet. */
const INTERRUPTED_START_MS = 5000;

const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

function loggerFor({ settings }: BrokerConfig): Logger {
  const wanted = settings.text('sordini.log.format');
  const format = wanted === 'auto' ? (isatty(1) ? 'text' : 'json') : wanted === 'text' ? 'text' : 'json';
  return makeLogger({ level: settings.text('sordini.log.level') as LogLevel, format });
}

/** Resolves at the first signal; the second ends the process. */
function stopRequested(log: Logger): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of STOP_SIGNALS) {
      process.on(signal, () => {
        if (asked) {
          log.warn({ signal }, 'asked a second time to stop, ending at once');
          process.exit(ExitCode.IMPATIENT);
        }
        asked = true;
        resolve(signal);
      });
    }
  });
}

function endOnBugs(log: Logger): void {
  const end = (err: unknown) => {
    log.fatal({ err }, 'an error that nobody handled ended the broker');
    process.exit(ExitCode.FATAL);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}

/** Starts the broker, waits for a signal, stops it. @returns the exit code */
export async function runStart(command: StartCommand): Promise<number> {
  const { config, warnings } = await readConfig(command.file, command.overrides);
  const log = loggerFor(config);
  for (const { message, keys } of warnings) log.warn({ keys }, message);
  endOnBugs(log);
  const requested = stopRequested(log);
  const interruption = new AbortController();
  let started = false;
  void requested.then(() => {
    if (started) return;
    interruption.abort();
    setTimeout(() => process.exit(ExitCode.CLEAN), INTERRUPTED_START_MS).unref();
  });
  try {
    const { startBroker } = await import('../broker.ts');
    const broker = await startBroker(config, { log, signal: interruption.signal });
    started = true;
    const { listeners, clusterId, nodeId } = broker.ready;
    const startMs = Math.round(performance.now());
    log.info({ listeners, clusterId, nodeId, startMs }, 'broker is ready');
    const signal = await requested;
    log.info({ signal }, 'stopping');
    const stopBegan = performance.now();
    await broker.stop();
    log.info({ stopMs: Math.round(performance.now() - stopBegan) }, 'broker stopped');
    return ExitCode.CLEAN;
  } catch (error) {
    if (interruption.signal.aborted && !started) return ExitCode.CLEAN;
    const { exitCode, sentence } = explainFailure(error);
    log.fatal({ exitCode }, sentence);
    process.stderr.write(`sordini: ${sentence}\n`);
    return exitCode;
  }
}
