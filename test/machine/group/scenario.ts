/**
 * Runs scenario texts against a group machine. The form of a text is told in helpers/scenario-text.ts:
 *
 *   # a comment
 *   join g client=c1 version=5
 *   ----
 *   #1 join: MEMBER_ID_REQUIRED member=c1-1
 */
import type { ClassicGroup } from '../../../src/group/classic-group.ts';
import type { Note } from '../../../src/group/notes.ts';
import type { Command, Responses, Write } from '../../../src/group/outcome.ts';
import { decodeGroupMetadataValue, decodeKey, decodeOffsetCommitValue } from '../../../src/group/records.ts';
import type { Options, Play } from '../../helpers/scenario-text.ts';
import { codeOf, parseCommand } from '../../helpers/scenario-text.ts';
import {
  beatCommand,
  describeConsumerGroup,
  describeConsumerRecord,
  describeGroupState,
  describeHeartbeat,
  TestTopics,
  topicsFrom,
} from './consumer-scenario.ts';
import type { Happening } from './harness.ts';
import { codeName, EPOCH_MS, GroupHarness, subscription } from './harness.ts';

/** Plays the lines of one text. */
export function newPlayer(): Play {
  const runner = new Runner();
  return (line) => runner.run(line);
}

class Runner {
  #harness = new GroupHarness();
  #uuid = 0;
  #topics = new TestTopics([]);

  run(line: string): string[] {
    const { verb, bare, options } = parseCommand(line);
    const extra = this.#control(verb, bare, options);
    if (extra === null) {
      this.#harness.submit(this.#command(verb, bare[0] ?? '', bare.slice(1), options));
    }
    return [...describe(this.#harness.take()), ...(extra ?? [])];
  }

  /** Null when the verb is no control of the harness. */
  #control(verb: string, bare: string[], options: Options): string[] | null {
    const harness = this.#harness;
    switch (verb) {
      case 'config':
        this.#uuid = 0;
        this.#harness = new GroupHarness(
          Object.fromEntries([...options].map(([key, value]) => [key, settingOf(key, value)])),
        );
        return [];
      case 'topics':
        this.#topics = topicsFrom(options);
        return [];
      case 'advance':
        harness.advance(Number(bare[0]));
        return [];
      case 'hold':
        harness.isHeld = true;
        return [];
      case 'release':
        harness.isHeld = false;
        harness.commitAll();
        return [];
      case 'commit-next':
        harness.commitNext();
        return [];
      case 'fail':
        harness.failLast(codeOf(bare[0] ?? ''));
        return [];
      case 'overdue':
        harness.overdueNext(codeOf(bare[0] ?? ''));
        return [];
      case 'end-transaction':
        harness.endTransaction(Number(bare[0]), bare[1] === 'commit');
        return [];
      case 'failover':
        harness.failover();
        return this.#groups();
      case 'groups':
        return this.#groups();
      case 'raw-record':
        harness.log.push({
          key: Buffer.from(bare[0] ?? '', 'hex'),
          value: bare[1] === 'null' ? null : Buffer.from(bare[1] ?? '', 'hex'),
          offset: harness.endOffset++,
          producerId: -1,
          isTransactional: false,
        });
        return [];
      default:
        return null;
    }
  }

