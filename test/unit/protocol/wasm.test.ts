import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { assembled, WASM_MODULES } from '../../../scripts/wasm.ts';

test.each(WASM_MODULES.map((module) => [basename(module.module), module] as const))(
  '%s is what its text is assembled to',
  async (_, module) => {
    expect(readFileSync(module.module, 'utf8')).toBe(await assembled(module));
  },
);
