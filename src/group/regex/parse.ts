/**
 * Reads a regular expression of RE2's syntax (the one that brokers use for KIP-848) into a tree.
 *
 * What is always true: the expression is read in one pass, its tree is no deeper than `MAX_DEPTH`, and whatever is
 * not understood is an error with RE2's words for it, never taken for something else. Left out are Unicode classes
 * (\p{…}) and \C: names of topics are ASCII. Backreferences and lookaround RE2 does not have either.
 */

/** Members among the 128 characters of ASCII. */
export type CharSet = Uint8Array;

export type Assertion = 'start' | 'end' | 'word boundary' | 'no word boundary';

export type Tree =
  | { readonly type: 'chars'; readonly set: CharSet }
  | { readonly type: 'assert'; readonly assertion: Assertion }
  | { readonly type: 'concat' | 'alternate'; readonly parts: readonly Tree[] }
  /** `max` -1: any number. */
  | { readonly type: 'repeat'; readonly of: Tree; readonly min: number; readonly max: number };

export class RegexError extends Error {}

export const ASCII = 128;
const MAX_DEPTH = 100;
const MAX_REPEAT = 1_000;

const CLASSES: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\0-\x7f',
  blank: '\t\t  ',
  cntrl: '\0-\x1f\x7f\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-/:-@[-`{-~',
  space: '\t-\r  ',
  upper: 'A-Z',
  word: '0-9A-Za-z__',
  xdigit: '0-9A-Fa-f',
};

/** Letters that stand for a class after a backslash. */
const PERL_CLASSES: Readonly<Record<string, string>> = { d: '0-9', s: '\t\n\f\r  ', w: '0-9A-Za-z__' };

