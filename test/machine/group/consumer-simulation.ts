/**
 * A seeded simulation of one group under the consumer protocol: members that die, pause, send twice and miss answers,
 * topics that grow, come and go, over a log whose commits are delayed, refused and lost, with coordinators that fail
 * over.
 *
 * One seed decides everything. After each event every invariant is checked; a broken one throws with its name and the
 * event. Requests of one member reach the coordinator in their order, as on a connection; answers may get lost.
 */
import { ErrorCode } from '../../../protocol/errors.ts';
import type { GroupConfig } from '../../../src/group/config.ts';
import { decodeConsumerChange, decodeConsumerKey } from '../../../src/group/consumer-changes.ts';
import type { ConsumerGroup } from '../../../src/group/consumer-group.ts';
import { GroupMachine } from '../../../src/group/machine.ts';
import type { Command, Responses } from '../../../src/group/outcome.ts';
import { decodeKey } from '../../../src/group/records.ts';
import { partitionsData } from '../../../src/group/topics.ts';
import { EventSimulation, InvariantError } from '../event-simulation.ts';
import { show, TestTopics, topicNameOf } from './consumer-scenario.ts';
import { GroupHarness } from './harness.ts';

const GROUP = 'g';
const SESSION_MS = 10_000;
const REBALANCE_MS = 8_000;
const HEARTBEAT_MS = 1_000;
const MAX_CLIENTS = 6;
const HEAL_ROUNDS = 60;
/** Records between two looks at what a new coordinator would read. */
const REPLAY_EVERY = 10;

type HeartbeatCommand = Extract<Command, { type: 'consumerGroupHeartbeat' }>;

interface Client {
  readonly memberId: string;
  readonly instance: string | null;
  topics: readonly string[];
  readonly regex: string | null;
  readonly assignor: string | null;
  /** 0 while it joins. */
  epoch: number;
  /** What it consumes: names like `t-0`. */
  owned: Set<string>;
  /** What it said last that it owns; null when it has to say everything. */
  said: string | null;
  isPaused: boolean;
  waitsFor: number | null;
  last: HeartbeatCommand | null;
}

