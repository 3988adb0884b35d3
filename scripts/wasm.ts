/**
 * Assembles the WebAssembly text modules under protocol/ into modules of the source beside them: `node scripts/wasm.ts`.
 * The unit tests tell when that has been forgotten.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import wabt from 'wabt';

const PROTOCOL = join(import.meta.dirname, '..', 'protocol');
const COLUMNS = 100;

/** A text, what it is assembled into, and the name it has there. */
export interface WasmModule {
  readonly text: string;
  readonly module: string;
  readonly constant: string;
}

export const WASM_MODULES: readonly WasmModule[] = [
  {
    text: join(PROTOCOL, 'compression', 'blocks.wat'),
    module: join(PROTOCOL, 'compression', 'blocks-wasm.ts'),
    constant: 'BLOCKS_WASM',
  },
  {
    text: join(PROTOCOL, 'crc32c', 'fold.wat'),
    module: join(PROTOCOL, 'crc32c', 'fold-wasm.ts'),
    constant: 'FOLD_WASM',
  },
];

/** What the module has to say. */
export async function assembled({ text, constant }: WasmModule): Promise<string> {
  const assembler = await wabt();
  const name = basename(text);
  const module = assembler.parseWat(name, readFileSync(text, 'utf8'), { simd: true, bulk_memory: true });
  module.resolveNames();
  module.validate();
  const base64 = Buffer.from(module.toBinary({}).buffer).toString('base64');
  module.destroy();
  const lines = base64.match(new RegExp(`.{1,${COLUMNS}}`, 'g')) ?? [];
  return [
    `// ${name} in binary form, base64; written by scripts/wasm.ts.`,
    '',
    `export const ${constant} =`,
    `${lines.map((line) => `  '${line}'`).join(' +\n')};`,
    '',
  ].join('\n');
}

if (process.argv[1] === import.meta.filename) {
  for (const module of WASM_MODULES) writeFileSync(module.module, await assembled(module));
}