const CONTROLS: Readonly<Record<string, string>> = {
  a: '\x07',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

function addRange(set: CharSet, from: number, to: number): void {
  for (let code = from; code <= to && code < ASCII; code++) set[code] = 1;
}

/** From pairs, with a dash between those that are ranges. */
function setOf(pairs: string): CharSet {
  const set = new Uint8Array(ASCII);
  for (let i = 0; i < pairs.length; ) {
    const isRange = pairs[i + 1] === '-' && i + 2 < pairs.length;
    addRange(set, pairs.charCodeAt(i), pairs.charCodeAt(isRange ? i + 2 : i));
    i += isRange ? 3 : 1;
  }
  return set;
}

const inverse = (set: CharSet): CharSet => set.map((bit) => 1 - bit);

function addAll(to: CharSet, from: CharSet): void {
  for (const [code, bit] of from.entries()) if (bit === 1) to[code] = 1;
}

function foldCase(set: CharSet): CharSet {
  for (let upper = 65; upper <= 90; upper++) {
    const either = (set[upper] ?? 0) | (set[upper + 32] ?? 0);
    set[upper] = either;
    set[upper + 32] = either;
  }
  return set;
}

const isPunctuation = (char: string): boolean => /^[!-/:-@[-`{-~]$/.test(char);

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #ignoresCase = false;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Tree {
    const tree = this.#alternation();
    if (this.#at < this.#text.length) throw new RegexError('unexpected )');
    return tree;
  }

  #peek(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  #take(text: string): boolean {
    if (!this.#peek(text)) return false;
    this.#at += text.length;
    return true;
  }

  #char(): string {
    const code = this.#text.codePointAt(this.#at);
    if (code === undefined) throw new RegexError('unexpected end of the expression');
    const char = String.fromCodePoint(code);
    this.#at += char.length;
    return char;
  }

  #alternation(): Tree {
    if (++this.#depth > MAX_DEPTH) throw new RegexError('expression nests too deeply');
    const ignoredCase = this.#ignoresCase;
    const parts = [this.#concatenation()];
    while (this.#take('|')) parts.push(this.#concatenation());
    this.#ignoresCase = ignoredCase;
    this.#depth--;
    return { type: 'alternate', parts };
  }

  #concatenation(): Tree {
    const parts: Tree[] = [];
    while (this.#at < this.#text.length && !this.#peek('|') && !this.#peek(')')) {
      if (this.#take('\\Q')) {
        const end = this.#text.indexOf('\\E', this.#at);
        const literal = this.#text.slice(this.#at, end === -1 ? undefined : end);
        for (const char of literal) parts.push(this.#literal(char));
        this.#at = end === -1 ? this.#text.length : end + 2;
        continue;
      }
      const atom = this.#atom();
      if (atom !== null) parts.push(this.#repetition(atom));
    }
    return { type: 'concat', parts };
  }

  #repetition(atom: Tree): Tree {
    const bounds = this.#bounds();
    if (bounds === null) return atom;
    // Lazy or greedy: as long as all of a name has to match, it is the same.
    this.#take('?');
    if (this.#bounds() !== null) throw new RegexError('invalid nested repetition operator');
    return { type: 'repeat', of: atom, min: bounds[0], max: bounds[1] };
  }

  #bounds(): [min: number, max: number] | null {
    if (this.#take('*')) return [0, -1];
    if (this.#take('+')) return [1, -1];
    if (this.#take('?')) return [0, 1];
    const counted = /^\{(\d{1,9})(,(\d{0,9}))?\}/.exec(this.#text.slice(this.#at, this.#at + 24));
    // Other braces stand for themselves.
    if (counted === null) return null;
    this.#at += counted[0].length;
    const min = Number(counted[1]);
    let max = min;
    if (counted[2] !== undefined) max = counted[3] === '' ? -1 : Number(counted[3]);
    if (min > MAX_REPEAT || max > MAX_REPEAT || (max !== -1 && max < min)) {
      throw new RegexError(`invalid repeat count: ${counted[0]}`);
    }
    return [min, max];
  }

  /** Null for flags that are set from here on. */
  #atom(): Tree | null {
    const char = this.#char();
    switch (char) {
      case '(':
        return this.#group();
      case '[':
        return { type: 'chars', set: this.#class() };
      case '.':
        return { type: 'chars', set: inverse(setOf('\n')) };
      case '^':
        return { type: 'assert', assertion: 'start' };
      case '$':
        return { type: 'assert', assertion: 'end' };
      case '\\':
        return this.#escape();
      case '*':
      case '+':
      case '?':
        throw new RegexError(`missing argument to repetition operator: ${char}`);
      default:
        return this.#literal(char);
    }
  }

  #literal(char: string): Tree {
    const set = new Uint8Array(ASCII);
    const code = char.codePointAt(0) ?? 0;
    addRange(set, code, code);
    return { type: 'chars', set: this.#ignoresCase ? foldCase(set) : set };
  }

  #group(): Tree | null {
    const ignoredCase = this.#ignoresCase;
    if (this.#take('?')) {
      const named = /^P?<\w+>/.exec(this.#text.slice(this.#at));
      if (named !== null) this.#at += named[0].length;
      else if (this.#flags() === 'alone') return null;
    }
    const inner = this.#alternation();
    if (!this.#take(')')) throw new RegexError('missing closing )');
    this.#ignoresCase = ignoredCase;
    return inner;
  }

  /** `(?i)` holds from here on, `(?i:` in the group. Of all flags only case makes a difference to names of topics. */
  #flags(): 'alone' | 'group' {
    const flags = /^([imsU]*)(-[imsU]+)?([:)])/.exec(this.#text.slice(this.#at));
    if (flags === null) throw new RegexError('invalid or unsupported Perl syntax');
    this.#at += flags[0].length;
    if (flags[1]?.includes('i')) this.#ignoresCase = true;
    if (flags[2]?.includes('i')) this.#ignoresCase = false;
    return flags[3] === ')' ? 'alone' : 'group';
  }

  #escape(): Tree {
    const char = this.#char();
    switch (char) {
      case 'A':
        return { type: 'assert', assertion: 'start' };
      case 'z':
        return { type: 'assert', assertion: 'end' };
      case 'b':
        return { type: 'assert', assertion: 'word boundary' };
      case 'B':
        return { type: 'assert', assertion: 'no word boundary' };
      default: {
        const set = this.#perlClass(char);
        return set === null ? this.#literal(this.#escaped(char)) : { type: 'chars', set };
      }
    }
  }

  #perlClass(char: string): CharSet | null {
    const pairs = PERL_CLASSES[char.toLowerCase()];
    if (pairs === undefined) return null;
    return char === char.toLowerCase() ? setOf(pairs) : inverse(setOf(pairs));
  }

  /** The character for which an escape stands. */
  #escaped(char: string): string {
    if (isPunctuation(char)) return char;
    const control = CONTROLS[char];
    if (control !== undefined) return control;
    if (char === 'x') {
      const hex = /^(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})/.exec(
        this.#text.slice(this.#at, this.#at + 8),
      );
      const code = Number.parseInt(hex?.[1] ?? hex?.[2] ?? '', 16);
      if (hex !== null && code <= 0x10ffff) {
        this.#at += hex[0].length;
        return String.fromCodePoint(code);
      }
    }
    if (char === '0' || (/[1-7]/.test(char) && /^[0-7]/.test(this.#text.slice(this.#at)))) {
      const octal = /^[0-7]{0,2}/.exec(this.#text.slice(this.#at))?.[0] ?? '';
      this.#at += octal.length;
      return String.fromCodePoint(Number.parseInt(char + octal, 8));
    }
    throw new RegexError(`invalid escape sequence: \\${char}`);
  }

  #class(): CharSet {
    const set = new Uint8Array(ASCII);
    const isNegated = this.#take('^');
    for (let isFirst = true; isFirst || !this.#take(']'); isFirst = false) {
      if (this.#at >= this.#text.length) throw new RegexError('missing closing ]');
      const named = /^\[:(\^?)(\w+):\]/.exec(this.#text.slice(this.#at));
      if (named !== null) {
        const pairs = CLASSES[named[2] ?? ''];
        if (pairs === undefined) throw new RegexError(`invalid character class range: ${named[0]}`);
        addAll(set, named[1] === '^' ? inverse(setOf(pairs)) : setOf(pairs));
        this.#at += named[0].length;
        continue;
      }
      this.#classRange(set);
    }
    if (this.#ignoresCase) foldCase(set);
    return isNegated ? inverse(set) : set;
  }

  #classRange(set: CharSet): void {
    const first = this.#classChar();
    if (typeof first !== 'number') {
      addAll(set, first);
      return;
    }
    if (!this.#peek('-') || this.#text.startsWith('-]', this.#at)) {
      addRange(set, first, first);
      return;
    }
    this.#take('-');
    const last = this.#classChar();
    if (typeof last !== 'number' || last < first) throw new RegexError('invalid character class range');
    addRange(set, first, last);
  }

  #classChar(): number | CharSet {
    if (this.#at >= this.#text.length) throw new RegexError('missing closing ]');
    const char = this.#char();
    if (char !== '\\') return char.codePointAt(0) ?? 0;
    const escaped = this.#char();
    return this.#perlClass(escaped) ?? this.#escaped(escaped).codePointAt(0) ?? 0;
  }
}

/** @throws {RegexError} */
export const parseRegex = (text: string): Tree => new Parser(text).parse();
