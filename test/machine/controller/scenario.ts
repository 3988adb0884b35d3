/**
 * Runs scenario texts against a controller. The form of a text is told in helpers/scenario-text.ts:
 *
 *   # a comment
 *   register 1 rack=a
 *   create foo:2x1 retention.ms=1000
 *   CreatePartitions v3 {"topics":[{"name":"foo","count":3,"assignments":null}],"timeoutMs":1}
 *   ----
 *   5 RegisterBrokerRecord v3 ...
 *   answer ...
 *
 * Commands are followed by the records they append and what they answer. In requests "@1" stands for the epoch of
 * broker 1, "#foo" for the id of topic foo, "dir:foo" for that of the directory foo, "bytes:foo" for the bytes of the
 * word.
 */
import { errorName, KafkaError } from '../../../protocol/errors.ts';
import { defaultsOf, isDefault } from '../../../protocol/field.ts';
import { BrokerHeartbeat } from '../../../protocol/messages/broker-heartbeat.ts';
import { BrokerRegistration } from '../../../protocol/messages/broker-registration.ts';
import { CreateTopics } from '../../../protocol/messages/create-topics.ts';
import { apis } from '../../../protocol/messages/index.ts';
import type { MetadataRecord } from '../../../protocol/records/metadata.ts';
import { metadataSchemas } from '../../../protocol/records/metadata-schemas.ts';
import type { Api, Fields, RequestInput } from '../../../protocol/schema.ts';
import { ZERO_UUID } from '../../../protocol/uuid.ts';
import type { Play } from '../../helpers/scenario-text.ts';
import { CLUSTER_ID, ControllerHarness, idOf } from './harness.ts';

/** Plays the lines of one text. */
export function newPlayer(): Play {
  const player = new Player();
  return (line) => player.play(line);
}

class Player {
  #harness = new ControllerHarness();
  /** Topics by id, the deleted ones too. */
  readonly #names = new Map<string, string>();

  async play(line: string): Promise<string[]> {
    const from = this.#harness.log.batches.length;
    let answer: unknown = null;
    let refusal: KafkaError | null = null;
    try {
      answer = await this.#run(line);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      refusal = error;
    }
    const records = this.#harness.appendedSince(from);
    for (const { record } of records) {
      if (record.type === 'TopicRecord') this.#names.set(record.topicId, record.name);
    }
    const faults = this.#harness.faults.splice(0).map((fault) => `FAULT ${fault}`);
    const printed = records.map(({ record, version, offset }) =>
      `${offset} ${record.type} v${version} ${this.#printRecord(record)}`.trim(),
    );
    if (answer !== null) printed.push(`answer ${this.#print(answer)}`);
    if (refusal !== null) printed.push(`refused ${errorName(refusal.code)}: ${refusal.message}`);
    return [...printed, ...faults];
  }