export class ConsumerSimulation extends EventSimulation {
  readonly harness: GroupHarness;
  #clients: Client[] = [];
  #clientCount = 0;
  #topics: TestTopics;
  readonly #counts = new Map([
    ['t', 5],
    ['u', 3],
  ]);
  #mail: { client: Client; token: number; response: Responses['consumerGroupHeartbeat'] }[] = [];
  reconciledCount = 0;
  commitCount = 0;

  constructor(seed: number, create: (config: GroupConfig) => GroupMachine = (c) => new GroupMachine(c)) {
    super(seed);
    this.harness = new GroupHarness({ consumerSessionTimeoutMs: SESSION_MS }, create);
    this.harness.isHeld = true;
    this.#topics = this.#currentTopics();
  }

  override run(steps: number): void {
    for (let i = 0; i < 3; i++) this.#addClient();
    this.events(steps);
    this.do('heal', () => this.#heal());
    this.#nextReplayAt = 0;
    this.#checkReplay();
    this.#checkLog();
  }

  #currentTopics(): TestTopics {
    return new TestTopics([...this.#counts].map(([name, partitionCount]) => ({ name, partitionCount })));
  }

  // Events -----------------------------------------------------------------------------------------------------

  protected override look(): void {
    this.#collect();
    this.#check();
  }

  protected override event(): void {
    const r = this.random();
    const { harness } = this;
    if (r < 0.4) this.#beat(this.pick(this.#clients));
    else if (r < 0.6) this.#deliver();
    else if (r < 0.78) harness.commitNext();
    else if (r < 0.86) harness.advance(Math.floor(this.random() * 800));
    else if (r < 0.875)
      harness.failLast(this.random() < 0.5 ? ErrorCode.NOT_ENOUGH_REPLICAS : ErrorCode.MESSAGE_TOO_LARGE);
    else if (r < 0.885) harness.overdueNext(ErrorCode.REQUEST_TIMED_OUT);
    else if (r < 0.9) this.#addClient();
    else if (r < 0.92) this.#disturb();
    else if (r < 0.93) this.#sendTwice(this.pick(this.#clients));
    else if (r < 0.94) this.#loseAnswer(this.pick(this.#clients));
    else if (r < 0.95) this.#changeTopics();
    else if (r < 0.953) this.#failover();
    else if (r < 0.98) this.#commit(this.pick(this.#clients));
    else harness.advance(100);
  }

  #addClient(): void {
    if (this.#clients.length >= MAX_CLIENTS) return;
    const r = this.random();
    this.#clients.push({
      memberId: `c${++this.#clientCount}`,
      instance: this.random() < 0.3 ? `i${Math.floor(this.random() * 2)}` : null,
      topics: r < 0.5 ? ['t', 'u'] : r < 0.7 ? ['t'] : r < 0.8 ? ['u', 'w'] : [],
      regex: r < 0.8 ? null : '[tuw]',
      assignor: this.pick([null, 'uniform', 'range']) ?? null,
      epoch: 0,
      owned: new Set(),
      said: null,
      isPaused: false,
      waitsFor: null,
      last: null,
    });
  }

  /** Somebody dies without a word, leaves, changes its mind, pauses, or comes back. */
  #disturb(): void {
    const client = this.pick(this.#clients);
    if (client === undefined) return;
    const r = this.random();
    if (r < 0.2) this.#clients = this.#clients.filter((other) => other !== client);
    else if (r < 0.45) {
      client.owned.clear();
      if (client.epoch > 0)
        this.#send(client, this.#request(client, client.instance !== null && r < 0.35 ? -2 : -1));
      this.#clients = this.#clients.filter((other) => other !== client);
    } else if (r < 0.55) {
      client.topics = client.topics.length === 2 ? ['t'] : ['t', 'u'];
      client.said = null;
    } else client.isPaused = !client.isPaused;
  }

  #changeTopics(): void {
    const r = this.random();
    const name = this.pick(['t', 'u', 'w']) ?? 't';
    const count = this.#counts.get(name) ?? 0;
    if (r < 0.7) this.#counts.set(name, Math.min(count + 1, 9));
    else if (name !== 't') this.#counts.delete(name);
    this.#topics = this.#currentTopics();
  }

  #failover(): void {
    this.harness.failover(this.random() < 0.5);
    this.#nextReplayAt = 0;
    for (const client of this.#clients) {
      client.waitsFor = null;
      client.said = null;
    }
    this.#mail = [];
  }

  #loseAnswer(client: Client | undefined): void {
    if (client === undefined || client.waitsFor === null) return;
    client.waitsFor = null;
    // It says everything again.
    client.said = null;
  }

  #sendTwice(client: Client | undefined): void {
    if (client?.waitsFor && client.last !== null) this.#send(client, client.last);
  }

  // Clients ----------------------------------------------------------------------------------------------------

  #request(client: Client, memberEpoch: number): HeartbeatCommand {
    const owned = [...client.owned].sort();
    const isFull = memberEpoch === 0 || client.said === null;
    const isNews = isFull || client.said !== owned.join();
    return {
      type: 'consumerGroupHeartbeat',
      version: 1,
      client: { clientId: 'c', clientHost: '/127.0.0.1' },
      newMemberId: '',
      topics: this.#topics,
      request: {
        groupId: GROUP,
        memberId: client.memberId,
        memberEpoch,
        instanceId: client.instance,
        rackId: null,
        rebalanceTimeoutMs: isFull ? REBALANCE_MS : -1,
        subscribedTopicNames: isFull ? [...client.topics] : null,
        subscribedTopicRegex: isFull ? client.regex : null,
        serverAssignor: isFull ? client.assignor : null,
        topicPartitions: isNews ? topicPartitions(owned) : null,
      },
    };
  }

  #beat(client: Client | undefined): void {
    if (client === undefined || client.isPaused || client.waitsFor !== null) return;
    this.#send(client, this.#request(client, client.epoch));
    client.said = [...client.owned].sort().join();
  }

  #send(client: Client, command: HeartbeatCommand): void {
    client.last = command;
    const token = this.harness.submit(command);
    client.waitsFor = token;
    this.#tokens.set(token, client);
  }

  readonly #tokens = new Map<number, Client>();
  /** When the log is that long, it is read anew. */
  #nextReplayAt = 0;

  #commit(client: Client | undefined): void {
    const [partition] = client?.owned ?? [];
    if (client === undefined || partition === undefined) return;
    const at = partition.lastIndexOf('-');
    this.harness.submit({
      type: 'commitOffsets',
      version: 9,
      request: {
        groupId: GROUP,
        generationIdOrMemberEpoch: client.epoch,
        memberId: client.memberId,
        groupInstanceId: client.instance,
        retentionTimeMs: -1,
        topics: [
          {
            name: partition.slice(0, at),
            partitions: [
              {
                partitionIndex: Number(partition.slice(at + 1)),
                committedOffset: 1n,
                committedLeaderEpoch: -1,
                commitTimestamp: -1n,
                committedMetadata: null,
              },
            ],
          },
        ],
      },
    });
  }

  #deliver(): void {
    const letter = this.#mail.shift();
    if (letter === undefined || letter.client.waitsFor !== letter.token) return;
    const { client, response } = letter;
    client.waitsFor = null;
    switch (response.errorCode) {
      case ErrorCode.NONE:
        this.#accept(client, response);
        break;
      case ErrorCode.FENCED_MEMBER_EPOCH:
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.GROUP_ID_NOT_FOUND:
      case ErrorCode.FENCED_INSTANCE_ID:
        client.epoch = 0;
        client.owned.clear();
        client.said = null;
        break;
      default:
        client.said = null;
    }
  }

  #accept(client: Client, response: Responses['consumerGroupHeartbeat']): void {
    if (response.memberEpoch < 0) return;
    if (response.memberEpoch < client.epoch) {
      throw new InvariantError(`EpochsNeverGoBack: ${client.memberId} was told ${response.memberEpoch}`);
    }
    client.epoch = response.memberEpoch;
    const { assignment = null } = response;
    if (assignment === null) return;
    client.owned = new Set(
      assignment.topicPartitions.flatMap(({ topicId, partitions }) =>
        partitions.map((partition) => `${topicNameOf(topicId)}-${partition}`),
      ),
    );
    this.reconciledCount++;
  }

  #collect(): void {
    for (const { token, command, response } of this.harness.take().answers) {
      const client = this.#tokens.get(token);
      this.#tokens.delete(token);
      if (command.type === 'consumerGroupHeartbeat' && client !== undefined) {
        this.#mail.push({ client, token, response: response as Responses['consumerGroupHeartbeat'] });
      }
      if (command.type === 'commitOffsets') {
        const [topic] = (response as Responses['commitOffsets']).topics;
        if (topic?.partitions[0]?.errorCode === ErrorCode.NONE) this.commitCount++;
      }
    }
  }

  /** Everybody well, nothing held up: the group comes to rest with every partition owned. */
  #heal(): void {
    this.harness.isHeld = false;
    this.harness.commitAll();
    for (const client of this.#clients) {
      client.isPaused = false;
      client.waitsFor = null;
      client.said = null;
    }
    for (let round = 0; round < HEAL_ROUNDS; round++) {
      for (const client of this.#clients) this.#beat(client);
      this.#collect();
      while (this.#mail.length > 0) this.#deliver();
      this.#checkOwners();
      this.harness.advance(HEARTBEAT_MS);
    }
    const group = this.#group();
    // Of two with one instance only one can be a member.
    const members = this.#clients.filter(({ memberId }) => group?.members.has(memberId));
    if (members.length === 0) return;
    const wanted = new Set(members.flatMap((client) => this.#wanted(client)));
    const owned = new Set(members.flatMap((client) => [...client.owned]));
    const missing = [...wanted].filter((partition) => !owned.has(partition));
    if (group?.state !== 'stable' || missing.length > 0) {
      throw new InvariantError(`Liveness: ${group?.state}, nobody has ${missing.join()}`);
    }
    if (members.length !== group.members.size)
      throw new InvariantError('Liveness: the dead are still members');
  }

  #wanted({ topics, regex }: Client): string[] {
    const names = [...this.#counts.keys()].filter((name) => topics.includes(name) || regex !== null);
    return names.flatMap((name) =>
      Array.from({ length: this.#counts.get(name) ?? 0 }, (_, partition) => `${name}-${partition}`),
    );
  }

  // Invariants -------------------------------------------------------------------------------------------------

  #group(): ConsumerGroup | undefined {
    const group = this.harness.machine.groups.get(GROUP);
    return group?.type === 'consumer' ? group : undefined;
  }

  #check(): void {
    this.#checkOwners();
    this.#checkState();
    this.#checkReplay();
  }

  /** No partition is consumed by two members, as far as the coordinator has not fenced one of them. */
  #checkOwners(): void {
    const group = this.#group();
    if (group === undefined) return;
    const owners = new Map<string, string>();
    for (const client of this.#clients) {
      if (!group.members.has(client.memberId)) continue;
      for (const partition of client.owned) {
        const other = owners.get(partition);
        if (other !== undefined) {
          throw new InvariantError(`OneOwner: ${partition} is consumed by ${other} and ${client.memberId}`);
        }
        owners.set(partition, client.memberId);
      }
    }
  }

  /** What the coordinator has given out, it has given to one; nobody's epoch is beyond the group's. */
  #checkState(): void {
    const group = this.#group();
    if (group === undefined) return;
    if (group.assignmentEpoch > group.groupEpoch) throw new InvariantError('Epochs: a target of the future');
    const owners = new Map<string, string>();
    const targets = new Map<string, string>();
    for (const memberId of group.members.keys()) {
      const { assigned, pendingRevocation, memberEpoch } = group.current(memberId);
      if (memberEpoch > group.assignmentEpoch) throw new InvariantError('Epochs: a member of the future');
      claim('OneAssignment', owners, memberId, assigned);
      claim('OneAssignment', owners, memberId, pendingRevocation);
      claim('OneTarget', targets, memberId, group.target(memberId) ?? new Map());
    }
  }

  /** A new coordinator that reads the log knows the same. */
  #checkReplay(): void {
    if (this.harness.inFlight.length > 0 || this.harness.endOffset < this.#nextReplayAt) return;
    this.#nextReplayAt = this.harness.endOffset + REPLAY_EVERY;
    const live = this.#group();
    const replayed = this.harness.replayed().groups.get(GROUP);
    if (live === undefined || live.isHollow) return;
    const other = replayed?.type === 'consumer' ? dump(replayed) : 'nothing';
    if (dump(live) !== other)
      throw new InvariantError(`ReplayEqualsState: ${dump(live)} and replayed ${other}`);
  }

  /** In the log, epochs of the group and of each member only grow. */
  #checkLog(): void {
    const epochs = new Map<string, number>();
    for (const entry of this.harness.log) {
      if ('marker' in entry) continue;
      const key = decodeKey(entry.key);
      if (key.type !== 'consumer') continue;
      const consumerKey = decodeConsumerKey(key.version, key.body);
      if (consumerKey === null) continue;
      const change = decodeConsumerChange(consumerKey, entry.value);
      const of = `${change.type} ${consumerKey.memberId}`;
      if (change.value === null) epochs.delete(of);
      else if (change.type === 'groupEpoch' || change.type === 'assignmentEpoch')
        grow(epochs, of, change.value);
      else if (change.type === 'current' && change.value.memberEpoch >= 0) {
        grow(epochs, of, change.value.memberEpoch);
      }
    }
  }
}

