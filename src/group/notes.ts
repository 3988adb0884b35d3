/**
 * What the group machine has to tell an operator: one note per transition of a group, as fields for a log line.
 *
 * Notes are for people: nothing in the program reads them back.
 */

/** Why a member is no longer in a group. */
export type Departure =
  | 'left'
  | 'session expired'
  | 'did not rejoin in time'
  | 'did not revoke in time'
  | 'did not sync in time'
  | 'group is full'
  | 'replaced by its successor';

export interface DepartedMember {
  readonly memberId: string;
  readonly why: Departure;
}

/** What began a rebalance. */
export type RebalanceReason =
  | 'member joined'
  | 'member left'
  | 'member changed its metadata'
  | 'leader rejoined'
  | 'static member changed its protocols'
  | 'static member returned during a rebalance'
  | 'session expired'
  | 'did not sync in time'
  | 'assignment could not be stored'
  | 'group is larger than allowed';

/** Whose doing something is; nulls when it is no single member's. */
export interface NotedMember {
  readonly memberId: string | null;
  readonly clientId: string | null;
  readonly clientHost: string | null;
}

export interface RebalanceCause extends NotedMember {
  readonly reason: RebalanceReason;
  /** As the client put it (KIP-800), null when it did not say. */
  readonly clientReason: string | null;
}

export type Note =
  | (RebalanceCause & {
      readonly event: 'group rebalancing';
      readonly groupId: string;
      readonly generationId: number;
      readonly memberCount: number;
      /** Members that have yet to rejoin, the first few. */
      readonly waitingFor: readonly string[];
    })
  | {
      readonly event: 'group completed join';
      readonly groupId: string;
      readonly generationId: number;
      readonly protocolName: string;
      readonly leaderId: string;
      readonly memberCount: number;
      readonly joined: readonly string[];
      readonly left: readonly DepartedMember[];
      readonly durationMs: number;
      /** Members whose SyncGroup is awaited; the leader's carries the assignment. */
      readonly waitingFor: readonly string[];
    }
  | {
      readonly event: 'group stable';
      readonly groupId: string;
      readonly generationId: number;
      readonly memberCount: number;
      readonly durationMs: number;
    }
  | {
      readonly event: 'group empty';
      readonly groupId: string;
      readonly generationId: number;
      readonly left: readonly DepartedMember[];
      readonly durationMs: number;
    }
  | {
      readonly event: 'group waits for any member';
      readonly groupId: string;
      readonly generationId: number;
      readonly waitingFor: readonly string[];
    }
  | {
      readonly event: 'static member replaced';
      readonly groupId: string;
      readonly generationId: number;
      readonly groupInstanceId: string;
      readonly oldMemberId: string;
      readonly newMemberId: string;
    }
  | {
      readonly event: 'group removed';
      readonly groupId: string;
      readonly generationId: number;
      readonly why: 'deleted' | 'nothing left';
      readonly offsetCount: number;
    }
  | (NotedMember & {
      readonly event: 'member joined';
      readonly groupId: string;
      readonly groupEpoch: number;
      readonly groupInstanceId: string | null;
      readonly memberCount: number;
    })
  | (NotedMember & {
      readonly event: 'member left';
      readonly groupId: string;
      readonly groupEpoch: number;
      readonly why: Departure;
      readonly memberCount: number;
    })
  | (NotedMember & {
      readonly event: 'member changed its subscription';
      readonly groupId: string;
      readonly groupEpoch: number;
    })
  | { readonly event: 'topics changed'; readonly groupId: string; readonly groupEpoch: number }
  | {
      readonly event: 'target assignment computed';
      readonly groupId: string;
      readonly groupEpoch: number;
      readonly assignor: string;
      readonly memberCount: number;
      readonly topicCount: number;
    }
  | {
      readonly event: 'group changed protocol';
      readonly groupId: string;
      readonly to: 'classic' | 'consumer';
    }
  | { readonly event: 'offsets expired'; readonly groupId: string; readonly offsetCount: number }
  | {
      readonly event: 'write failed';
      readonly groupId: string;
      readonly errorCode: number;
      readonly what: string;
    }
  | { readonly event: 'record skipped'; readonly offset: number; readonly why: string };

/** Lists in notes are cut to this many, so that a line about a group of thousands stays a line. */
export const NOTED_MEMBERS_MAX = 10;

/** The first few of `all`. */
export function firstFew<T>(all: Iterable<T>): T[] {
  const few: T[] = [];
  for (const item of all) {
    if (few.length === NOTED_MEMBERS_MAX) break;
    few.push(item);
  }
  return few;
}