  #groups(): string[] {
    const lines: string[] = [];
    for (const group of this.#harness.machine.groups.values()) {
      lines.push(...(group.type === 'consumer' ? describeGroupState(group) : describeClassicGroup(group)));
      for (const [topic, partition, stored] of group.offsets.committed.entries()) {
        lines.push(
          `  offset ${topic}-${partition}=${stored.offset}${stored.metadata === '' ? '' : ` ${stored.metadata}`}`,
        );
      }
      for (const [producerId, offsets] of group.offsets.transactional) {
        for (const [topic, partition, stored] of offsets.entries()) {
          lines.push(`  pending offset of producer ${producerId} ${topic}-${partition}=${stored.offset}`);
        }
      }
    }
    return lines;
  }

  #command(verb: string, groupId: string, rest: string[], options: Options): Command {
    const text = (key: string, otherwise: string) => options.get(key) ?? otherwise;
    const number = (key: string, otherwise: number) => Number(options.get(key) ?? otherwise);
    const memberId = text('member', '');
    const groupInstanceId = options.get('instance') ?? null;
    const generationId = number('generation', -1);
    const group = groupId === "''" ? '' : groupId;
    switch (verb) {
      case 'join': {
        const protocolType = text('type', 'consumer');
        const protocols = text('protocols', 'range:t')
          .split('/')
          .filter((p) => p !== '')
          .map((p) => {
            const [name = '', said = ''] = p.split(':');
            const isSubscription = protocolType === 'consumer' && !said.startsWith('!');
            return { name, metadata: isSubscription ? subscription(said.split(',')) : Buffer.from(said) };
          });
        return {
          type: 'joinGroup',
          version: number('version', 9),
          client: { clientId: text('client', 'c'), clientHost: '/127.0.0.1' },
          memberIdSuffix: String(++this.#uuid),
          request: {
            groupId: group,
            sessionTimeoutMs: number('session', 10_000),
            rebalanceTimeoutMs: number('rebalance', 60_000),
            memberId,
            groupInstanceId,
            protocolType: protocolType === "''" ? '' : protocolType,
            protocols,
            reason: options.get('reason') ?? null,
          },
        };
      }
      case 'sync':
        return {
          type: 'syncGroup',
          request: {
            groupId: group,
            generationId,
            memberId,
            groupInstanceId,
            protocolType: options.get('type') ?? null,
            protocolName: options.get('protocol') ?? null,
            assignments: rest.map((word) => {
              const [to = '', assignment = ''] = word.split('->');
              return { memberId: to, assignment: Buffer.from(assignment) };
            }),
          },
        };
      case 'heartbeat':
        return { type: 'heartbeat', request: { groupId: group, generationId, memberId, groupInstanceId } };
      case 'leave':
        return {
          type: 'leaveGroup',
          version: number('version', 5),
          request: {
            groupId: group,
            memberId,
            members: rest.map((word) => {
              const [id = '', instance] = word.split('/');
              return {
                memberId: id === '-' ? '' : id,
                groupInstanceId: instance ?? null,
                reason: options.get('reason') ?? null,
              };
            }),
          },
        };
      case 'beat':
        return beatCommand(group, options, this.#topics, `m${++this.#uuid}`);
      case 'describe-consumer':
        return { type: 'consumerGroupDescribe', groupId: group, topics: this.#topics };
      case 'commit':
        return {
          type: 'commitOffsets',
          version: number('version', 8),
          request: {
            groupId: group,
            generationIdOrMemberEpoch: generationId,
            memberId,
            groupInstanceId,
            retentionTimeMs: number('retention', -1),
            topics: topicsOf(rest, (partitionIndex, offset) => ({
              partitionIndex,
              committedOffset: BigInt(offset),
              committedLeaderEpoch: number('epoch', -1),
              commitTimestamp: BigInt(options.get('timestamp') ?? -1),
              committedMetadata: options.has('metadata-length')
                ? 'x'.repeat(number('metadata-length', 0))
                : (options.get('metadata') ?? null),
            })),
          },
        };
      case 'txn-commit':
        return {
          type: 'commitTransactionalOffsets',
          request: {
            transactionalId: 'tx',
            groupId: group,
            producerId: number('producer', 1),
            producerEpoch: 0,
            generationId,
            memberId,
            groupInstanceId,
            topics: topicsOf(rest, (partitionIndex, offset) => ({
              partitionIndex,
              committedOffset: BigInt(offset),
              committedLeaderEpoch: -1,
              committedMetadata: null,
            })),
          },
        };
      case 'fetch':
        return {
          type: 'fetchOffsets',
          groupId: group,
          topics:
            rest.length === 0
              ? null
              : topicsOf(rest, (partition) => partition).map(({ name, partitions }) => ({
                  name,
                  partitionIndexes: partitions,
                })),
          requireStable: options.get('stable') === 'true',
          memberId: options.get('member') ?? null,
          memberEpoch: number('member-epoch', -1),
        };
      case 'delete-offsets':
        return {
          type: 'deleteOffsets',
          request: { groupId: group, topics: topicsOf(rest, (partitionIndex) => ({ partitionIndex })) },
        };
      case 'delete-partitions':
        return {
          type: 'deletePartitions',
          topics: topicsOf([groupId, ...rest], (partition) => partition).map(({ name, partitions }) => ({
            name,
            partitionIndexes: partitions,
          })),
        };
      case 'delete-group':
        return { type: 'deleteGroup', groupId: group };
      case 'describe':
        return { type: 'describeGroup', groupId: group };
      case 'list':
        return { type: 'listGroups', statesFilter: groupId === '' ? [] : [groupId, ...rest] };
      default:
        throw new Error(`unknown verb: ${verb}`);
    }
  }
}

/** Words like `t-0:5` or `t-0`, gathered by topic. */
function topicsOf<P>(
  words: readonly string[],
  partition: (index: number, offset: string) => P,
): { name: string; partitions: P[] }[] {
  const topics = new Map<string, P[]>();
  for (const word of words) {
    const [where = '', offset = '0'] = word.split(':');
    const at = where.lastIndexOf('-');
    const name = where.slice(0, at);
    const partitions = topics.get(name) ?? [];
    topics.set(name, partitions);
    partitions.push(partition(Number(where.slice(at + 1)), offset));
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}

function describeClassicGroup(group: ClassicGroup): string[] {
  const { groupId, state, generationId, protocolType, protocolName, leaderId } = group;
  const lines = [
    `group ${groupId}: ${state} generation=${generationId} type=${protocolType} protocol=${protocolName} leader=${leaderId}`,
  ];
  for (const member of group.members.values()) {
    lines.push(
      `  member ${member.memberId} instance=${member.groupInstanceId} session=${member.sessionTimeoutMs} ` +
        `rebalance=${member.rebalanceTimeoutMs} assignment=${member.assignment.toString()}`,
    );
  }
  for (const memberId of group.pendingMembers.keys()) lines.push(`  pending ${memberId}`);
  return lines;
}

// Output -------------------------------------------------------------------------------------------------------

const settingOf = (key: string, value: string) =>
  key === 'consumerAssignors' ? value.split(',') : Number(value);

function describe(happening: Happening): string[] {
  const lines: string[] = [];
  for (const note of happening.notes) lines.push(`note: ${describeNote(note)}`);
  for (const write of happening.writes) lines.push(...describeWrite(write));
  for (const { token, command, response } of happening.answers) {
    lines.push(...describeAnswer(`#${token}`, command, response));
  }
  return lines;
}

function describeNote({ event, ...fields }: Note): string {
  const words = Object.entries(fields)
    .filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0))
    .map(
      ([key, value]) =>
        `${key}=${typeof value === 'object' ? JSON.stringify(value).replaceAll('"', '') : String(value)}`,
    );
  return `${event} ${words.join(' ')}`;
}

