/**
 * Apache Kafka 3.7.0 as oracle and yardstick: fetches its jars, starts its broker, runs its tools.
 *
 * Always true: nothing of Apache Kafka lives in this repository, the jars come from Maven Central into
 * .cache/kafka-3.7.0 on first use; every server listens on 127.0.0.1 only; a process started here is stopped
 * by its own handle. Where Java or Maven is missing, kafkaClasspath() gives null and callers skip.
 */

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

export const kafkaVersion = '3.7.0';

const cacheDir = join(import.meta.dirname, '..', '.cache', `kafka-${kafkaVersion}`);
const libsDir = join(cacheDir, 'libs');

const artifacts = [
  `org.apache.kafka:kafka_2.13:${kafkaVersion}`,
  `org.apache.kafka:kafka-tools:${kafkaVersion}`,
  `org.apache.kafka:kafka-shell:${kafkaVersion}`,
  `org.apache.kafka:connect-file:${kafkaVersion}`,
  `org.apache.kafka:connect-mirror:${kafkaVersion}`,
  `org.apache.kafka:trogdor:${kafkaVersion}`,
  'org.slf4j:slf4j-reload4j:1.7.36',
];

/** What a finished child process said. `exitCode` is null when a signal or the time limit ended it. */
export interface ToolResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ToolOptions {
  /** Text for standard input, which is closed after it. Without it standard input is empty. */
  readonly input?: string;
  /** The process is killed after this time. Default 60 s. */
  readonly timeoutMs?: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** JVM flags, for instance `-Djava.security.auth.login.config=…`. */
  readonly jvmArgs?: readonly string[];
}

export interface KafkaOptions {
  /** Port of the PLAINTEXT listener; 0 or absent picks a free one. */
  readonly port?: number;
  /** Port of the controller listener; 0 or absent picks a free one. */
  readonly controllerPort?: number;
  /** Directory for configuration and data; formatted if it is not yet. */
  readonly dir: string;
  readonly nodeId?: number;
  readonly clusterId?: string;
  /** Added to, or replacing, the lines of server.properties. An empty value removes a line. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Arguments added to `StorageTool format`, for instance `--add-scram`. */
  readonly formatArgs?: readonly string[];
  readonly heapMiB?: number;
  readonly jvmArgs?: readonly string[];
  readonly timeoutMs?: number;
}

export interface KafkaServer {
  readonly pid: number;
  readonly port: number;
  readonly controllerPort: number;
  /** `127.0.0.1:<port>` */
  readonly bootstrap: string;
  readonly dataDir: string;
  /** Time from spawn to "started", in ms, without formatting. */
  readonly startMs: number;
  /** Ends the process with SIGTERM, or another signal, and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const pom = (): string => {
  const dependencies = artifacts.map((artifact) => {
    const [groupId, artifactId, version] = artifact.split(':');
    return `    <dependency><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId><version>${version}</version></dependency>`;
  });
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0">',
    '  <modelVersion>4.0.0</modelVersion>',
    '  <groupId>sordini</groupId><artifactId>kafka-oracle</artifactId><version>1</version><packaging>pom</packaging>',
    '  <dependencies>',
    ...dependencies,
    '  </dependencies>',
    '</project>',
    '',
  ].join('\n');
};

/** Tools print their log to standard error from WARN up, as the distribution's tools configuration does. */
const toolsLog4j = [
  'log4j.rootLogger=WARN, stderr',
  'log4j.appender.stderr=org.apache.log4j.ConsoleAppender',
  'log4j.appender.stderr.layout=org.apache.log4j.PatternLayout',
  'log4j.appender.stderr.layout.ConversionPattern=[%d] %p %m (%c)%n',
  'log4j.appender.stderr.Target=System.err',
  'log4j.logger.org.reflections=ERROR',
  '',
].join('\n');

/** The server is quiet but for the one line that tells it is up. */
const serverLog4j = [
  'log4j.rootLogger=WARN, stdout',
  'log4j.appender.stdout=org.apache.log4j.ConsoleAppender',
  'log4j.appender.stdout.layout=org.apache.log4j.PatternLayout',
  'log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n',
  'log4j.logger.kafka.server.KafkaRaftServer=INFO',
  '',
].join('\n');

function collect(child: ChildProcess, options: ToolOptions): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000);
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.once('error', (cause) => {
      clearTimeout(timer);
      reject(cause);
    });
    child.once('close', (exitCode) => {
      clearTimeout(timer);
      resolve({
        exitCode,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      });
    });
    // A tool that ends without reading its input closes the pipe: that is no failure of ours.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

