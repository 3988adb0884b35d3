/**
 * A broker inside another program, for tests above all:
 *
 *     const broker = await start();
 *     const kafka = new Kafka({ brokers: [broker.bootstrap] });
 *     …
 *     await broker.close();
 *
 * By default it is in memory, on a free port of 127.0.0.1, and silent. It is the same broker as the process: only its
 * disk is another.
 */
import { loadBrokerConfig } from './config/load.ts';
import type { LogLevel } from './logging.ts';
import { makeLogger } from './logging.ts';

export type { LogLevel } from './logging.ts';

export interface StartOptions {
  /** Where to listen; a free port by default. */
  readonly port?: number;
  /** Address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
  /** Data directory; without one nothing outlives the broker. */
  readonly dir?: string;
  /** Further settings, as in server.properties. */
  readonly config?: Readonly<Record<string, string>>;
  /** Default: silent. */
  readonly logLevel?: LogLevel;
}

export interface EmbeddedBroker {
  /** `host:port`, for clients. */
  readonly bootstrap: string;
  readonly port: number;
  readonly clusterId: string;
  readonly nodeId: number;
  /** Stops the broker in an orderly way. */
  close(): Promise<void>;
}

/**
 * Starts a broker and resolves when it serves.
 * @throws {ConfigError | StartupError | DiskError | ListenError} when it can't start
 */
export async function start(options: StartOptions = {}): Promise<EmbeddedBroker> {
  const { port = 0, host = '127.0.0.1', dir, config = {}, logLevel = 'silent' } = options;
  const properties = new Map([
    ['listeners', `PLAINTEXT://${host}:${port}`],
    ['group.initial.rebalance.delay.ms', '0'],
    ['controlled.shutdown.enable', 'false'],
    ...(dir === undefined ? [['sordini.durability', 'memory'] as const] : [['log.dirs', dir] as const]),
    ...Object.entries(config),
  ]);
  const loaded = loadBrokerConfig({ properties, hostName: host });
  const { startBroker } = await import('./broker.ts');
  const broker = await startBroker(loaded.config, {
    log: makeLogger({ level: logLevel, format: 'text' }),
    // The host program decides what an unhandled error means; a broker must not end its process.
    onFatal: (error) => queueMicrotask(() => Promise.reject(error)),
  });
  const { endpoints, clusterId, nodeId } = broker.ready;
  const [endpoint] = endpoints;
  const bound = endpoint?.port ?? port;
  return { bootstrap: `${host}:${bound}`, port: bound, clusterId, nodeId, close: () => broker.stop() };
}