function describeWrite(write: Write): string[] {
  const { transaction } = write;
  const inTransaction = transaction === null ? '' : ` in transaction of producer ${transaction.producerId}`;
  return write.records.map(({ key, value }) => {
    const decoded = decodeKey(key);
    if (decoded.type === 'unknown') return `write unknown key ${decoded.version}`;
    if (decoded.type === 'offset') {
      const where = `offset ${decoded.groupId} ${decoded.topic}-${decoded.partition}`;
      if (value === null) return `write ${where} tombstone${inTransaction}`;
      const { offset, expireTimestampMs, commitTimestampMs, leaderEpoch } = decodeOffsetCommitValue(value);
      const expiry = expireTimestampMs === -1 ? '' : ` expires=+${expireTimestampMs - EPOCH_MS}`;
      const epoch = leaderEpoch === -1 ? '' : ` epoch=${leaderEpoch}`;
      return `write ${where}=${offset}${epoch} v${value.readInt16BE(0)} at=+${commitTimestampMs - BigInt(EPOCH_MS)}${expiry}${inTransaction}`;
    }
    if (decoded.type === 'consumer') return describeConsumerRecord(decoded.version, decoded.body, value);
    if (value === null) return `write group ${decoded.groupId} tombstone`;
    const group = decodeGroupMetadataValue(value);
    const members = group.members.map(
      (m) =>
        `${m.memberId}${m.groupInstanceId === null ? '' : `/${m.groupInstanceId}`}:${m.assignment.toString()}`,
    );
    return (
      `write group ${decoded.groupId} v${value.readInt16BE(0)} generation=${group.generation} type=${group.protocolType} ` +
      `protocol=${group.protocol} leader=${group.leader} members=[${members.join(' ')}]`
    );
  });
}