async function run(command: string, args: readonly string[], options: ToolOptions): Promise<ToolResult> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return collect(child, options);
}

async function fetchJars(): Promise<void> {
  mkdirSync(cacheDir, { recursive: true });
  // Each process fetches into a folder of its own; the first rename wins, so that no half-filled folder is seen.
  const own = join(cacheDir, `fetch-${process.pid}`);
  mkdirSync(own, { recursive: true });
  try {
    writeFileSync(join(own, 'pom.xml'), pom());
    const args = ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${join(own, 'libs')}`];
    const fetched = await run('mvn', args, { cwd: own, timeoutMs: 540_000 });
    if (fetched.exitCode !== 0) throw new Error(`mvn failed: ${fetched.stdout}${fetched.stderr}`);
    if (!existsSync(libsDir)) renameSync(join(own, 'libs'), libsDir);
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

let classpath: Promise<string | null> | undefined;

async function findClasspath(): Promise<string | null> {
  try {
    const java = await run('java', ['-version'], {});
    if (java.exitCode !== 0) return null;
    if (!existsSync(libsDir)) await fetchJars();
  } catch {
    return null;
  }
  writeFileSync(join(cacheDir, 'tools-log4j.properties'), toolsLog4j);
  writeFileSync(join(cacheDir, 'server-log4j.properties'), serverLog4j);
  return readdirSync(libsDir)
    .filter((name) => name.endsWith('.jar'))
    .sort()
    .map((name) => join(libsDir, name))
    .join(':');
}

/** The class path of Apache Kafka 3.7.0, fetched on first use, or null where Java, Maven or the network is missing. */
export function kafkaClasspath(): Promise<string | null> {
  classpath ??= findClasspath();
  return classpath;
}

async function requireClasspath(): Promise<string> {
  const path = await kafkaClasspath();
  if (path === null) throw new Error('Apache Kafka is not available: Java, Maven or the network is missing');
  return path;
}

/** Arguments of `java` before the main class of a tool. Light start-up flags: most tools live for a second. */
async function toolJvmArgs(jvmArgs: readonly string[]): Promise<string[]> {
  const path = await requireClasspath();
  const log4j = `-Dlog4j.configuration=file:${join(cacheDir, 'tools-log4j.properties')}`;
  const light = [
    '-Xmx256m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-XX:-UsePerfData',
    '-Xshare:auto',
  ];
  return [...light, log4j, ...jvmArgs, '-cp', path];
}

/** Runs a main class of Apache Kafka's tools, such as `org.apache.kafka.tools.TopicCommand`, to its end. */
export async function runTool(
  mainClass: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  return run('java', [...(await toolJvmArgs(options.jvmArgs ?? [])), mainClass, ...args], options);
}

/** As runTool, for tools that run until they are stopped, such as a console consumer. The caller ends the child. */
export async function spawnTool(
  mainClass: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ChildProcess> {
  return spawn('java', [...(await toolJvmArgs(options.jvmArgs ?? [])), mainClass, ...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** Ports below those that the kernel gives to whoever asks for any, so that no connection takes one meanwhile. */
const FIRST_PORT = 10_240;
const PORT_COUNT = 20_000;
/** Processes that look at the same time begin at different places. */
let nextPort = (process.pid * 101) % PORT_COUNT;

/** A port that nobody listens on, and that this process gives no second time before it has given all others. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < PORT_COUNT; tried++) {
    const port = FIRST_PORT + (nextPort++ % PORT_COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error('no port is free');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EADDRINUSE' || cause.code === 'EACCES') resolve(false);
      else reject(cause);
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The lines of server.properties for one combined node, the same for Apache Kafka and for Sordini. */
export function serverProperties(
  options: KafkaOptions,
  port: number,
  controllerPort: number,
): Map<string, string> {
  const nodeId = options.nodeId ?? 1;
  const properties = new Map([
    ['process.roles', 'broker,controller'],
    ['node.id', String(nodeId)],
    ['controller.quorum.voters', `${nodeId}@127.0.0.1:${controllerPort}`],
    ['listeners', `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`],
    ['advertised.listeners', `PLAINTEXT://127.0.0.1:${port}`],
    ['listener.security.protocol.map', 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT'],
    ['inter.broker.listener.name', 'PLAINTEXT'],
    ['controller.listener.names', 'CONTROLLER'],
    ['log.dirs', join(options.dir, 'data')],
    ['offsets.topic.replication.factor', '1'],
    ['transaction.state.log.replication.factor', '1'],
    ['transaction.state.log.min.isr', '1'],
    ['group.initial.rebalance.delay.ms', '0'],
  ]);
  for (const [key, value] of Object.entries(options.properties ?? {})) {
    if (value === '') properties.delete(key);
    else properties.set(key, value);
  }
  return properties;
}

