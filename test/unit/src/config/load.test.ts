import { describe, expect, test } from 'vitest';
import { bindAddresses, printEndpoint } from '../../../../src/config/endpoint.ts';
import type { ConfigSources } from '../../../../src/config/load.ts';
import { loadBrokerConfig, withStoredNodeId } from '../../../../src/config/load.ts';

const load = (sources: ConfigSources) => loadBrokerConfig(sources).config;
const refusal = (properties: string) => {
  try {
    loadBrokerConfig({ properties, hostName: 'box' });
  } catch (error) {
    return (error as Error).message;
  }
  return null;
};

const combined = `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:9093
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
`;

const quickstart = `
broker.id=0
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
log.dirs=/tmp/kafka-logs
num.partitions=1
offsets.topic.replication.factor=1
log.retention.hours=168
zookeeper.connect=localhost:2181
zookeeper.connection.timeout.ms=18000
group.initial.rebalance.delay.ms=0
`;

describe('configuration without a file', () => {
  const { config, warnings } = loadBrokerConfig({});

  test('is one combined node on the loopback addresses that warns of nothing', () => {
    expect(config.nodeId).toBe(1);
    expect(config.nodeIdGiven).toBe(false);
    expect(config.roles).toEqual(['broker', 'controller']);
    expect(config.isLoneVoter).toBe(true);
    expect(config.network.listeners.map(printEndpoint)).toEqual(['PLAINTEXT://localhost:9092']);
    expect(config.network.advertisedListeners.map(printEndpoint)).toEqual(['PLAINTEXT://localhost:9092']);
    expect(bindAddresses('localhost')).toEqual(['127.0.0.1', '::1']);
    expect(warnings).toEqual([]);
  });

  test('keeps its data in ./sordini-data, one replica of internal topics, and rebalances at once', () => {
    expect(config.logs.dirs).toEqual(['./sordini-data']);
    expect(config.logs.metadataDir).toBe('./sordini-data');
    expect(config.offsets.topicReplicationFactor).toBe(1);
    expect(config.transaction.topicReplicationFactor).toBe(1);
    expect(config.transaction.topicMinIsr).toBe(1);
    expect(config.group.initialRebalanceDelayMs).toBe(0);
    expect(config.durability).toBe('fsync');
  });

  test('takes overrides before the environment, and the environment before defaults', () => {
    const both = load({
      env: { KAFKA_NUM_PARTITIONS: '3', KAFKA_LOG_DIRS: '/a,/b' },
      overrides: ['num.partitions=5', 'broker.rack=a=b'],
    });
    expect(both.topics.numPartitions).toBe(5);
    expect(both.logs.dirs).toEqual(['/a', '/b']);
    expect(both.rack).toBe('a=b');
  });
});

describe('configuration of a node without an id', () => {
  test('takes the id that its data directory holds', () => {
    const { config } = loadBrokerConfig({ properties: 'broker.id=-1' });
    expect(config).toMatchObject({ nodeId: 1, nodeIdGiven: false });
    const stored = withStoredNodeId(config, 7);
    expect(stored).toMatchObject({ nodeId: 7, nodeIdGiven: false, isLoneVoter: true });
    expect(stored.quorum.voters).toEqual([{ id: 7, host: '', port: 0 }]);
  });
});

describe('configuration of the quickstart with ZooKeeper', () => {
  const { config, warnings } = loadBrokerConfig({ properties: quickstart, hostName: 'box' });

  test('is a combined node with the id of the broker, advertised under the name of the machine', () => {
    expect(config.nodeId).toBe(0);
    expect(config.nodeIdGiven).toBe(true);
    expect(config.implicitCombined).toBe(true);
    expect(config.quorum.voters).toEqual([{ id: 0, host: '', port: 0 }]);
    expect(config.network.listeners.map(printEndpoint)).toEqual(['PLAINTEXT://:9092']);
    expect(config.network.advertisedListeners.map(printEndpoint)).toEqual(['PLAINTEXT://box:9092']);
    expect(config.logs.dirs).toEqual(['/tmp/kafka-logs']);
  });

  test('names ZooKeeper once, and values without effect only where they differ from the default', () => {
    expect(warnings).toEqual([
      {
        message: 'zookeeper is not used: this node is broker and controller in one',
        keys: ['zookeeper.connect', 'zookeeper.connection.timeout.ms'],
      },
    ]);
  });

  test("keeps Kafka's default where the file says nothing about the rebalance delay", () => {
    expect(load({ properties: 'broker.id=0' }).group.initialRebalanceDelayMs).toBe(3000);
  });
});

