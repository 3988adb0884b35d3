/** What Apache Kafka's console tools print of a cluster that stands still. */
import type { Transcript } from '../scenario.ts';
import { run } from '../scenario.ts';
import { inPairs } from './inspect.ts';

/** Internal topics are written to when their coordinators take them up, and one is written to until the very end. */
const USERS = 'codecs|latest|trimmed|bounded|transactions|sequences|again';

/** The order of settings is chance, and the settings themselves are compared elsewhere; an open transaction grows older. */
const BY_NATURE = [
  [/Configs: .*/, 'Configs'],
  [/TIMESTAMP\s+\d+\s+/, 'TIMESTAMP DURATION '],
] as const;

const STEPS = [
  { script: 'kafka-topics.sh', args: ['--describe', '--exclude-internal'] },
  { script: 'kafka-get-offsets.sh', args: ['--topic', USERS] },
  { script: 'kafka-get-offsets.sh', args: ['--topic', USERS, '--time', 'earliest'] },
  { script: 'kafka-get-offsets.sh', args: ['--topic', USERS, '--time', 'max-timestamp'] },
  { script: 'kafka-consumer-groups.sh', args: ['--describe', '--all-groups', '--offsets'] },
  { script: 'kafka-consumer-groups.sh', args: ['--describe', '--all-groups', '--members', '--verbose'] },
  { script: 'kafka-consumer-groups.sh', args: ['--describe', '--all-groups', '--state'] },
  { script: 'kafka-transactions.sh', args: ['list'] },
  {
    script: 'kafka-transactions.sh',
    args: ['describe-producers', '--topic', 'transactions', '--partition', '0'],
  },
  { script: 'kafka-transactions.sh', args: ['describe', '--transactional-id', 'left-open'] },
  { script: 'kafka-configs.sh', args: ['--describe', '--entity-type', 'topics', '--entity-name', 'bounded'] },
] as const;

export async function said(port: number): Promise<Transcript[]> {
  const bootstrap = ['--bootstrap-server', '{bootstrap}'];
  const transcripts = await inPairs(
    STEPS.map(({ script, args }) => async () => {
      // Partitions and groups come in any order.
      const step = { script, args: [...bootstrap, ...args], sorted: true, replace: BY_NATURE };
      return run(step, `127.0.0.1:${port}`);
    }),
  );
  const failed = transcripts.find(({ exitCode }) => exitCode !== 0);
  if (failed !== undefined) throw new Error(`${failed.command}: ${failed.lines.join('\n')}`);
  return transcripts;
}