const endOf = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', () => resolve()));

/** Resolves when the server has said that it is up; rejects, with what it printed, when it ends or is late. */
function whenStarted(child: ChildProcess, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (reason: string) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`${reason}\n${output}`));
    };
    const timer = setTimeout(() => fail('Apache Kafka did not start in time'), timeoutMs);
    const read = (chunk: Buffer) => {
      // Only the beginning is kept: a server that runs for long must not fill this process.
      if (output.length < 65_536) output += chunk.toString();
      if (!output.includes('Kafka Server started')) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('exit', () => fail('Apache Kafka ended at its start'));
    child.once('error', (cause) => fail(cause.message));
  });
}

async function format(file: string, options: KafkaOptions): Promise<void> {
  const clusterId = options.clusterId ?? 'MkU3OEVBNTcwNTJENDM2Qk';
  const formatArgs = [
    'format',
    '-t',
    clusterId,
    '-c',
    file,
    '--ignore-formatted',
    ...(options.formatArgs ?? []),
  ];
  const formatted = await runTool('kafka.tools.StorageTool', formatArgs);
  if (formatted.exitCode !== 0) throw new Error(`format failed: ${formatted.stdout}${formatted.stderr}`);
}

/** Formats a KRaft directory if needed, starts one node and waits until it serves. */
export async function startKafka(options: KafkaOptions): Promise<KafkaServer> {
  const path = await requireClasspath();
  const port = options.port || (await freePort());
  const controllerPort = options.controllerPort || (await freePort());
  const properties = serverProperties(options, port, controllerPort);
  const dataDir = properties.get('log.dirs') ?? '';
  const file = join(options.dir, 'server.properties');
  mkdirSync(options.dir, { recursive: true });
  writeFileSync(file, [...properties].map(([key, value]) => `${key}=${value}\n`).join(''));

  // A directory that is formatted is served as it is, whoever has formatted it.
  const isFormatted = dataDir.split(',').every((dir) => existsSync(join(dir, 'meta.properties')));
  if (!isFormatted) await format(file, options);

  const heapMiB = options.heapMiB ?? 512;
  const startedAt = performance.now();
  const child = spawn(
    'java',
    [
      // The flags of the distribution's start script, apart from the heap.
      `-Xmx${heapMiB}m`,
      `-Xms${heapMiB}m`,
      '-server',
      '-XX:+UseG1GC',
      '-XX:MaxGCPauseMillis=20',
      '-XX:InitiatingHeapOccupancyPercent=35',
      '-XX:+ExplicitGCInvokesConcurrent',
      '-XX:MaxInlineLevel=15',
      '-Djava.awt.headless=true',
      `-Dlog4j.configuration=file:${join(cacheDir, 'server-log4j.properties')}`,
      `-Dkafka.logs.dir=${join(options.dir, 'logs')}`,
      ...(options.jvmArgs ?? []),
      '-cp',
      path,
      'kafka.Kafka',
      file,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  // Whoever started it and dies before stopping it takes it along.
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  child.once('exit', () => process.off('exit', killAtExit));
  await whenStarted(child, options.timeoutMs ?? 90_000);
  return {
    pid: child.pid ?? -1,
    port,
    controllerPort,
    bootstrap: `127.0.0.1:${port}`,
    dataDir,
    startMs: performance.now() - startedAt,
    async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
      child.kill(signal);
      await endOf(child);
    },
  };
}
