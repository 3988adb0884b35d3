/** Rows whose client is librdkafka, through the Python package confluent-kafka: what most programs bring a broker. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Python } from '../clients/python.ts';
import { findPython } from '../clients/python.ts';
import type { Figures, Round, Row } from './compare.ts';
import type { Server } from './servers.ts';
import { createTopic, deleteTopic } from './servers.ts';
import type { Seen } from './window.ts';
import { Window } from './window.ts';

const SCRIPT = join(import.meta.dirname, 'librdkafka.py');
const CODECS = ['lz4', 'zstd', 'snappy', 'gzip'];

interface Run extends Seen {
  /** Bytes of values, or transactions. */
  readonly amount: number;
}

/** Runs the script to its end, watching the server in the stretch that it names. */
function runScript(python: Python, server: Server, args: readonly string[], round: Round): Promise<Run> {
  const window = new Window(server.pid, round.countsInstructions);
  return new Promise((resolve, reject) => {
    const child = spawn(python.command, [SCRIPT, `127.0.0.1:${server.port}`, ...args], {
      env: { ...process.env, ...python.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let errors = '';
    let seen: Promise<Seen> | undefined;
    child.stdout.on('data', (chunk: Buffer) => {
      const [hadOpen, hadClose] = [output.includes('open\n'), output.includes('close\n')];
      output += chunk.toString();
      if (!hadOpen && output.includes('open\n')) window.open();
      if (!hadClose && output.includes('close\n')) seen = window.close();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => {
      const { amount } = JSON.parse(/^\{.*\}$/m.exec(output)?.[0] ?? '{"amount":0}') as { amount: number };
      if (code !== 0 || seen === undefined)
        reject(new Error(`librdkafka ended with ${code}: ${errors.slice(-500)}`));
      else seen.then((what) => resolve({ ...what, amount }), reject);
    });
  });
}

let topicNumber = 0;

async function produce(
  python: Python,
  server: Server,
  codec: string,
  seconds: number,
  round: Round,
): Promise<Figures> {
  const topic = `librdkafka-${topicNumber++}`;
  await createTopic(server, topic);
  const warmUp = round.isFirst ? 2 : 0.5;
  const { amount, ...seen } = await runScript(
    python,
    server,
    ['produce', topic, codec, String(warmUp), String(seconds)],
    round,
  );
  await deleteTopic(server, topic);
  return {
    'MB/s': amount / seen.seconds / 1e6,
    'CPU s/GB': (seen.cpuSeconds / amount) * 1e9,
    ...(seen.instructions === null ? {} : { 'instructions/byte': seen.instructions / amount }),
  };
}

async function transact(
  python: Python,
  server: Server,
  producerCount: number,
  seconds: number,
  round: Round,
): Promise<Figures> {
  const topic = `transactions-${topicNumber++}`;
  for (let i = 0; i < producerCount; i++) await createTopic(server, `${topic}-${i}`);
  const warmUp = round.isFirst ? 3 : 0.5;
  const { amount, ...seen } = await runScript(
    python,
    server,
    ['transact', topic, String(producerCount), String(warmUp), String(seconds)],
    round,
  );
  for (let i = 0; i < producerCount; i++) await deleteTopic(server, `${topic}-${i}`);
  return {
    'per second': amount / seen.seconds,
    'CPU ms': (seen.cpuSeconds / amount) * 1000,
    ...(seen.instructions === null ? {} : { 'instructions/transaction': seen.instructions / amount }),
  };
}

/** GB are of values before they are compressed. */
export function librdkafkaRows(seconds: number): readonly Row<Server>[] {
  let looking: ReturnType<typeof findPython> | undefined;
  const look = () => {
    looking ??= findPython('confluent-kafka');
    return looking;
  };
  const missing = async () => {
    const python = await look();
    return 'missing' in python ? python.missing : null;
  };
  const withPython = async (use: (python: Python) => Promise<Figures>) => {
    const python = await look();
    if ('missing' in python) throw new Error(python.missing);
    return use(python.found);
  };
  const producing = (name: string, codec: string): Row<Server> => ({
    name: `librdkafka, ${name}`,
    missing,
    instructions: 'instructions/byte',
    measure: (server, round) => withPython((python) => produce(python, server, codec, seconds, round)),
  });
  const transacting = (count: number): Row<Server> => ({
    name: `librdkafka, transactions of 10 records, ${count} producer${count === 1 ? '' : 's'}`,
    missing,
    instructions: 'instructions/transaction',
    measure: (server, round) => withPython((python) => transact(python, server, count, seconds, round)),
  });
  return [
    producing('1 MB batches', 'none'),
    ...CODECS.map((codec) => producing(codec, codec)),
    transacting(1),
    transacting(10),
  ];
}
