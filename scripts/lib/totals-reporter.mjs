// A vitest reporter that writes what a run came to into the file $SORDINI_TOTALS, with the reasons of skipped tests.

import { writeFileSync } from 'node:fs';

export default class TotalsReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const totals = { passed: 0, failed: [], skipped: [] };
    for (const module of modules) {
      let failedTests = 0;
      for (const test of module.children.allTests()) {
        const { state, note } = test.result();
        const name = `${module.relativeModuleId ?? module.moduleId} > ${test.fullName}`;
        if (state === 'passed') totals.passed++;
        else if (state === 'failed') {
          failedTests++;
          totals.failed.push(name);
        } else totals.skipped.push({ name, reason: note ?? 'no reason given' });
      }
      // A file that could not be loaded, or whose hooks failed, has no failed test to count.
      if (module.state() === 'failed' && failedTests === 0) totals.failed.push(module.moduleId);
    }
    for (const error of unhandledErrors) totals.failed.push(`unhandled error: ${error.message ?? error}`);
    writeFileSync(process.env.SORDINI_TOTALS, JSON.stringify(totals));
  }
}