describe('configuration of a KRaft node', () => {
  test('a combined node has client and controller listeners apart', () => {
    const { network, isLoneVoter, quorum } = load({ properties: combined, hostName: 'box' });
    expect(network.listeners.map(printEndpoint)).toEqual(['PLAINTEXT://:9092']);
    expect(network.controllerListeners.map(printEndpoint)).toEqual(['CONTROLLER://:9093']);
    expect(network.securityProtocols.get('CONTROLLER')).toBe('PLAINTEXT');
    expect(quorum.voters).toEqual([{ id: 1, host: 'localhost', port: 9093 }]);
    expect(isLoneVoter).toBe(true);
  });

  test('a broker among others keeps three replicas of internal topics', () => {
    const config = load({
      properties:
        'process.roles=broker\nnode.id=4\ncontroller.quorum.voters=1@a:1,2@b:1\ncontroller.listener.names=C\n',
    });
    expect(config.roles).toEqual(['broker']);
    expect(config.isLoneVoter).toBe(false);
    expect(config.offsets.topicReplicationFactor).toBe(3);
    expect(config.transaction.topicMinIsr).toBe(2);
  });

  test('IPv6 addresses, several listeners and a shared port of both address families are taken', () => {
    const { network } = load({
      properties:
        'broker.id=1\nlisteners=A://[::1]:9092,B://127.0.0.1:9092,C://localhost:0\ninter.broker.listener.name=a\n' +
        'listener.security.protocol.map=A:PLAINTEXT,b:plaintext,C:PLAINTEXT',
    });
    expect(network.listeners.map(printEndpoint)).toEqual([
      'A://[::1]:9092',
      'B://127.0.0.1:9092',
      'C://localhost:0',
    ]);
    expect(network.interBrokerListenerName).toBe('A');
  });
});

describe('server-side assignors', () => {
  test.each([
    ['', ['uniform', 'range']],
    ['group.consumer.assignors=org.apache.kafka.coordinator.group.assignor.RangeAssignor', ['range']],
    ['group.consumer.assignors=range, uniform,range', ['range', 'uniform']],
  ])('%j offers %j', (properties, names) => {
    expect(load({ properties: `broker.id=1\n${properties}` }).group.consumerAssignors).toEqual(names);
  });
});

describe('refused configuration', () => {
  test.each([
    ['node.id=1\nbroker.id=2', 'You must set `node.id` to the same value as `broker.id`.'],
    [
      'process.roles=broker',
      'Missing configuration `node.id` which is required when `process.roles` is defined (i.e. when running in KRaft mode).',
    ],
    [
      'process.roles=broker\nnode.id=1',
      'If using process.roles, controller.quorum.voters must contain a parseable set of voters.',
    ],
    [
      combined.replace('1@localhost', '2@localhost'),
      "requirement failed: If process.roles contains the 'controller' role, the node id 1 must be included in the set of voters controller.quorum.voters=Set(2)",
    ],
    [
      `${combined}advertised.listeners=CONTROLLER://a:1`,
      'requirement failed: The advertised.listeners config must not contain KRaft controller listeners from controller.listener.names when process.roles contains the broker role because Kafka clients that send requests via advertised listeners do not send requests to KRaft controllers -- they only send requests to KRaft brokers.',
    ],
    [
      'advertised.listeners=PLAINTEXT://0.0.0.0:9092',
      'requirement failed: advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address.',
    ],
    [
      'listeners=FOO://:1',
      "Error creating broker listeners from 'FOO://:1': No security protocol defined for listener FOO",
    ],
    ['listeners=PLAINTEXT//:1', 'Unable to parse a listener name from PLAINTEXT//:1'],
    [
      'listeners=PLAINTEXT://:1,PLAINTEXT://:2',
      'requirement failed: Each listener must have a different name, listeners: PLAINTEXT://:1,PLAINTEXT://:2',
    ],
    [
      'listeners=PLAINTEXT://a:1,SSL://b:1',
      'requirement failed: Each listener must have a different port, listeners: PLAINTEXT://a:1,SSL://b:1',
    ],
    ['process.roles=broker,broker', 'Duplicate role names found in `process.roles`: broker,broker'],
    ['log.roll.ms=0', 'requirement failed: log.roll.ms must be greater than or equal to 1'],
    ['log.cleaner.threads=0', 'Log cleaner threads should be at least 1'],
    [
      'log.cleaner.threads=3\nlog.cleaner.dedupe.buffer.size=3000000',
      'requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.',
    ],
    [
      'log.cleaner.io.buffer.load.factor=0',
      'requirement failed: offset map is too small to fit in even a single message, so log cleaning will never make progress. You can increase log.cleaner.dedupe.buffer.size or decrease log.cleaner.threads',
    ],
    [
      'log.retention.ms=0',
      'requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1',
    ],
    [
      'group.consumer.session.timeout.ms=1000',
      'requirement failed: group.consumer.session.timeout.ms must be greater than or equals to group.consumer.min.session.timeout.ms',
    ],
    [
      'group.consumer.assignors=org.apache.kafka.coordinator.group.assignor.RangeAssignor,org.example.Mine',
      'Invalid value org.example.Mine for configuration group.consumer.assignors: Served are org.apache.kafka.coordinator.group.assignor.UniformAssignor, org.apache.kafka.coordinator.group.assignor.RangeAssignor, uniform, range',
    ],
    [
      'group.consumer.assignors=\ngroup.coordinator.rebalance.protocols=classic,consumer',
      'Invalid value  for configuration group.consumer.assignors: Assignors must be set',
    ],
    ['num.partitions=0', 'Invalid value 0 for configuration num.partitions: Value must be at least 1'],
    [
      'sordini.durability=often',
      'Invalid value often for configuration sordini.durability: String must be one of: fsync, kafka, memory',
    ],
  ])('%j is refused with a sentence', (properties, sentence) => {
    expect(refusal(properties)).toBe(sentence);
  });

  test('a cleaner that is not enabled may have buffers that hold nothing', () => {
    expect(refusal('log.cleaner.enable=false\nlog.cleaner.io.buffer.load.factor=0')).toBe(null);
  });

  test('a listener whose protection is not served is refused rather than left open', () => {
    expect(refusal('listeners=SSL://:9093\nsecurity.inter.broker.protocol=SSL')).toMatch(/asks for SSL/);
    expect(refusal('authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer')).toMatch(
      /no authorizer is served/,
    );
    expect(refusal('zookeeper.metadata.migration.enable=true')).toMatch(/no ZooKeeper/);
  });

  test('a wildcard address that is only listened on is advertised under the name of the machine', () => {
    const { network } = load({ properties: 'listeners=PLAINTEXT://0.0.0.0:9092', hostName: 'box' });
    expect(network.advertisedListeners.map(printEndpoint)).toEqual(['PLAINTEXT://box:9092']);
  });

  test('an override without a key is refused', () => {
    expect(() => loadBrokerConfig({ overrides: ['nonsense'] })).toThrow(/key=value/);
  });
});

