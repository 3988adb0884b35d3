// Blocks of lz4 and snappy unfolded by WebAssembly (blocks.wat) in scratch memory of the process.
//
//   0         input   one block of lz4, or a stretch of raw snappy; 64 KiB
//   .         output  a block of lz4; of snappy the last 64 KiB unfolded, and the pieces behind them; 256 KiB
//   .         large   blocks of lz4 above 64 KiB, at most 4 MiB: input, then output
//
// Always true: there are SLACK bytes behind each of them, which the decoders may touch and nobody reads. The memory
// grows to 8.4 MiB with the largest blocks of lz4, and no further. Whoever uses the output for more than one piece
// claims it, and is told when another does.

import { BLOCKS_WASM } from './blocks-wasm.ts';
import { PIECE_BYTES } from './types.ts';

/** Behind the output: a copy of 64 bytes that begins below the limit, and a step of 16. */
const SLACK = 96;
/** How far back copies in snappy reach, whoever writes it. */
export const SNAPPY_WINDOW = 64 * 1024;
const INPUT_BYTES = 64 * 1024;
const OUTPUT_BYTES = SNAPPY_WINDOW + 3 * PIECE_BYTES;
const INPUT = 0;
const OUTPUT = INPUT + INPUT_BYTES + SLACK;
const LARGE = OUTPUT + OUTPUT_BYTES + SLACK;
const PAGE_BYTES = 64 * 1024;

type Exports = {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly position: { value: number };
  readonly literal: { value: number };
  lz4(start: number, end: number, to: number, limit: number): number;
  snappy(
    start: number,
    end: number,
    isLast: number,
    window: number,
    to: number,
    limit: number,
    bound: number,
  ): number;
};

/** Of the global, which TypeScript's types know only beside a browser's, what is used here. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

let loaded: Exports | undefined;
let view: Buffer = Buffer.alloc(0);
let owner: SnappyBlock | null = null;

/** The decoders, with memory up to `end`. The module is made at the first block: a millisecond. */
function decoders(end: number): Exports {
  if (loaded === undefined) {
    const module = new WebAssembly.Module(Buffer.from(BLOCKS_WASM, 'base64'));
    loaded = new WebAssembly.Instance(module).exports as Exports;
  }
  const missing = end - loaded.memory.buffer.byteLength;
  if (missing > 0) loaded.memory.grow(Math.ceil(missing / PAGE_BYTES));
  // Growing takes the memory away from views that were made before.
  if (view.buffer !== loaded.memory.buffer) view = Buffer.from(loaded.memory.buffer);
  return loaded;
}

/**
 * The content of the lz4 block `bytes[start..end)`, at most `maxBytes`, which is at most 4 MiB as the block is; null
 * when it is damaged or larger. Scratch memory: good until the next block.
 */
export function lz4Block(bytes: Buffer, start: number, end: number, maxBytes: number): Buffer | null {
  const size = end - start;
  const isLarge = size > INPUT_BYTES || maxBytes > INPUT_BYTES;
  const input = isLarge ? LARGE : INPUT;
  const output = isLarge ? input + size + SLACK : OUTPUT;
  const { lz4 } = decoders(isLarge ? output + maxBytes + SLACK : LARGE);
  if (!isLarge) claim(null);
  bytes.copy(view, input, start, end);
  const to = lz4(input, input + size, output, output + maxBytes);
  return to < 0 ? null : view.subarray(output, to);
}

/** Takes the output from who had it, who can then keep what it will need. */
function claim(next: SnappyBlock | null): boolean {
  if (owner === next) return false;
  owner?.leave();
  owner = next;
  return true;
}

/** What happened to a piece of snappy. */
export type SnappyStep = 'piece' | 'damaged' | 'reaches too far back';

/** The elements of one raw block of snappy, unfolded piece by piece. */
export class SnappyBlock {
  /** Where reading goes on in the folded bytes. */
  position: number;
  /** The piece that the last step made; scratch memory. May be empty only where the input ends. */
  piece = view;
  readonly #end: number;
  #leftBytes: number;
  /** Bytes of the literal under way that are still to come. */
  #literal = 0;
  /** Where the next byte goes. */
  #to = OUTPUT;
  /** What copies may refer to, while others use the memory. */
  #window: Buffer | null = null;

  /** Elements lie in [position, end) and make `contentBytes`. */
  constructor(position: number, end: number, contentBytes: number) {
    this.position = position;
    this.#end = end;
    this.#leftBytes = contentBytes;
  }

  get leftBytes(): number {
    return this.#leftBytes;
  }

  step(bytes: Buffer): SnappyStep {
    const wasm = decoders(LARGE);
    if (claim(this)) this.#return();
    if (this.#to > OUTPUT + OUTPUT_BYTES - PIECE_BYTES) this.#slide();
    const from = this.#to;
    const bound = from + this.#leftBytes;
    const limit = Math.min(from + PIECE_BYTES, bound);
    wasm.literal.value = this.#literal;
    while (this.#to < limit && this.position < this.#end) {
      const size = Math.min(INPUT_BYTES, this.#end - this.position);
      bytes.copy(view, INPUT, this.position, this.position + size);
      const isLast = this.position + size === this.#end ? 1 : 0;
      const to = wasm.snappy(INPUT, INPUT + size, isLast, OUTPUT, this.#to, limit, bound);
      if (to < 0) return to === -1 ? 'damaged' : 'reaches too far back';
      this.#to = to;
      this.position += wasm.position.value - INPUT;
    }
    this.#literal = wasm.literal.value;
    this.#leftBytes -= this.#to - from;
    this.piece = view.subarray(from, this.#to);
    return 'piece';
  }

  /** Keeps what copies may refer to. */
  leave(): void {
    this.#window = Buffer.from(view.subarray(Math.max(OUTPUT, this.#to - SNAPPY_WINDOW), this.#to));
  }

  /** Lets go of the memory: nothing will be asked any more. */
  close(): void {
    if (owner === this) owner = null;
    this.#window = null;
  }

  #return(): void {
    if (this.#window === null) return;
    this.#window.copy(view, OUTPUT);
    this.#to = OUTPUT + this.#window.length;
    this.#window = null;
  }

  #slide(): void {
    view.copyWithin(OUTPUT, this.#to - SNAPPY_WINDOW, this.#to);
    this.#to = OUTPUT + SNAPPY_WINDOW;
  }
}