  async #run(line: string): Promise<unknown> {
    const [verb = '', ...words] = line.split(' ');
    const harness = this.#harness;
    switch (verb) {
      case 'config': {
        const properties = Object.fromEntries(words.map((word) => word.split('=')));
        const own = properties['brokerIncarnationId'];
        const { brokerIncarnationId: _, ...rest } = properties;
        this.#harness = new ControllerHarness(
          own === undefined ? {} : { brokerIncarnationId: idOf(own) },
          rest,
        );
        return null;
      }
      case 'lead':
        harness.lead();
        return null;
      case 'resign':
        harness.resign();
        return null;
      case 'advance':
        harness.advance(Number(words[0]));
        return null;
      case 'register':
        return this.#register(Number(words[0]), words.slice(1));
      case 'heartbeat':
        return this.#heartbeat(Number(words[0]), words.slice(1));
      case 'show':
        return this.#show(words[0] ?? '');
      case 'create':
        return this.#create(words);
      default:
        return this.#ask(verb, words);
    }
  }

  #register(brokerId: number, words: readonly string[]): Promise<unknown> {
    const option = (name: string) =>
      words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
    const dirs = (option('dirs') ?? `dir${brokerId}`).split(',').filter((dir) => dir !== '');
    return this.#harness.ask(BrokerRegistration, {
      brokerId,
      clusterId: option('cluster') ?? CLUSTER_ID,
      incarnationId: idOf(option('incarnation') ?? `life${brokerId}`),
      listeners: [{ name: 'PLAINTEXT', host: 'localhost', port: 9000 + brokerId, securityProtocol: 0 }],
      features: [
        {
          name: 'metadata.version',
          minSupportedVersion: 1,
          maxSupportedVersion: Number(option('level') ?? 19),
        },
      ],
      rack: option('rack') ?? null,
      logDirs: dirs.map(idOf),
    });
  }

  #heartbeat(brokerId: number, words: readonly string[]): Promise<unknown> {
    const option = (name: string) =>
      words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
    const { driver, log } = this.#harness;
    return this.#harness.ask(BrokerHeartbeat, {
      brokerId,
      brokerEpoch: Number(option('epoch') ?? driver.workingImage.broker(brokerId)?.epoch ?? -1),
      currentMetadataOffset: Number(option('offset') ?? log.endOffset - 1),
      wantFence: words.includes('fence'),
      wantShutDown: words.includes('shutdown'),
      offlineLogDirs: (option('offline') ?? '')
        .split(',')
        .filter((dir) => dir !== '')
        .map(idOf),
    });
  }

  /** `create foo:2x3 bar:1 retention.ms=5`: names with partitions and replicas, and configuration for all. */
  #create(words: readonly string[]): Promise<unknown> {
    const configs = words
      .filter((word) => word.includes('='))
      .map((word) => ({ name: word.split('=')[0] ?? '', value: word.slice(word.indexOf('=') + 1) }));
    const topics = words
      .filter((word) => !word.includes('='))
      .map((word) => {
        const [name = '', shape = '1x1'] = word.split(':');
        const [numPartitions = 1, replicationFactor = 1] = shape.split('x').map(Number);
        return { name, numPartitions, replicationFactor, assignments: [], configs };
      });
    return this.#harness.ask(CreateTopics, { topics });
  }

  #show(what: string): unknown {
    const image = this.#harness.driver.workingImage;
    if (what === 'brokers') {
      return [...image.brokers.values()].map(({ id, epoch, fenced, inControlledShutdown }) => ({
        id,
        epoch,
        fenced,
        inControlledShutdown,
      }));
    }
    const topic = image.topic(what);
    return topic === undefined
      ? 'no such topic'
      : topic.partitions.map((partition) => ({
          leader: partition.leader,
          isr: partition.isr.join(),
          replicas: partition.replicas.join(),
          adding: partition.addingReplicas.join(),
          removing: partition.removingReplicas.join(),
          epochs: `${partition.leaderEpoch}/${partition.partitionEpoch}`,
          ...(partition.leaderRecoveryState === 0 ? {} : { recovering: true }),
        }));
  }

  #ask(name: string, words: readonly string[]): Promise<unknown> {
    const api = apis.find((candidate) => candidate.name === name);
    if (api === undefined) throw new Error(`No API is called ${name}.`);
    const versioned = words[0]?.startsWith('v') === true;
    const version = versioned ? Number(words[0]?.slice(1)) : api.versions[1];
    const text = words.slice(versioned ? 1 : 0).join(' ');
    const image = this.#harness.driver.workingImage;
    const request = JSON.parse(text, (_key, value: unknown) => {
      if (typeof value !== 'string') return value;
      if (value.startsWith('@')) return image.broker(Number(value.slice(1)))?.epoch ?? -1;
      if (value.startsWith('#')) return image.topic(value.slice(1))?.id ?? idOf(value.slice(1));
      if (value.startsWith('bytes:')) return Buffer.from(value.slice(6));
      return value.startsWith('dir:') ? idOf(value.slice(4)) : value;
    });
    return this.#harness.ask(api, complete(api.request, request) as RequestInput<Api>, version);
  }

  /** Fields that have their default are left out. */
  #printRecord(record: MetadataRecord): string {
    const { fields }: { fields: Fields } = metadataSchemas[record.type];
    return Object.entries(record)
      .filter(([name, value]) => {
        const field = fields[name];
        return field !== undefined && !isDefault(field, value);
      })
      .map(([name, value]) => `${name}=${this.#print(value)}`)
      .join(' ');
  }

  #print(value: unknown): string {
    if (value === '') return "''";
    const text = JSON.stringify(value, (key, item: unknown) => {
      if (key === 'throttleTimeMs' || key === 'errorMessage') return item || undefined;
      if (key === 'numPartitions' || key === 'replicationFactor') return item === -1 ? undefined : item;
      if (key === 'configs' && Array.isArray(item)) return item.length || undefined;
      if (key.endsWith('rrorCode')) return item === 0 ? undefined : errorName(Number(item));
      return item === ZERO_UUID ? undefined : item;
    });
    return text
      .replaceAll(/[A-Za-z0-9_-]{22}/g, (id) => this.#names.get(id) ?? readable(id))
      .replaceAll('"', '');
  }
}

/** The request with everything in it that was left out. */
function complete(fields: Fields, value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const whole = { ...defaultsOf(fields), ...value };
  for (const [name, field] of Object.entries(fields)) {
    const nested = field.element?.fields;
    const list = whole[name];
    if (nested && Array.isArray(list)) whole[name] = list.map((item) => complete(nested, item));
  }
  return whole;
}

/** The name behind an id made by `idOf`. */
function readable(id: string): string {
  const text = Buffer.from(id, 'base64url').toString('latin1').replaceAll('\u00ab', '');
  return /^[a-z0-9]+$/.test(text) ? text : id;
}
