/**
 * Plays a story of requests to the coordinators of one broker, and writes down each answer in words that two brokers
 * share: member ids and producer ids are called by the order in which they were first seen.
 *
 * Always true: an answer that only says that the coordinator is not there yet is asked for again.
 */
import { errorName } from '../../../protocol/errors.ts';
import { until } from '../../helpers/until.ts';
import { apiOf } from '../wire-compare/case.ts';
import type { Struct } from '../wire-compare/requests.ts';
import { shape } from '../wire-compare/requests.ts';
import { Side } from '../wire-compare/side.ts';

export interface Story {
  readonly name: string;
  play(teller: Teller): Promise<void>;
}

export const TOPIC = 'told';
export const PARTITIONS = 3;

/** For both brokers. */
export const storyProperties = {
  'node.id': '1',
  'auto.create.topics.enable': 'false',
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '1000',
  'offsets.retention.check.interval.ms': '5000',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
};

const NOT_THERE_YET = /COORDINATOR_(NOT_AVAILABLE|LOAD_IN_PROGRESS)|NOT_COORDINATOR/;

export class Teller {
  readonly lines: string[] = [];
  readonly #port: number;
  readonly #connections: Side[] = [];
  readonly #members = new Map<string, string>();
  readonly #producers = new Map<number, string>();

  constructor(port: number) {
    this.#port = port;
  }

  close(): void {
    for (const side of this.#connections) side.close();
  }

  /** A connection of its own, for a request that may wait. */
  async #connected(send: (side: Side) => Promise<Struct>): Promise<Struct> {
    const side = new Side(this.#port);
    this.#connections.push(side);
    try {
      return await send(side);
    } finally {
      side.close();
      this.#connections.splice(this.#connections.indexOf(side), 1);
    }
  }

  /** Asks and says nothing of it, until the coordinator is there. */
  async ask(api: string, version: number, request: Struct): Promise<Struct> {
    let answer: Struct = {};
    await this.#connected(async (side) => {
      await until(async () => {
        answer = await side.do(apiOf(api), version, shape(apiOf(api).request, version, request));
        return !NOT_THERE_YET.test(this.#words(answer));
      });
      return answer;
    });
    return answer;
  }

  /** Asks, and says what was asked in `what` and answered. */
  async tell(what: string, api: string, version: number, request: Struct): Promise<Struct> {
    const answer = await this.ask(api, version, request);
    this.say(`${what}: ${api} ${version}`, answer);
    return answer;
  }

  /** Asks, and again while the answer is one of these errors, which it is for as long as each broker takes. */
  async tellAfter(
    errors: RegExp,
    what: string,
    api: string,
    version: number,
    request: Struct,
  ): Promise<Struct> {
    let answer: Struct = {};
    await until(async () => {
      answer = await this.ask(api, version, request);
      return !errors.test(this.#words(answer));
    });
    this.say(`${what}: ${api} ${version}`, answer);
    return answer;
  }

  say(what: string, answer: Struct | string): void {
    this.lines.push(`${what} ${typeof answer === 'string' ? answer : this.#words(answer)}`);
  }

  /** What a member of a group is called from now on. */
  nameOf(memberId: string): string {
    let name = this.#members.get(memberId);
    if (name === undefined) {
      name = `member${this.#members.size}`;
      this.#members.set(memberId, name);
    }
    return name;
  }

  #words(answer: Struct): string {
    return this.#word('', answer);
  }

