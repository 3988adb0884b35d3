// Adds up the steps and test runs that scripts/test left in a directory, prints them, and fails if anything failed.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [directory] = process.argv.slice(2);
let passed = 0;
const failed = [];
const skipped = [];

const steps = join(directory, 'steps');
if (existsSync(steps)) {
  for (const line of readFileSync(steps, 'utf8').trim().split('\n')) {
    const [outcome, name, reason] = line.split('\t');
    if (outcome === 'passed') passed++;
    else if (outcome === 'failed') failed.push({ name, said: '' });
    else skipped.push({ name, reason });
  }
}
for (const file of readdirSync(directory).filter((name) => name.endsWith('.json'))) {
  const totals = JSON.parse(readFileSync(join(directory, file), 'utf8'));
  passed += totals.passed;
  failed.push(
    ...totals.failed.map(({ name, said }) => ({ name: `${name} (${file.replace('.json', '')})`, said })),
  );
  skipped.push(...totals.skipped);
}

console.log('');
for (const { name, reason } of skipped) console.log(`skipped: ${name}: ${reason}`);
for (const { name, said } of failed) {
  console.log(`failed: ${name}`);
  for (const line of said === '' ? [] : said.split('\n')) console.log(`  ${line}`);
}
console.log(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
process.exitCode = failed.length === 0 ? 0 : 1;
