/**
 * Compares our message schemas with those of Apache Kafka 3.7.0 and fails on any difference.
 *
 *   node scripts/schema-diff.ts [directory with Kafka's JSON files]   compare; without a directory, with the jars
 *   node scripts/schema-diff.ts --update [directory]                  and renew the digests that the tests use
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { laterMessages, messages, schemaText } from '../test/wire/message-vectors.ts';
import { kafkaClasspath } from './kafka.ts';
import { digest, parseKafkaSchema, textOfKafka } from './schema-text.ts';

const digestFile = join(import.meta.dirname, '..', 'test', 'wire', 'schema-digests.json');

const parameters = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const files = parameters[0] === undefined ? await filesInJars() : filesUnder(parameters[0]);
const kafka = new Map(files.map((text) => parseKafkaSchema(text)).map((s) => [s.name, textOfKafka(s)]));
if (kafka.size === 0) {
  say('No schemas of Apache Kafka found: name a directory, or install Java and Maven.');
  process.exit(1);
}

let differences = 0;
for (const [name, theirs] of kafka) {
  const message = messages.get(name);
  const ours = message === undefined ? '' : schemaText(message);
  if (ours !== theirs) {
    differences++;
    say(`${name} differs`);
    const [ourLines, theirLines] = [ours.split('\n'), theirs.split('\n')];
    for (const line of theirLines.filter((candidate) => !ourLines.includes(candidate)))
      say(`  Kafka ${line}`);
    for (const line of ourLines.filter((candidate) => !theirLines.includes(candidate)))
      say(`  ours  ${line}`);
  }
}
for (const name of messages.keys()) {
  if (parameters[0] === undefined && !kafka.has(name) && !laterMessages.includes(name)) {
    differences++;
    say(`${name} is not a message of Apache Kafka`);
  }
}
say(`${kafka.size} messages compared, ${differences} differ`);
if (process.argv.includes('--update')) {
  const digests = Object.fromEntries([...kafka].sort().map(([name, text]) => [name, digest(text)]));
  writeFileSync(digestFile, `${JSON.stringify(digests, null, 1)}\n`);
}
process.exit(differences === 0 ? 0 : 1);

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function filesUnder(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .map((name) => readFileSync(join(directory, name), 'utf8'));
}

async function filesInJars(): Promise<string[]> {
  const classpath = (await kafkaClasspath()) ?? '';
  const jars = classpath.split(':').filter((path) => /^kafka.*\.jar$/.test(basename(path)));
  return jars.flatMap((path) => [...schemaFilesOf(readFileSync(path))]);
}

/**
 * The schema files in a zip archive. The central directory at its end has an entry of 46 bytes and a name for each
 * file; the file's data stands behind a local header of 30 bytes, a name and an extra field.
 */
function* schemaFilesOf(zip: Buffer): Generator<string> {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  let position = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const method = zip.readUInt16LE(position + 10);
    const size = zip.readUInt32LE(position + 20);
    const nameBytes = zip.readUInt16LE(position + 28);
    const local = zip.readUInt32LE(position + 42);
    const name = zip.toString('utf8', position + 46, position + 46 + nameBytes);
    if (/^(common\/)?(message|metadata)\/[A-Za-z]+\.json$/.test(name)) {
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      const data = zip.subarray(start, start + size);
      yield (method === 0 ? data : inflateRawSync(data)).toString('utf8');
    }
    position += 46 + nameBytes + zip.readUInt16LE(position + 30) + zip.readUInt16LE(position + 32);
  }
}
