/**
 * Assembles protocol/compression/blocks.wat into blocks-wasm.ts beside it: `node scripts/blocks-wasm.ts`. The unit tests
 * tell when that has been forgotten.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import wabt from 'wabt';

const FOLDER = join(import.meta.dirname, '..', 'protocol', 'compression');
const MODULE = join(FOLDER, 'blocks-wasm.ts');
const COLUMNS = 100;

/** What blocks-wasm.ts has to say. */
export async function assembled(): Promise<string> {
  const assembler = await wabt();
  const features = { simd: true, bulk_memory: true };
  const text = readFileSync(join(FOLDER, 'blocks.wat'), 'utf8');
  const module = assembler.parseWat('blocks.wat', text, features);
  module.resolveNames();
  module.validate();
  const base64 = Buffer.from(module.toBinary({}).buffer).toString('base64');
  module.destroy();
  const lines = base64.match(new RegExp(`.{1,${COLUMNS}}`, 'g')) ?? [];
  return [
    '// blocks.wat in binary form, base64; written by scripts/blocks-wasm.ts.',
    '',
    'export const BLOCKS_WASM =',
    `${lines.map((line) => `  '${line}'`).join(' +\n')};`,
    '',
  ].join('\n');
}

if (process.argv[1] === import.meta.filename) writeFileSync(MODULE, await assembled());
