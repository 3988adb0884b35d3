/**
 * A seeded simulation of one group: clients that follow the protocol, and also die, pause, resend and arrive late,
 * over a log whose commits are delayed, refused and lost, with coordinators that fail over.
 *
 * One seed decides everything. After each event every invariant is checked; a broken one throws with its name, the
 * seed and the event. Clients consume a topic of a few partitions and commit ever higher offsets; a producer
 * commits others in transactions.
 */
import { ErrorCode } from '../../../protocol/errors.ts';
import type { ClassicGroup } from '../../../src/group/classic-group.ts';
import type { GroupConfig } from '../../../src/group/config.ts';
import { GroupMachine } from '../../../src/group/machine.ts';
import type { Command, Responses } from '../../../src/group/outcome.ts';
import { decodeKey, decodeOffsetCommitValue } from '../../../src/group/records.ts';
import { EventSimulation, InvariantError } from '../event-simulation.ts';
import { GroupHarness, subscription } from './harness.ts';

const GROUP = 'g';
const PARTITIONS = 5;
const SESSION_MS = 10_000;
const REBALANCE_MS = 15_000;
const TRANSACTIONAL_PARTITION = 99;

interface Client {
  readonly name: string;
  readonly instance: string | null;
  readonly version: number;
  memberId: string;
  generation: number;
  phase: 'join' | 'sync' | 'own';
  /** What a leader assigns in its SyncGroup. */
  assignments: { memberId: string; assignment: Buffer }[];
  owned: number[];
  nextOffset: number;
  isPaused: boolean;
  /** Token of the request it waits for. */
  waitsFor: number | null;
  lastCommand: Command | null;
}

function classicGroup(machine: GroupMachine, groupId: string): ClassicGroup | undefined {
  const group = machine.groups.get(groupId);
  return group?.type === 'classic' ? group : undefined;
}

export class Simulation extends EventSimulation {
  readonly harness: GroupHarness;
  #clients: Client[] = [];
  #clientCount = 0;
  #uuid = 0;
  /** Answers on their way to clients. */
  #mail: { client: Client; token: number; command: Command; response: unknown }[] = [];
  #owners = new Map<number, Client>();
  /** By generation and partition, whom the coordinator has told that the partition is theirs. */
  readonly #told = new Map<string, string>();
  /** The highest acknowledged commit by partition, and the log end at that time. */
  readonly #acknowledged = new Map<number, bigint>();
  #transactionOpen = false;
  #transactionOffset = 0;
  syncedCount = 0;
  commitCount = 0;

  constructor(seed: number, create: (config: GroupConfig) => GroupMachine = (c) => new GroupMachine(c)) {
    super(seed);
    this.harness = new GroupHarness({ initialRebalanceDelayMs: 1_000, maxPendingMembers: 5 }, create);
    this.harness.isHeld = true;
  }

