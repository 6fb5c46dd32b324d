// Closes the run with one plain line, "N passed, N failed", for whoever reads the end of a log.
export default class PlainReporter {
  onBegin(_config, suite) {
    this.suite = suite;
  }

  onEnd() {
    const count = { expected: 0, unexpected: 0, flaky: 0, skipped: 0 };
    for (const test of this.suite?.allTests() ?? []) count[test.outcome()] += 1;
    // No test is repeated here, so a flaky one is one that failed.
    const failed = count.unexpected + count.flaky;
    const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : "";
    console.log(`${count.expected} passed, ${failed} failed${skipped}`);
  }

  printsToStdio() {
    return false;
  }
}