function describeAnswer(token: string, command: Command, response: unknown): string[] {
  const r = response as Record<string, never> & { errorCode: number };
  const code = (value: number) => codeName(value);
  switch (command.type) {
    case 'joinGroup': {
      const join = r as unknown as {
        errorCode: number;
        generationId: number;
        protocolType: string | null;
        protocolName: string | null;
        leader: string;
        skipAssignment?: boolean;
        memberId: string;
        members: { memberId: string; groupInstanceId?: string | null }[];
      };
      const members = join.members.map(
        (m) => m.memberId + (m.groupInstanceId ? `/${m.groupInstanceId}` : ''),
      );
      return [
        `${token} join: ${code(join.errorCode)} member=${join.memberId} generation=${join.generationId} type=${join.protocolType} ` +
          `protocol=${join.protocolName === '' ? "''" : join.protocolName} leader=${join.leader}${join.skipAssignment ? ' skip-assignment' : ''} members=[${members.join(' ')}]`,
      ];
    }
    case 'syncGroup': {
      const sync = r as unknown as {
        errorCode: number;
        protocolType: string | null;
        protocolName: string | null;
        assignment: Buffer;
      };
      return [
        `${token} sync: ${code(sync.errorCode)} type=${sync.protocolType} protocol=${sync.protocolName} assignment=${sync.assignment.toString()}`,
      ];
    }
    case 'consumerGroupHeartbeat':
      return [describeHeartbeat(token, response as Responses['consumerGroupHeartbeat'])];
    case 'consumerGroupDescribe':
      return describeConsumerGroup(token, response as Responses['consumerGroupDescribe']);
    case 'heartbeat':
      return [`${token} heartbeat: ${code(r.errorCode)}`];
    case 'leaveGroup': {
      const leave = r as unknown as {
        errorCode: number;
        members: { memberId: string; groupInstanceId: string | null; errorCode: number }[];
      };
      const members = leave.members.map(
        (m) =>
          `${m.memberId}${m.groupInstanceId === null ? '' : `/${m.groupInstanceId}`}:${code(m.errorCode)}`,
      );
      return [`${token} leave: ${code(leave.errorCode)} [${members.join(' ')}]`];
    }
    case 'commitOffsets':
    case 'commitTransactionalOffsets':
    case 'deleteOffsets': {
      const topics = (
        r as unknown as {
          topics: { name: string; partitions: { partitionIndex: number; errorCode: number }[] }[];
        }
      ).topics;
      const parts = topics.flatMap((t) =>
        t.partitions.map((p) => `${t.name}-${p.partitionIndex}:${code(p.errorCode)}`),
      );
      const top = command.type === 'deleteOffsets' ? ` ${code(r.errorCode)}` : '';
      const name = {
        commitOffsets: 'commit',
        commitTransactionalOffsets: 'txn-commit',
        deleteOffsets: 'delete-offsets',
      }[command.type];
      return [`${token} ${name}:${top} ${parts.join(' ')}`.trimEnd()];
    }
    case 'fetchOffsets': {
      const fetched = r as unknown as {
        errorCode: number;
        topics: {
          name: string;
          partitions: {
            partitionIndex: number;
            committedOffset: bigint;
            committedLeaderEpoch?: number;
            metadata: string;
            errorCode: number;
          }[];
        }[];
      };
      const parts = fetched.topics.flatMap((t) =>
        t.partitions.map(
          (p) =>
            `${t.name}-${p.partitionIndex}=${p.committedOffset}${p.committedLeaderEpoch === -1 ? '' : `@${p.committedLeaderEpoch}`}` +
            `${p.metadata === '' ? '' : `"${p.metadata}"`}${p.errorCode === 0 ? '' : `:${code(p.errorCode)}`}`,
        ),
      );
      return [`${token} fetch: ${code(fetched.errorCode)} ${parts.join(' ')}`.trimEnd()];
    }
    case 'deleteGroup':
      return [`${token} delete-group: ${code(r.errorCode)}`];
    case 'deletePartitions':
      return [
        `${token} delete-partitions: ${String((r as unknown as { offsetCount: number }).offsetCount)} offsets`,
      ];
    case 'describeGroup': {
      const group = r as unknown as {
        errorCode: number;
        groupState: string;
        protocolType: string;
        protocolData: string;
        members: {
          memberId: string;
          groupInstanceId?: string | null;
          clientId: string;
          clientHost: string;
          memberMetadata: Buffer;
          memberAssignment: Buffer;
        }[];
      };
      return [
        `${token} describe: ${code(group.errorCode)} state=${group.groupState} type=${group.protocolType} protocol=${group.protocolData}`,
        ...group.members.map(
          (m) =>
            `  ${m.memberId} instance=${m.groupInstanceId} client=${m.clientId} host=${m.clientHost} metadata=${m.memberMetadata.length} bytes assignment=${m.memberAssignment.toString()}`,
        ),
      ];
    }
    case 'listGroups': {
      const list = r as unknown as {
        errorCode: number;
        groups: { groupId: string; protocolType: string; groupState: string }[];
      };
      return [
        `${token} list: ${code(list.errorCode)} ${list.groups.map((g) => `${g.groupId}/${g.protocolType}/${g.groupState}`).join(' ')}`.trimEnd(),
      ];
    }
  }
}
