/**
 * Members of consumer groups over the bare protocol: they cost next to nothing, so that what is measured is the
 * broker. A member joins, syncs, heartbeats often, and joins anew when it is told to.
 *
 * What is always true: at most one request of a member is under way.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { Heartbeat } from '../../protocol/messages/heartbeat.ts';
import { JoinGroup } from '../../protocol/messages/join-group.ts';
import { LeaveGroup } from '../../protocol/messages/leave-group.ts';
import { SyncGroup } from '../../protocol/messages/sync-group.ts';
import { WireClient } from '../../test/helpers/wire-client.ts';
import { pause } from './window.ts';

/** Short, so that a rebalance is not measured by how seldom clients ask: members that stay hear of it this way. */
const HEARTBEAT_MS = 10;
const RETRY_MS = 50;
/** At once: fewer than wait to be accepted by default (socket.listen.backlog.size), else the system retries after 1 s. */
const CONNECTING = 40;
const TIMEOUT_MS = 60_000;
const METADATA = Buffer.from([0, 1, 0, 0, 0, 1, 0, 1, 0x74, 0, 0, 0, 0]);
const ASSIGNMENT = Buffer.from([0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);

export class BenchMember {
  readonly #client: WireClient;
  readonly #groupId: string;
  #memberId = '';
  /** Of the last SyncGroup that was answered; -1 before. */
  generationId = -1;
  /** How many members that generation has, where this one is its leader; else 0. */
  ledCount = 0;
  #isLeaving = false;

  private constructor(client: WireClient, groupId: string) {
    this.#client = client;
    this.#groupId = groupId;
  }

  static async connect(port: number, groupId: string): Promise<BenchMember> {
    return new BenchMember(await WireClient.connect(port), groupId);
  }

  /** Joins and syncs until both are answered without an error. `onStable` hears of every generation. */
  async join(onStable: () => void = () => {}): Promise<void> {
    for (;;) {
      const joined = await this.#client.send(JoinGroup, 5, {
        groupId: this.#groupId,
        sessionTimeoutMs: TIMEOUT_MS,
        rebalanceTimeoutMs: TIMEOUT_MS,
        memberId: this.#memberId,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: METADATA }],
      });
      if (joined.memberId !== '') this.#memberId = joined.memberId;
      if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) continue;
      if (joined.errorCode !== ErrorCode.NONE) {
        await this.#mayRetry('JoinGroup', joined.errorCode);
        continue;
      }
      const members = joined.leader === this.#memberId ? joined.members : [];
      const synced = await this.#client.send(SyncGroup, 4, {
        groupId: this.#groupId,
        generationId: joined.generationId,
        memberId: this.#memberId,
        assignments: members.map(({ memberId }) => ({ memberId, assignment: ASSIGNMENT })),
      });
      if (synced.errorCode === ErrorCode.REBALANCE_IN_PROGRESS) continue;
      if (synced.errorCode !== ErrorCode.NONE) {
        await this.#mayRetry('SyncGroup', synced.errorCode);
        continue;
      }
      this.generationId = joined.generationId;
      this.ledCount = members.length;
      onStable();
      return;
    }
  }

  /** Heartbeats, and joins anew when asked to, until `leave`. */
  async live(onStable: () => void): Promise<void> {
    while (!this.#isLeaving) {
      await pause(HEARTBEAT_MS);
      if (this.#isLeaving) return;
      const { errorCode } = await this.#client.send(Heartbeat, 4, {
        groupId: this.#groupId,
        generationId: this.generationId,
        memberId: this.#memberId,
      });
      if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) await this.join(onStable);
      else if (errorCode !== ErrorCode.NONE) await this.#mayRetry('Heartbeat', errorCode);
    }
  }

  stop(): void {
    this.#isLeaving = true;
  }

  /** To be called when `live` has ended. */
  async leave(): Promise<void> {
    const members = [{ memberId: this.#memberId, groupInstanceId: null }];
    await this.#client.send(LeaveGroup, 3, { groupId: this.#groupId, memberId: '', members });
    this.#client.close();
  }

  async #mayRetry(what: string, errorCode: number): Promise<void> {
    switch (errorCode) {
      case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      case ErrorCode.COORDINATOR_NOT_AVAILABLE:
      case ErrorCode.NOT_COORDINATOR:
        await pause(RETRY_MS);
        return;
      default:
        throw new Error(`${what} gave error ${errorCode}`);
    }
  }
}

/** Joins `count` members to one group, all at once; gives the time until all are in one stable generation. */
export async function timeToStable(port: number, groupId: string, count: number): Promise<number> {
  const members = await Promise.all(Array.from({ length: count }, () => BenchMember.connect(port, groupId)));
  const startedAt = performance.now();
  let lives: Promise<void>[] = [];
  const took = await new Promise<number>((resolve, reject) => {
    const onStable = () => {
      const leader = members.find(({ ledCount }) => ledCount === count);
      if (leader === undefined) return;
      if (members.every(({ generationId }) => generationId === leader.generationId))
        resolve(performance.now() - startedAt);
    };
    lives = members.map(async (member) => {
      await member.join(onStable);
      await member.live(onStable);
    });
    for (const life of lives) life.catch(reject);
  });
  for (const member of members) member.stop();
  await Promise.all(lives);
  await Promise.all(members.map((member) => member.leave()));
  return took;
}

/** Starts `count` groups of one member each over as many connections; gives the time until all are stable. */
export async function timeToManyStable(port: number, prefix: string, count: number): Promise<number> {
  const members: BenchMember[] = [];
  for (let from = 0; from < count; from += CONNECTING) {
    const some = Array.from({ length: Math.min(CONNECTING, count - from) }, (_, i) =>
      BenchMember.connect(port, `${prefix}-${from + i}`),
    );
    members.push(...(await Promise.all(some)));
  }
  const startedAt = performance.now();
  await Promise.all(members.map((member) => member.join()));
  const took = performance.now() - startedAt;
  await Promise.all(members.map((member) => member.leave()));
  return took;
}