  #word(name: string, value: unknown): string {
    if (value === null || value === undefined) return 'null';
    if (Array.isArray(value)) {
      return `[${value
        .map((one) => this.#word('', one))
        .sort()
        .join(' ')}]`;
    }
    if (Buffer.isBuffer(value)) return value.toString('hex');
    if (typeof value === 'object') {
      const said = Object.entries(value)
        .filter(([key]) => key !== 'throttleTimeMs')
        .map(([key, one]) => `${key}=${this.#word(key, one)}`);
      return `{${said.join(' ')}}`;
    }
    if (/rrorCode$/.test(name)) return errorName(Number(value));
    if (/^(memberId|leader)$/.test(name) && value !== '' && !/^foreign/.test(String(value))) {
      return this.nameOf(String(value));
    }
    if (name === 'producerId' && Number(value) >= 0) return this.#producerName(Number(value));
    if (name === 'transactionStartTimeMs' && Number(value) > 0) return 'TIME';
    if (/^client(Host|Id)$/.test(name)) return 'CLIENT';
    return String(value);
  }

  #producerName(producerId: number): string {
    let name = this.#producers.get(producerId);
    if (name === undefined) {
      name = `producer${this.#producers.size}`;
      this.#producers.set(producerId, name);
    }
    return name;
  }

  /** Waits until the broker has just looked which groups have nothing: it will not do so again for some seconds. */
  async untilRetentionCheck(): Promise<void> {
    await this.ask('JoinGroup', 3, { groupId: 'tick', sessionTimeoutMs: 60_000 });
    await this.untilState('tick', 'Dead');
  }

  /** Waits until the group is in the state. */
  async untilState(groupId: string, state: string): Promise<void> {
    await until(async () => {
      const { groups } = (await this.ask('DescribeGroups', 5, { groups: [groupId] })) as {
        groups: { groupState: string }[];
      };
      return groups[0]?.groupState === state;
    });
  }
}

export const offsetOf = (committedOffset: bigint, committedMetadata = ''): Struct[] => [
  { name: TOPIC, partitions: [{ partitionIndex: 0, committedOffset, committedMetadata }] },
];

const METADATA = Buffer.from([0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
/** The same subscription, said in other bytes. */
export const OTHER_METADATA = Buffer.from([0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 7]);

/** A member of a classic group, as a client would be one, step by step. */
export class Member {
  readonly #teller: Teller;
  readonly groupId: string;
  readonly groupInstanceId: string | null;
  memberId = '';
  generationId = -1;

  constructor(teller: Teller, groupId: string, groupInstanceId: string | null = null) {
    this.#teller = teller;
    this.groupId = groupId;
    this.groupInstanceId = groupInstanceId;
  }

  get who(): Struct {
    const { groupId, memberId, generationId, groupInstanceId } = this;
    return { groupId, memberId, generationId, groupInstanceId };
  }

  /** Joins, with a second request where a member id is wanted. The answer may wait for others. */
  async join(what: string, version: number, changes: Struct = {}): Promise<Struct> {
    const request = {
      groupId: this.groupId,
      groupInstanceId: this.groupInstanceId,
      memberId: this.memberId,
      sessionTimeoutMs: 60_000,
      rebalanceTimeoutMs: 60_000,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: METADATA }],
      ...changes,
    };
    let answer = await this.#teller.ask('JoinGroup', version, request);
    if (errorName(Number(answer['errorCode'])) === 'MEMBER_ID_REQUIRED') {
      this.memberId = String(answer['memberId']);
      answer = await this.#teller.ask('JoinGroup', version, { ...request, memberId: this.memberId });
    }
    if (answer['errorCode'] === 0) {
      this.memberId = String(answer['memberId']);
      this.generationId = Number(answer['generationId']);
    }
    this.#teller.say(`${what}: JoinGroup ${version}`, answer);
    return answer;
  }

  sync(what: string, changes: Struct = {}, version = 5): Promise<Struct> {
    const assignments = [{ memberId: this.memberId, assignment: Buffer.from([1]) }];
    return this.#teller.tell(what, 'SyncGroup', version, {
      ...this.who,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments,
      ...changes,
    });
  }

  commit(what: string, changes: Struct = {}): Promise<Struct> {
    const { generationId: generationIdOrMemberEpoch, ...who } = this.who;
    const topics = offsetOf(5n);
    return this.#teller.tell(what, 'OffsetCommit', 8, {
      ...who,
      generationIdOrMemberEpoch,
      topics,
      ...changes,
    });
  }

  heartbeat(what: string): Promise<Struct> {
    return this.#teller.tell(what, 'Heartbeat', 4, this.who);
  }

  /** The only member of a stable group, which has an offset, so that retention leaves it alone. */
  async settle(version = 9): Promise<void> {
    await this.join('joins', version);
    await this.sync('is assigned');
    await this.commit('commits');
  }
}
