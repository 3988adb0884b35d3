/**
 * Makes the vectors of test/wire anew: compiles MessageVectors.java against Apache Kafka's jars and runs it.
 *
 *   node scripts/vectors/messages/generate.ts
 *
 * The output is the same each time: a difference after a run is a change of the generator or of Kafka.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kafkaClasspath } from '../../kafka.ts';

const classpath = await kafkaClasspath();
if (classpath === null) {
  process.stderr.write('Java and Maven are needed to make vectors.\n');
  process.exit(1);
}
const classes = mkdtempSync(join(tmpdir(), 'message-vectors-'));
try {
  const source = join(import.meta.dirname, 'MessageVectors.java');
  const output = join(import.meta.dirname, '..', '..', '..', 'test', 'wire', 'vectors');
  execFileSync('javac', ['-d', classes, '-cp', classpath, source], { stdio: 'inherit' });
  execFileSync('java', ['-cp', `${classes}:${classpath}`, 'MessageVectors', output], { stdio: 'inherit' });
} finally {
  rmSync(classes, { recursive: true });
}