function grow(epochs: Map<string, number>, of: string, epoch: number): void {
  if (epoch < (epochs.get(of) ?? 0))
    throw new InvariantError(`EpochsNeverGoBack: ${of} to ${epoch} in the log`);
  epochs.set(of, epoch);
}

function claim(
  name: string,
  owners: Map<string, string>,
  memberId: string,
  partitions: ReadonlyMap<string, ReadonlySet<number>>,
): void {
  for (const [topicId, indexes] of partitions) {
    for (const index of indexes) {
      const partition = `${topicNameOf(topicId)}-${index}`;
      const other = owners.get(partition);
      if (other !== undefined) {
        throw new InvariantError(`${name}: ${partition} is of ${other} and ${memberId}`);
      }
      owners.set(partition, memberId);
    }
  }
}

function topicPartitions(owned: readonly string[]): { topicId: string; partitions: number[] }[] {
  const byTopic = new Map<string, Set<number>>();
  for (const partition of owned) {
    const at = partition.lastIndexOf('-');
    const bytes = Buffer.alloc(16);
    bytes.write(partition.slice(0, at), 'latin1');
    const topicId = bytes.toString('base64url');
    const partitions = byTopic.get(topicId) ?? new Set();
    byTopic.set(topicId, partitions.add(Number(partition.slice(at + 1))));
  }
  return partitionsData(byTopic);
}

function dump(group: ConsumerGroup): string {
  const members = [...group.members].sort().map(([memberId, member]) => {
    const { assigned, pendingRevocation, pendingAssignment, ...epochs } = group.current(memberId);
    const sets = [assigned, pendingRevocation, pendingAssignment, group.target(memberId) ?? new Map()];
    return [memberId, member, epochs, ...sets.map(show)];
  });
  const topics = [...group.subscriptionMetadata.values()].map(
    (topic) => `${topic.name}=${topic.partitionCount}`,
  );
  const owners = [...group.owners.entries()].map(
    ([topicId, partition, memberId]) => `${topicId}-${partition} ${memberId}`,
  );
  return JSON.stringify([
    group.groupEpoch,
    group.assignmentEpoch,
    group.state,
    topics.sort(),
    [...group.staticMembers].sort(),
    owners.sort(),
    members,
  ]);
}
