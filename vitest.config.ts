import { defineConfig } from 'vitest/config';

/**
 * One project per kind of proof, so that the fast ones can run alone. Each kind has its own folder under test/. Two files
 * at a time keep a small machine busy, since tests of whole brokers mostly wait; what starts Java runs alone.
 */
const project = (name: string, testTimeoutMs: number, maxWorkers = 2) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: testTimeoutMs,
    hookTimeout: testTimeoutMs,
    maxWorkers,
  },
});

export default defineConfig({
  test: {
    projects: [
      project('unit', 20_000),
      project('wire', 60_000),
      project('machine', 20_000),
      project('sim', 120_000),
      project('crash', 240_000),
      project('broker', 60_000),
      project('clients', 300_000, 1),
      project('console-scripts', 600_000, 1),
    ],
  },
});
