/** The Java client in the version asked for: our small program compiled against it, and Apache Kafka's own programs. */
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Found } from './runtime.ts';
import { cached, find, hasCommand, must } from './runtime.ts';

const SOURCE = join(import.meta.dirname, 'java', 'Application.java');

interface Dependency {
  readonly group?: string;
  readonly artifact: string;
  /** Maven's own version language may be used, such as `[4.0,5.0)` for the newest 4.x. */
  readonly version: string;
  readonly classifier?: string;
  /** Artifacts of Apache Kafka that it names and that are left out. */
  readonly exclusions?: readonly string[];
}

const KAFKA_GROUP = 'org.apache.kafka';

const dependencyXml = (dependency: Dependency): string => {
  const { group = KAFKA_GROUP, artifact, version, classifier = '', exclusions = [] } = dependency;
  return [
    '    <dependency>',
    `      <groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`,
    classifier === '' ? '' : `      <classifier>${classifier}</classifier>`,
    '      <exclusions>',
    ...exclusions.map(
      (name) =>
        `        <exclusion><groupId>${KAFKA_GROUP}</groupId><artifactId>${name}</artifactId></exclusion>`,
    ),
    '      </exclusions>',
    '    </dependency>',
  ].join('\n');
};

const pom = (...dependencies: readonly Dependency[]): string =>
  [
    '<project xmlns="http://maven.apache.org/POM/4.0.0">',
    '  <modelVersion>4.0.0</modelVersion>',
    '  <groupId>sordini</groupId><artifactId>clients</artifactId><version>1</version><packaging>pom</packaging>',
    '  <dependencies>',
    ...dependencies.map(dependencyXml),
    dependencyXml({ group: 'org.slf4j', artifact: 'slf4j-nop', version: '1.7.36' }),
    '  </dependencies>',
    '</project>',
    '',
  ].join('\n');

const jars = (dir: string): string =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.jar'))
    .map((name) => join(dir, name))
    .join(':');

async function needsJava(): Promise<void> {
  for (const command of ['java', 'javac', 'mvn']) {
    if (!(await hasCommand(command, ['-version']))) throw new Error(`there is no ${command}`);
  }
}

/** The folder with the jars of an artifact and of what it needs. */
function fetchJars(name: string, content: string): Promise<string> {
  return cached(name, async (own) => {
    writeFileSync(join(own, 'pom.xml'), content);
    await must('mvn', ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${own}`], { cwd: own });
  });
}

const nameOf = (version: string): string => version.replaceAll(/[^\w.]+/g, '-');

/** The class path of `Application` with this version of kafka-clients. */
export function findJavaApplication(version: string): Promise<Found<string>> {
  return find(`the Java client ${version}`, async () => {
    await needsJava();
    const libs = await fetchJars(`java-${nameOf(version)}`, pom({ artifact: 'kafka-clients', version }));
    const classes = await cached(
      `java-${nameOf(version)}-classes-${Math.trunc(statSync(SOURCE).mtimeMs)}`,
      async (own) => {
        await must('javac', ['-nowarn', '-cp', jars(libs), '-d', own, SOURCE]);
      },
    );
    return `${classes}:${jars(libs)}`;
  });
}

/** Of what kafka-tools needs, that which brings a web server, or a logger of its own, along. */
const NOT_NEEDED = [
  'connect-runtime',
  'connect-json',
  'connect-api',
  'connect-transforms',
  'kafka-log4j-appender',
];

/** The class path of the programs of Apache Kafka's system tests, such as VerifiableConsumer. */
export function findJavaTools(version: string): Promise<Found<string>> {
  return find(`Apache Kafka's tools ${version}`, async () => {
    await needsJava();
    const tools = { artifact: 'kafka-tools', version, exclusions: NOT_NEEDED };
    return jars(await fetchJars(`java-tools-${nameOf(version)}`, pom(tools)));
  });
}

/** The class path of Apache Kafka's LogCompactionTester, which stands among the tests of its core. */
export function findCompactionTester(version: string): Promise<Found<string>> {
  return find(`Apache Kafka's LogCompactionTester ${version}`, async () => {
    await needsJava();
    const core = { artifact: 'kafka_2.13', version };
    const content = pom(
      core,
      { ...core, classifier: 'test' },
      { artifact: 'kafka-clients', version, classifier: 'test' },
      { group: 'org.junit.jupiter', artifact: 'junit-jupiter-api', version: '5.9.3' },
    );
    return jars(await fetchJars(`java-core-tests-${nameOf(version)}`, content));
  });
}
