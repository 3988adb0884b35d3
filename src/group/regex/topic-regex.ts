/**
 * Matches names of topics against a regular expression, in time linear in the name whatever the expression: an
 * automaton of states that are followed all at once, with the steps remembered.
 *
 * ```
 *   chars   one character of a set, then `next`
 *   split   either of two
 *   assert  nothing, where the assertion holds
 *   match   the end
 * ```
 *
 * What is always true: a program has at most `MAX_STATES` states and remembers at most `MAX_REMEMBERED` sets of them.
 * A whole name matches or it does not (Pattern.matches).
 */
import { assert } from '../../../protocol/assert.ts';
import type { Assertion, CharSet, Tree } from './parse.ts';
import { ASCII, parseRegex, RegexError } from './parse.ts';

const MAX_STATES = 2_000;
const MAX_REMEMBERED = 1_000;
const MAX_LENGTH = 4_096;
/** Repetitions of nothing add no states, but they take time. */
const MAX_COMPILE_STEPS = 50_000;

type State =
  | { readonly type: 'chars'; readonly set: CharSet; next: number }
  | { readonly type: 'split'; first: number; second: number }
  | { readonly type: 'assert'; readonly assertion: Assertion; next: number }
  | { readonly type: 'match' };

/** Compiles from the end, so that every state knows where it goes on. */
class Compiler {
  readonly states: State[] = [];
  #stepCount = 0;

  add(state: State): number {
    if (this.states.length >= MAX_STATES) throw new RegexError('expression too large');
    return this.states.push(state) - 1;
  }

  /** The state where `tree` begins if it goes on at `next`. */
  compile(tree: Tree, next: number): number {
    if (++this.#stepCount > MAX_COMPILE_STEPS) throw new RegexError('expression too large');
    switch (tree.type) {
      case 'chars':
        return this.add({ type: 'chars', set: tree.set, next });
      case 'assert':
        return this.add({ type: 'assert', assertion: tree.assertion, next });
      case 'concat':
        return tree.parts.reduceRight((after, part) => this.compile(part, after), next);
      case 'alternate':
        return tree.parts
          .map((part) => this.compile(part, next))
          .reduceRight((second, first) => this.add({ type: 'split', first, second }));
      case 'repeat':
        return this.#repeat(tree, next);
    }
  }

  #repeat({ of, min, max }: Extract<Tree, { type: 'repeat' }>, next: number): number {
    let start = next;
    if (max === -1) {
      const loop: State = { type: 'split', first: -1, second: next };
      start = this.add(loop);
      loop.first = this.compile(of, start);
    } else {
      for (let i = min; i < max; i++) {
        start = this.add({ type: 'split', first: this.compile(of, start), second: next });
      }
    }
    for (let i = 0; i < min; i++) start = this.compile(of, start);
    return start;
  }
}

interface Place {
  readonly isStart: boolean;
  readonly isEnd: boolean;
  readonly isWordBefore: boolean;
  readonly isWordAfter: boolean;
}

/** States reached so far, and where each character leads from them. */
interface Remembered {
  readonly states: readonly number[];
  readonly isStart: boolean;
  readonly next: (Remembered | undefined)[];
  isMatch: boolean | null;
}

const isWord = (code: number): boolean =>
  (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;

export class TopicRegex {
  readonly #states: readonly State[];
  readonly #start: number;
  readonly #mindsWords: boolean;
  readonly #remembered = new Map<string, Remembered>();

  /** @throws {RegexError} with the reason. */
  constructor(text: string) {
    if (text.length > MAX_LENGTH) throw new RegexError('expression too large');
    const compiler = new Compiler();
    this.#start = compiler.compile(parseRegex(text), compiler.add({ type: 'match' }));
    this.#states = compiler.states;
    this.#mindsWords = this.#states.some(
      (state) => state.type === 'assert' && state.assertion.endsWith('word boundary'),
    );
  }

  matches(name: string): boolean {
    return this.#mindsWords ? this.#matchesSlowly(name) : this.#matchesRemembering(name);
  }

  #matchesRemembering(name: string): boolean {
    let current = this.#recall([this.#start], true);
    for (let i = 0; i < name.length; i++) {
      const code = name.charCodeAt(i);
      if (code >= ASCII) return false;
      let next = current.next[code];
      if (next === undefined) {
        const place = { isStart: current.isStart, isEnd: false, isWordBefore: false, isWordAfter: false };
        next = this.#recall(this.#step(this.#closure(current.states, place), code), false);
        current.next[code] = next;
      }
      if (next.states.length === 0) return false;
      current = next;
    }
    current.isMatch ??= this.#isMatch(current.states, {
      isStart: current.isStart,
      isEnd: true,
      isWordBefore: false,
      isWordAfter: false,
    });
    return current.isMatch;
  }

  #matchesSlowly(name: string): boolean {
    let states: readonly number[] = [this.#start];
    for (let i = 0; i <= name.length; i++) {
      const place: Place = {
        isStart: i === 0,
        isEnd: i === name.length,
        isWordBefore: i > 0 && isWord(name.charCodeAt(i - 1)),
        isWordAfter: i < name.length && isWord(name.charCodeAt(i)),
      };
      if (place.isEnd) return this.#isMatch(states, place);
      states = this.#step(this.#closure(states, place), name.charCodeAt(i));
    }
    return false;
  }

  #recall(states: readonly number[], isStart: boolean): Remembered {
    const key = `${isStart}${states.join()}`;
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    const fresh: Remembered = { states, isStart, next: [], isMatch: null };
    this.#remembered.set(key, fresh);
    return fresh;
  }

  #isMatch(states: readonly number[], place: Place): boolean {
    return this.#closure(states, place).some((id) => this.#states[id]?.type === 'match');
  }

  /** All states that are reached without taking a character. */
  #closure(states: readonly number[], place: Place): number[] {
    const seen = new Set<number>();
    const open = [...states];
    for (;;) {
      const id = open.pop();
      if (id === undefined) return [...seen];
      if (seen.has(id)) continue;
      seen.add(id);
      const state = this.#states[id];
      assert(state !== undefined, 'A program leads to its own states.');
      if (state.type === 'split') open.push(state.first, state.second);
      else if (state.type === 'assert' && holds(state.assertion, place)) open.push(state.next);
    }
  }

  #step(states: readonly number[], code: number): number[] {
    const next = new Set<number>();
    for (const id of states) {
      const state = this.#states[id];
      if (state?.type === 'chars' && state.set[code] === 1) next.add(state.next);
    }
    return [...next].sort((a, b) => a - b);
  }
}

function holds(assertion: Assertion, place: Place): boolean {
  switch (assertion) {
    case 'start':
      return place.isStart;
    case 'end':
      return place.isEnd;
    case 'word boundary':
      return place.isWordBefore !== place.isWordAfter;
    case 'no word boundary':
      return place.isWordBefore === place.isWordAfter;
  }
}
