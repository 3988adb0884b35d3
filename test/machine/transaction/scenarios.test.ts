import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runScenario } from './scenario.ts';

const here = import.meta.dirname;

describe('the transaction machine', () => {
  for (const file of readdirSync(here).filter((name) => name.endsWith('.txt'))) {
    test(`plays ${file} as written`, () => {
      const path = join(here, file);
      const text = readFileSync(path, 'utf8');
      const played = runScenario(text);
      if (process.env['UPDATE'] === '1') writeFileSync(path, played);
      else expect(played).toBe(text);
    });
  }
});
