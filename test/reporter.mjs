// For .ci/run: prints what mocha's spec reporter prints, and leaves the counts in the file that CI_COUNTS names, since the
// words of a reporter are not made to be parsed. A test that was skipped is counted: on CI every suite must have run.
import { writeFileSync } from "node:fs";
import Mocha from "mocha";

const { EVENT_RUN_END, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } = Mocha.Runner.constants;

export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const counts = { passed: 0, failed: 0, skipped: [] };
    runner.on(EVENT_TEST_PASS, () => counts.passed++);
    runner.on(EVENT_TEST_FAIL, () => counts.failed++);
    runner.on(EVENT_TEST_PENDING, (test) => counts.skipped.push(test.fullTitle()));
    runner.once(EVENT_RUN_END, () => {
      if (process.env.CI_COUNTS !== undefined) writeFileSync(process.env.CI_COUNTS, JSON.stringify(counts));
    });
  }
}
