// A vitest reporter that writes what a run came to into the file $SORDINI_TOTALS, with the reasons of skipped tests and
// what failed ones said.

import { writeFileSync } from 'node:fs';

/** As much of what a failed test said as fits beside the others. */
const LONGEST_ERROR = 6_000;

/** The errors of a test or a file, without colours. */
function saidBy(errors = []) {
  const text = errors.map(({ message, diff }) => [message, diff].filter(Boolean).join('\n')).join('\n');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escapes are what goes.
  return text.replace(/\u001b\[\d+m/g, '').slice(-LONGEST_ERROR);
}

export default class TotalsReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const totals = { passed: 0, failed: [], skipped: [] };
    for (const module of modules) {
      let failedTests = 0;
      for (const test of module.children.allTests()) {
        const { state, note, errors } = test.result();
        const name = `${module.relativeModuleId ?? module.moduleId} > ${test.fullName}`;
        if (state === 'passed') totals.passed++;
        else if (state === 'failed') {
          failedTests++;
          totals.failed.push({ name, said: saidBy(errors) });
        } else totals.skipped.push({ name, reason: note ?? 'no reason given' });
      }
      // A file that could not be loaded, or whose hooks failed, has no failed test to count.
      if (module.state() === 'failed' && failedTests === 0)
        totals.failed.push({ name: module.moduleId, said: saidBy(module.errors()) });
    }
    for (const error of unhandledErrors) {
      totals.failed.push({
        name: 'unhandled error',
        said: saidBy([{ message: error.message ?? String(error) }]),
      });
    }
    writeFileSync(process.env.SORDINI_TOTALS, JSON.stringify(totals));
  }
}