describe('environment', () => {
  test('names follow the official image: underscores are dots, double ones underscores, triple ones dashes', () => {
    const config = load({
      env: {
        KAFKA_PROCESS_ROLES: 'broker,controller',
        KAFKA_NODE_ID: '7',
        KAFKA_CONTROLLER_QUORUM_VOTERS: '7@localhost:9093',
        KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
        KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
        KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://localhost:9092',
        KAFKA_LISTENER_NAME_A__B___C_MAX_CONNECTIONS: '5',
      },
    });
    expect(config.nodeId).toBe(7);
    expect(config.network.advertisedListeners.map(printEndpoint)).toEqual(['PLAINTEXT://localhost:9092']);
    expect(config.settings.listenerText('A_B-C', 'max.connections')).toBe('5');
    expect(config.settings.listenerText('OTHER', 'max.connections')).toBe('2147483647');
  });

  test('what is no key of a broker is not taken', () => {
    const { config, warnings } = loadBrokerConfig({
      env: { KAFKA_HOME: '/opt', KAFKA_PORT: 'tcp://10.0.0.1:9092', KAFKA_HEAP_OPTS: '-Xmx1g', PATH: '/bin' },
    });
    expect(warnings).toEqual([]);
    expect(config.settings.originals().size).toBe(0);
  });

  test('listeners that are only advertised are bound on every address', () => {
    const { network } = load({ env: { KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://kafka.test:9094' } });
    expect(network.listeners.map(printEndpoint)).toEqual(['PLAINTEXT://0.0.0.0:9094']);
    expect(network.advertisedListeners.map(printEndpoint)).toEqual(['PLAINTEXT://kafka.test:9094']);
  });

  test('our own keys and the log level of Log4j are taken', () => {
    expect(load({ env: { SORDINI_DURABILITY: 'kafka' } }).durability).toBe('kafka');
    expect(load({ env: { CLUSTER_ID: '5L6g3nShT-eMCtK--X86sw' } }).clusterId).toBe('5L6g3nShT-eMCtK--X86sw');
    expect(load({ env: { CLUSTER_ID: '' } }).clusterId).toBeNull();
    expect(load({ env: { KAFKA_LOG4J_ROOT_LOGLEVEL: 'WARN' } }).settings.text('sordini.log.level')).toBe(
      'warn',
    );
    expect(load({ env: { KAFKA_LOG4J_ROOT_LOGLEVEL: 'OFF' } }).settings.text('sordini.log.level')).toBe(
      'silent',
    );
  });
});
