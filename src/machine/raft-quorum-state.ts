/**
 * The file quorum-state: the epoch this node is in, its vote, and the leader it knows.
 *
 *   {"clusterId":"","leaderId":1,"leaderEpoch":4,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}
 *
 * Always true: it is replaced whole, and durable when `write` returns. A file that can't be understood ends the start:
 * to go on without it could mean a second vote in one epoch (Apache Kafka 3.7.0 deletes it, KAFKA-15412).
 */

import type { Disk } from '../../storage/disk.ts';
import { joinPath } from '../../storage/layout.ts';
import { readSmallFile, replaceSmallFile } from '../../storage/small-file.ts';
import type { ElectionState } from '../raft/messages.ts';
import { ExitCode, StartupError } from '../startup-error.ts';

export const QUORUM_STATE_FILE = 'quorum-state';
const DATA_VERSION = 0;

export class QuorumStateFile {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #voterIds: readonly number[];

  constructor(disk: Disk, directory: string, voterIds: readonly number[]) {
    this.#disk = disk;
    this.#path = joinPath(directory, QUORUM_STATE_FILE);
    this.#voterIds = voterIds.toSorted((a, b) => a - b);
  }

  write(state: ElectionState): void {
    const contents = {
      clusterId: '',
      leaderId: state.leaderId,
      leaderEpoch: state.leaderEpoch,
      votedId: state.votedId,
      appliedOffset: 0,
      currentVoters: this.#voterIds.map((voterId) => ({ voterId })),
      data_version: DATA_VERSION,
    };
    replaceSmallFile(this.#disk, this.#path, Buffer.from(JSON.stringify(contents)));
  }

  /**
   * Null where there is no file yet.
   * @throws {StartupError} when the file can't be understood, or names other voters than configured
   */
  read(): ElectionState | null {
    const bytes = readSmallFile(this.#disk, this.#path);
    if (bytes === null) {
      return null;
    }
    const fields = this.#parse(bytes);
    const state = {
      leaderEpoch: this.#integer(fields, 'leaderEpoch'),
      leaderId: this.#integer(fields, 'leaderId'),
      votedId: this.#integer(fields, 'votedId'),
    };
    this.#checkVoters(fields['currentVoters']);
    for (const name of ['leaderId', 'votedId'] as const) {
      if (state[name] !== -1 && !this.#voterIds.includes(state[name])) {
        throw this.#unreadable(`${name} ${state[name]} is no voter`);
      }
    }
    return state;
  }

  #parse(bytes: Buffer): Record<string, unknown> {
    let parsed: unknown;
    try {
      parsed = JSON.parse(bytes.toString('utf8').split('\n', 1)[0] ?? '');
    } catch (error) {
      throw this.#unreadable('it is not a line of JSON', error);
    }
    if (typeof parsed !== 'object' || parsed === null) {
      throw this.#unreadable('it is not a JSON object');
    }
    const fields: Record<string, unknown> = { ...parsed };
    if (fields['data_version'] !== DATA_VERSION) {
      throw this.#unreadable(`its data_version is ${String(fields['data_version'])}, and only 0 is known`);
    }
    return fields;
  }

  #integer(fields: Record<string, unknown>, name: string): number {
    const value = fields[name];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < -1) {
      throw this.#unreadable(`${name} is not a number of at least -1`);
    }
    return value;
  }

  #checkVoters(value: unknown): void {
    if (!Array.isArray(value) || value.length === 0) {
      return;
    }
    const found = value.map((voter: unknown) =>
      typeof voter === 'object' && voter !== null && 'voterId' in voter ? Number(voter.voterId) : Number.NaN,
    );
    const ids = found.toSorted((a, b) => a - b);
    if (ids.join() !== this.#voterIds.join()) {
      throw new StartupError(
        ExitCode.BAD_CONFIGURATION,
        `controller.quorum.voters names the voters ${this.#voterIds.join(', ')}, but ${this.#path} was written by a ` +
          `quorum of ${ids.join(', ')}: restore the former setting, the voters of a quorum can't be changed.`,
      );
    }
  }

  #unreadable(reason: string, cause?: unknown): StartupError {
    return new StartupError(
      ExitCode.STATE_UNREADABLE,
      `The file ${this.#path} can't be read (${reason}). It holds this node's vote, so the node does not start ` +
        'without it: restore it from a backup; if all its data can be lost, empty the log directory and format it anew.',
      { cause },
    );
  }
}
