/** The Java client in the version asked for, and our small program compiled against it. */
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Found } from './runtime.ts';
import { cached, find, hasCommand, must } from './runtime.ts';

const SOURCE = join(import.meta.dirname, 'java', 'Application.java');

/** Maven's own version language may be used, such as `[4.0,5.0)` for the newest 4.x. */
const pom = (version: string): string =>
  [
    '<project xmlns="http://maven.apache.org/POM/4.0.0">',
    '  <modelVersion>4.0.0</modelVersion>',
    '  <groupId>sordini</groupId><artifactId>clients</artifactId><version>1</version><packaging>pom</packaging>',
    '  <dependencies>',
    `    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-clients</artifactId><version>${version}</version></dependency>`,
    '    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>',
    '  </dependencies>',
    '</project>',
    '',
  ].join('\n');

const jars = (dir: string): string =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.jar'))
    .map((name) => join(dir, name))
    .join(':');

/** The class path of `Application` with this version of kafka-clients. */
export function findJavaApplication(version: string): Promise<Found<string>> {
  return find(`the Java client ${version}`, async () => {
    for (const command of ['java', 'javac', 'mvn']) {
      if (!(await hasCommand(command, ['-version']))) throw new Error(`there is no ${command}`);
    }
    const name = version.replaceAll(/[^\w.]+/g, '-');
    const libs = await cached(`java-${name}`, async (own) => {
      writeFileSync(join(own, 'pom.xml'), pom(version));
      await must('mvn', ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${own}`], {
        cwd: own,
      });
    });
    const classes = await cached(
      `java-${name}-classes-${Math.trunc(statSync(SOURCE).mtimeMs)}`,
      async (own) => {
        await must('javac', ['-nowarn', '-cp', jars(libs), '-d', own, SOURCE]);
      },
    );
    return `${classes}:${jars(libs)}`;
  });
}
