import assert from "node:assert/strict";
import { constraintHolds, regexpFault } from "#libs/core/constraint.js";

describe("expressions of constraints", () => {
  it("are tried on the whole value", () => {
    const like = (value: string, found: string) =>
      constraintHolds({ attribute: "rack", operator: "like", value }, found);
    assert.ok(like("rack-[1-3]", "rack-2") && like("a|b", "b") && like(".*west.*", "eu-west-1"));
    assert.ok(!like("rack-[1-3]", "rack-22") && !like("a|b", "ab"));
  });

  it("that are quick are taken", () => {
    for (const text of ["rack-.*", "(a|b)?c", "(ab)+", "a{2,3}", "[*+{(]x", String.raw`\(a*\)*`, "(a+)?b"])
      assert.equal(regexpFault(text), undefined, text);
  });

  it("that could stop whoever tries them are refused, and never tried", () => {
    const slow = ["(.*)*x", "(a|a)*x", "((a+))+", "(?:a?)+", "(?<n>a|b)*", "((a|b)c)*", ".*.*.*.*x"];
    for (const text of slow) {
      assert.match(regexpFault(text) ?? "", /can take too long$/, text);
      const constraint = { attribute: "rack", operator: "like" as const, value: text };
      assert.equal(constraintHolds(constraint, "a".repeat(200)), false);
    }
  });

  it("that are none are refused with the reason", () => {
    assert.match(regexpFault("(") ?? "", /Unterminated group/);
  });
});