  override run(steps: number): void {
    for (let i = 0; i < 3; i++) this.#addClient();
    this.events(steps);
    this.do('heal', () => this.#heal());
  }

  // Events -----------------------------------------------------------------------------------------------------

  protected override look(): void {
    this.#collect();
    this.#check();
  }

  protected override event(): void {
    const r = this.random();
    const { harness } = this;
    if (r < 0.38) this.#act(this.pick(this.#clients));
    else if (r < 0.58) this.#deliver();
    else if (r < 0.74) harness.commitNext();
    else if (r < 0.86) harness.advance(Math.floor(this.random() * 1_500));
    else if (r < 0.875)
      harness.failLast(this.random() < 0.5 ? ErrorCode.NOT_ENOUGH_REPLICAS : ErrorCode.MESSAGE_TOO_LARGE);
    else if (r < 0.885) harness.overdueNext(ErrorCode.REQUEST_TIMED_OUT);
    else if (r < 0.905) this.#transaction();
    else if (r < 0.915) this.#addClient();
    else if (r < 0.93) this.#disturb();
    else if (r < 0.94) this.#resend(this.pick(this.#clients));
    else if (r < 0.942) this.#failover();
    else harness.advance(100);
  }

  #addClient(): void {
    if (this.#clients.length >= 6) return;
    const id = ++this.#clientCount;
    const isStatic = this.random() < 0.35;
    this.#clients.push({
      name: `c${id}`,
      // Few instances, so that they are claimed again, also while their former self lives.
      instance: isStatic ? `i${Math.floor(this.random() * 3)}` : null,
      version: isStatic ? 5 + Math.floor(this.random() * 5) : Math.floor(this.random() * 10),
      memberId: '',
      generation: -1,
      phase: 'join',
      assignments: [],
      owned: [],
      nextOffset: 0,
      isPaused: false,
      waitsFor: null,
      lastCommand: null,
    });
  }

  /** Somebody dies without a word, leaves, pauses, or comes back. */
  #disturb(): void {
    const client = this.pick(this.#clients);
    if (client === undefined) return;
    const r = this.random();
    if (r < 0.3) this.#clients = this.#clients.filter((other) => other !== client);
    else if (r < 0.5) {
      this.#send(client, this.#leave(client));
      this.#clients = this.#clients.filter((other) => other !== client);
    } else client.isPaused = !client.isPaused;
  }

  #resend(client: Client | undefined): void {
    const command = client?.lastCommand;
    if (client === undefined || !command) return;
    const fresh = command.type === 'joinGroup' ? { memberIdSuffix: String(++this.#uuid) } : {};
    this.#send(client, { ...command, ...fresh } as Command);
  }

  #transaction(): void {
    const producerId = 500;
    if (!this.#transactionOpen || this.random() < 0.5) {
      this.#transactionOpen = true;
      this.harness.submit({
        type: 'commitTransactionalOffsets',
        request: {
          transactionalId: 'tx',
          groupId: GROUP,
          producerId,
          producerEpoch: 0,
          generationId: -1,
          memberId: '',
          groupInstanceId: null,
          topics: [
            {
              name: 't',
              partitions: [
                {
                  partitionIndex: TRANSACTIONAL_PARTITION,
                  committedOffset: BigInt(++this.#transactionOffset),
                  committedLeaderEpoch: -1,
                  committedMetadata: null,
                },
              ],
            },
          ],
        },
      });
      return;
    }
    this.#transactionOpen = false;
    this.harness.endTransaction(producerId, this.random() < 0.7);
  }

  #failover(): void {
    this.harness.failover(this.random() < 0.5);
    this.#owners.clear();
    for (const client of this.#clients) client.waitsFor = null;
  }

  /** Everybody well, nothing held up: the group must come to rest with every partition owned. */
  #heal(): void {
    this.harness.isHeld = false;
    this.harness.commitAll();
    for (const client of this.#clients) client.isPaused = false;
    while (this.#clients.length < 2) this.#addClient();
    for (let round = 0; round < 400; round++) {
      for (const client of [...this.#clients]) this.#act(client);
      this.#collect();
      while (this.#mail.length > 0) {
        this.#deliver();
        this.#collect();
      }
      this.harness.advance(500);
      this.#collect();
    }
    const group = classicGroup(this.harness.machine, GROUP);
    if (group?.state !== 'Stable') throw new InvariantError(`Liveness: the group is ${group?.state}`);
    const owned = new Set(this.#clients.flatMap((client) => (client.phase === 'own' ? client.owned : [])));
    if (owned.size !== PARTITIONS)
      throw new InvariantError(`Liveness: only ${owned.size} partitions are owned`);
    if (this.harness.openCommands.size > 0) throw new InvariantError('Answers: somebody still waits');
  }

  // Clients ----------------------------------------------------------------------------------------------------

  #act(client: Client | undefined): void {
    if (client === undefined || client.isPaused || client.waitsFor !== null) return;
    switch (client.phase) {
      case 'join':
        this.#send(client, this.#join(client));
        return;
      case 'sync':
        this.#send(client, this.#sync(client));
        return;
      case 'own': {
        const commits = this.random() < 0.5 && client.owned.length > 0;
        this.#send(client, commits ? this.#commit(client) : this.#heartbeat(client));
        return;
      }
    }
  }

  #send(client: Client, command: Command): void {
    client.lastCommand = command;
    const token = this.harness.submit(command);
    client.waitsFor = token;
    this.#owners.set(token, client);
  }

  #join(client: Client): Command {
    return {
      type: 'joinGroup',
      version: client.version,
      client: { clientId: client.name, clientHost: '/h' },
      memberIdSuffix: String(++this.#uuid),
      request: {
        groupId: GROUP,
        sessionTimeoutMs: SESSION_MS,
        rebalanceTimeoutMs: REBALANCE_MS,
        memberId: client.memberId,
        groupInstanceId: client.instance,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: subscription(['t']) }],
        reason: null,
      },
    };
  }

  #sync(client: Client): Command {
    return {
      type: 'syncGroup',
      request: {
        groupId: GROUP,
        generationId: client.generation,
        memberId: client.memberId,
        groupInstanceId: client.instance,
        protocolType: 'consumer',
        protocolName: 'range',
        assignments: client.assignments,
      },
    };
  }

  #heartbeat(client: Client): Command {
    const { memberId, instance, generation } = client;
    return {
      type: 'heartbeat',
      request: { groupId: GROUP, generationId: generation, memberId, groupInstanceId: instance },
    };
  }

  #commit(client: Client): Command {
    const partitionIndex = this.pick(client.owned) ?? 0;
    return {
      type: 'commitOffsets',
      request: {
        groupId: GROUP,
        generationIdOrMemberEpoch: client.generation,
        memberId: client.memberId,
        groupInstanceId: client.instance,
        retentionTimeMs: -1,
        topics: [
          {
            name: 't',
            partitions: [
              {
                partitionIndex,
                committedOffset: BigInt(++client.nextOffset),
                committedLeaderEpoch: -1,
                commitTimestamp: -1n,
                committedMetadata: null,
              },
            ],
          },
        ],
      },
    };
  }

  #leave(client: Client): Command {
    return {
      type: 'leaveGroup',
      version: 5,
      request: {
        groupId: GROUP,
        memberId: '',
        members: [{ memberId: client.memberId, groupInstanceId: client.instance, reason: null }],
      },
    };
  }

  /** Takes one answer to its client, not always the oldest. */
  #deliver(): void {
    const mail = this.pick(this.#mail);
    if (mail === undefined) return;
    this.#mail = this.#mail.filter((other) => other !== mail);
    const { client, token, command, response } = mail;
    if (client.waitsFor !== token) return;
    client.waitsFor = null;
    switch (command.type) {
      case 'joinGroup':
        this.#joined(client, response as Responses['joinGroup']);
        return;
      case 'syncGroup':
        this.#synced(client, response as Responses['syncGroup']);
        return;
      case 'heartbeat':
        this.#obey(client, (response as Responses['heartbeat']).errorCode);
        return;
      case 'commitOffsets': {
        const code = (response as Responses['commitOffsets']).topics[0]?.partitions[0]?.errorCode;
        this.#obey(client, code ?? ErrorCode.NONE);
        return;
      }
      default:
        return;
    }
  }

  #joined(client: Client, response: Responses['joinGroup']): void {
    if (response.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      client.memberId = response.memberId;
      return;
    }
    if (response.errorCode !== ErrorCode.NONE) {
      this.#obey(client, response.errorCode);
      return;
    }
    client.memberId = response.memberId;
    client.generation = response.generationId ?? -1;
    client.phase = 'sync';
    const ids = response.members.map(({ memberId }) => memberId).sort();
    const leads = response.leader === response.memberId && response.skipAssignment !== true;
    client.assignments = leads
      ? ids.map((memberId, i) => ({
          memberId,
          assignment: Buffer.from(range(PARTITIONS).filter((p) => p % ids.length === i)),
        }))
      : [];
  }

  #synced(client: Client, response: Responses['syncGroup']): void {
    if (response.errorCode !== ErrorCode.NONE) {
      this.#obey(client, response.errorCode);
      return;
    }
    client.phase = 'own';
    client.owned = [...response.assignment];
    // It goes on from what the group has committed, as a consumer does.
    const offsets = this.harness.machine.groups.get(GROUP)?.offsets.committed;
    for (const partition of client.owned) {
      client.nextOffset = Math.max(client.nextOffset, Number(offsets?.get('t', partition)?.offset ?? 0n));
    }
  }

  #obey(client: Client, errorCode: number): void {
    switch (errorCode) {
      case ErrorCode.NONE:
        return;
      case ErrorCode.UNKNOWN_MEMBER_ID:
        client.memberId = '';
        client.generation = -1;
        client.phase = 'join';
        return;
      case ErrorCode.FENCED_INSTANCE_ID:
        // Somebody else runs as this instance: the client gives up.
        this.#clients = this.#clients.filter((other) => other !== client);
        return;
      case ErrorCode.COORDINATOR_NOT_AVAILABLE:
      case ErrorCode.INVALID_COMMIT_OFFSET_SIZE:
      case ErrorCode.REQUEST_TIMED_OUT:
        if (client.phase !== 'own') client.phase = 'join';
        return;
      default:
        client.phase = 'join';
    }
  }

  // Invariants -------------------------------------------------------------------------------------------------

  #collect(): void {
    for (const { token, command, response } of this.harness.take().answers) {
      this.#observe(command, response);
      const client = this.#owners.get(token);
      this.#owners.delete(token);
      if (client !== undefined) this.#mail.push({ client, token, command, response });
    }
  }

  #observe(command: Command, response: unknown): void {
    if (command.type === 'syncGroup') {
      const sync = response as Responses['syncGroup'];
      if (sync.errorCode !== ErrorCode.NONE) return;
      this.syncedCount++;
      const { memberId, groupInstanceId, generationId } = command.request;
      const who = groupInstanceId ?? memberId;
      for (const partition of sync.assignment) {
        const key = `${generationId}/${partition}`;
        const other = this.#told.get(key);
        if (other !== undefined && other !== who) {
          throw new InvariantError(
            `OneOwner: partition ${partition} of generation ${generationId} has ${other} and ${who}`,
          );
        }
        this.#told.set(key, who);
      }
    }
    if (command.type === 'commitOffsets') {
      const [topic] = (response as Responses['commitOffsets']).topics;
      const [partition] = topic?.partitions ?? [];
      const [asked] = command.request.topics[0]?.partitions ?? [];
      if (partition?.errorCode !== ErrorCode.NONE || asked === undefined) return;
      this.commitCount++;
      this.#acknowledged.set(asked.partitionIndex, asked.committedOffset);
      const group = classicGroup(this.harness.machine, GROUP);
      const isOfLaterGeneration = command.request.generationIdOrMemberEpoch > (group?.generationId ?? -1);
      if (isOfLaterGeneration)
        throw new InvariantError('Fencing: a commit of a generation that is not yet was taken');
    }
  }

  #check(): void {
    this.#checkLog();
    this.#checkReplay();
  }

  /** Offsets are those of the log, told by a reader as simple as can be. */
  #checkLog(): void {
    const uncommittedFrom = this.harness.inFlight[0]?.baseOffset ?? Number.POSITIVE_INFINITY;
    const newest = new Map<number, { offset: bigint; at: number }>();
    const pending = new Map<number, { offset: bigint; at: number }>();
    for (const entry of this.harness.log) {
      if (entry.offset >= uncommittedFrom) break;
      if ('marker' in entry) {
        if (entry.marker === 'commit') {
          for (const [partition, stored] of pending) {
            if ((newest.get(partition)?.at ?? -1) < stored.at) newest.set(partition, stored);
          }
        }
        pending.clear();
        continue;
      }
      const key = decodeKey(entry.key);
      if (key.type !== 'offset') continue;
      const into = entry.isTransactional ? pending : newest;
      if (entry.value === null) into.delete(key.partition);
      else into.set(key.partition, { offset: decodeOffsetCommitValue(entry.value).offset, at: entry.offset });
    }
    const offsets = this.harness.machine.groups.get(GROUP)?.offsets.committed;
    for (const [partition, { offset }] of newest) {
      const told = offsets?.get('t', partition)?.offset;
      if (told !== offset)
        throw new InvariantError(`LogRules: partition ${partition} is ${told}, in the log ${offset}`);
    }
    if ((offsets?.size ?? 0) !== newest.size)
      throw new InvariantError('LogRules: there are offsets that no record has');
    for (const [partition, acknowledged] of this.#acknowledged) {
      // A later commit may be lower, of a consumer that began anew; but the acknowledged one was in the log.
      if (!newest.has(partition))
        throw new InvariantError(`Durable: commit ${acknowledged} of ${partition} is lost`);
    }
  }

  /** A new coordinator that reads the log knows the same. */
  #checkReplay(): void {
    if (this.harness.inFlight.length > 0) return;
    const live = classicGroup(this.harness.machine, GROUP);
    const replayed = classicGroup(this.harness.replayed(), GROUP);
    if (live === undefined) return;
    const dump = (group: NonNullable<typeof live>) =>
      JSON.stringify([
        [...group.offsets.committed.entries()]
          .map(([t, p, s]) => [t, p, String(s.offset), s.recordOffset])
          .sort(),
        [...group.offsets.transactional].map(([id, map]) => [
          id,
          [...map.entries()].map(([t, p, s]) => [t, p, String(s.offset)]),
        ]),
      ]);
    if (replayed === undefined) {
      if (live.offsets.count > 0) throw new InvariantError('ReplayEqualsState: the group is not in the log');
      return;
    }
    if (dump(live) !== dump(replayed)) {
      throw new InvariantError(`ReplayEqualsState: ${dump(live)} and replayed ${dump(replayed)}`);
    }
    if (live.state !== 'Stable' && live.state !== 'Empty') return;
    // An empty generation that could not be written is no loss: the one before it has nobody left.
    if (live.state === 'Empty' && replayed.generationId < live.generationId) return;
    const members = (group: NonNullable<typeof live>) =>
      JSON.stringify([
        group.generationId,
        group.protocolName,
        group.leaderId,
        [...group.members.values()]
          .map((m) => [m.memberId, m.groupInstanceId, m.assignment.toString('hex')])
          .sort(),
      ]);
    if (members(live) !== members(replayed)) {
      throw new InvariantError(`ReplayEqualsState: ${members(live)} and replayed ${members(replayed)}`);
    }
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
