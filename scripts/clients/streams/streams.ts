/** Kafka Streams 3.7.0 and our small topology compiled against it. */
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Found } from '../runtime.ts';
import { cached, find, hasCommand, must } from '../runtime.ts';

const SOURCE = join(import.meta.dirname, 'RunningSums.java');
const VERSION = '3.7.0';

const POM = [
  '<project xmlns="http://maven.apache.org/POM/4.0.0">',
  '  <modelVersion>4.0.0</modelVersion>',
  '  <groupId>sordini</groupId><artifactId>streams</artifactId><version>1</version><packaging>pom</packaging>',
  '  <dependencies>',
  `    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-streams</artifactId><version>${VERSION}</version></dependency>`,
  '    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>',
  '  </dependencies>',
  '</project>',
  '',
].join('\n');

const jars = (dir: string): string =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.jar'))
    .map((name) => join(dir, name))
    .join(':');

/** The arguments of `java` that run `RunningSums`, before its own. */
export function findRunningSums(): Promise<Found<readonly string[]>> {
  return find(`Kafka Streams ${VERSION}`, async () => {
    for (const command of ['java', 'javac', 'mvn']) {
      if (!(await hasCommand(command, ['-version']))) throw new Error(`there is no ${command}`);
    }
    const libs = await cached(`streams-${VERSION}`, async (own) => {
      writeFileSync(join(own, 'pom.xml'), POM);
      await must('mvn', ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${own}`], {
        cwd: own,
      });
    });
    const compiled = `streams-${VERSION}-classes-${Math.trunc(statSync(SOURCE).mtimeMs)}`;
    const classes = await cached(compiled, async (own) => {
      await must('javac', ['-nowarn', '-cp', jars(libs), '-d', own, SOURCE]);
    });
    return [
      ...['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xmx512m', '-Xshare:auto'],
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
      ...['-cp', `${classes}:${jars(libs)}`, 'RunningSums'],
    ];
  });
}
