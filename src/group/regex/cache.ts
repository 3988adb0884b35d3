/**
 * The expressions in use on a shard, compiled once, and what they match of the topics at hand.
 *
 * What is always true: for the same topics an expression gives the same set (the same object), and a new set only if
 * something else matches; at most `MAX_CACHED` are kept.
 */
import type { TopicsView } from '../topics.ts';
import { RegexError } from './parse.ts';
import { TopicRegex } from './topic-regex.ts';

const MAX_CACHED = 1_000;

interface Entry {
  /** Null for one that can't be compiled: a record may hold what a newer broker understood. It matches nothing. */
  readonly regex: TopicRegex | null;
  names: ReadonlySet<string> | null;
  matching: ReadonlySet<string>;
}

export class RegexCache {
  readonly #entries = new Map<string, Entry>();

  /** @throws {RegexError} */
  check(text: string): void {
    if (this.#entries.get(text)?.regex instanceof TopicRegex) return;
    compileOrThrow(text);
  }

  matching(text: string, topics: TopicsView): ReadonlySet<string> {
    const entry = this.#entry(text);
    const names = topics.names();
    if (entry.names === names) return entry.matching;
    const matching = new Set<string>();
    for (const name of names) if (entry.regex?.matches(name)) matching.add(name);
    const isSame =
      matching.size === entry.matching.size && [...matching].every((name) => entry.matching.has(name));
    entry.names = names;
    if (!isSame) entry.matching = matching;
    return entry.matching;
  }

  #entry(text: string): Entry {
    let entry = this.#entries.get(text);
    if (entry === undefined) {
      entry = { regex: compile(text), names: null, matching: new Set() };
      if (this.#entries.size >= MAX_CACHED) this.#entries.clear();
      this.#entries.set(text, entry);
    }
    return entry;
  }
}

/** @throws {RegexError} */
const compileOrThrow = (text: string): TopicRegex => new TopicRegex(text);

function compile(text: string): TopicRegex | null {
  try {
    return compileOrThrow(text);
  } catch (error) {
    if (error instanceof RegexError) return null;
    throw error;
  }
}
