/**
 * Running the stock console tools against some Kafka and noting what they print, with what differs by nature (ids,
 * times, ports) replaced by names, so that two runs can be compared line by line.
 *
 * The stock scripts are one-line calls of a main class with its jars on the class path: `KAFKA_HOME` may name a full
 * distribution, whose own `bin/` is then used.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runTool } from '../../scripts/kafka.ts';

/** The main class behind each script that is used here. */
const MAIN_CLASSES = {
  'kafka-topics.sh': 'org.apache.kafka.tools.TopicCommand',
  'kafka-configs.sh': 'kafka.admin.ConfigCommand',
  'kafka-consumer-groups.sh': 'kafka.admin.ConsumerGroupCommand',
  'kafka-console-producer.sh': 'kafka.tools.ConsoleProducer',
  'kafka-console-consumer.sh': 'kafka.tools.ConsoleConsumer',
  'kafka-broker-api-versions.sh': 'kafka.admin.BrokerApiVersionsCommand',
  'kafka-get-offsets.sh': 'org.apache.kafka.tools.GetOffsetShell',
  'kafka-delete-records.sh': 'org.apache.kafka.tools.DeleteRecordsCommand',
  'kafka-log-dirs.sh': 'org.apache.kafka.tools.LogDirsCommand',
  'kafka-transactions.sh': 'org.apache.kafka.tools.TransactionsCommand',
  'kafka-metadata-quorum.sh': 'org.apache.kafka.tools.MetadataQuorumCommand',
  'kafka-cluster.sh': 'org.apache.kafka.tools.ClusterTool',
  'kafka-features.sh': 'org.apache.kafka.tools.FeatureCommand',
  'kafka-leader-election.sh': 'org.apache.kafka.tools.LeaderElectionCommand',
  'kafka-reassign-partitions.sh': 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
  'kafka-producer-perf-test.sh': 'org.apache.kafka.tools.ProducerPerformance',
  'kafka-verifiable-producer.sh': 'org.apache.kafka.tools.VerifiableProducer',
  'kafka-verifiable-consumer.sh': 'org.apache.kafka.tools.VerifiableConsumer',
  'kafka-dump-log.sh': 'kafka.tools.DumpLogSegments',
  'kafka-storage.sh': 'kafka.tools.StorageTool',
} as const;

export type Script = keyof typeof MAIN_CLASSES;

export interface Said {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const TOOL_TIMEOUT_MS = 60_000;

/** Runs one script to its end, from a distribution when there is one, else by its main class. */
export function runScript(script: Script, args: readonly string[], input?: string): Promise<Said> {
  const home = process.env['KAFKA_HOME'];
  const file = home === undefined ? '' : join(home, 'bin', script);
  if (home !== undefined && existsSync(file)) return runFile(file, args, input);
  const options = input === undefined ? {} : { input };
  return runTool(MAIN_CLASSES[script], args, { ...options, timeoutMs: TOOL_TIMEOUT_MS });
}

function runFile(file: string, args: readonly string[], input = ''): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { timeout: TOOL_TIMEOUT_MS, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
    child.stdin.end(input);
  });
}

/** One command of a scenario; `{bootstrap}` in its arguments stands for the broker's address. */
export interface Step {
  readonly script: Script;
  readonly args: readonly string[];
  /** What is typed. */
  readonly input?: string;
  /** The order of lines is chance. */
  readonly sorted?: boolean;
  /** Tools that print progress or measurements: only these lines are compared. */
  readonly only?: RegExp;
  /** Further replacements, for what differs by nature in this step alone. */
  readonly replace?: ReadonlyArray<readonly [RegExp, string]>;
}

/** A run of a step, in the words that are compared. */
export interface Transcript {
  readonly command: string;
  readonly exitCode: number | null;
  readonly lines: readonly string[];
}

/** What differs between two clusters by nature. */
const BY_NATURE: ReadonlyArray<readonly [RegExp, string]> = [
  [/127\.0\.0\.1:\d+/g, 'HOST:PORT'],
  [/localhost:\d+/g, 'HOST:PORT'],
  [/TopicId: [\w-]{22}/g, 'TopicId: ID'],
  [/\b\d{13}\b/g, 'TIMESTAMP'],
  [/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.,]\d{3}/g, 'TIME'],
  [/-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '-UUID'],
];

/** Lines of the JVM and of its loggers, which say nothing about the broker. */
const NOISE = /^(SLF4J:|log4j:|WARNING: |OpenJDK|\s+at |\[TIME\] (WARN|INFO) )/;

export async function run(step: Step, bootstrap: string): Promise<Transcript> {
  const args = step.args.map((argument) => argument.replaceAll('{bootstrap}', bootstrap));
  const said = await runScript(step.script, args, step.input);
  const text = [...BY_NATURE, ...(step.replace ?? [])].reduce(
    (so, [pattern, name]) =>
      so.replaceAll(
        new RegExp(pattern, pattern.flags.includes('g') ? pattern.flags : `${pattern.flags}g`),
        name,
      ),
    `${said.stdout}\n${said.stderr}`,
  );
  const lines = text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !NOISE.test(line))
    .filter((line) => step.only === undefined || step.only.test(line));
  return {
    command: `${step.script} ${step.args.join(' ')}`,
    exitCode: said.exitCode,
    lines: step.sorted === true ? lines.sort() : lines,
  };
}
