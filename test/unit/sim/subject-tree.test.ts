import assert from "node:assert/strict";
import fc from "fast-check";
import { subjectMatches, SubjectTree } from "#libs/sim/subject-tree.js";

describe("subject tree", () => {
  it("finds what NATS would: `*` one token, `>` one or more at the end", () => {
    const tree = new SubjectTree<string>();
    for (const pattern of ["a.b", "a.*", "*.b", "a.>", ">", "a.b.c", "*.*.*"]) tree.add(pattern, pattern);
    assert.deepEqual(tree.match("a.b"), ["a.b", "a.*", "*.b", "a.>", ">"]);
    assert.deepEqual(tree.match("a"), [">"]);
    assert.deepEqual(tree.match("a.b.c"), ["a.>", ">", "a.b.c", "*.*.*"]);
  });

  it("forgets what was taken out, and only that", () => {
    const tree = new SubjectTree<number>();
    const cancel = tree.add("a", 1);
    tree.add("a", 2);
    cancel();
    cancel();
    assert.deepEqual(tree.match("a"), [2]);
  });

  it("agrees with the plain comparison", () => {
    const token = fc.constantFrom("a", "b");
    const subject = fc.array(token, { minLength: 1, maxLength: 4 });
    const pattern = fc
      .tuple(fc.array(fc.constantFrom("a", "b", "*"), { minLength: 1, maxLength: 3 }), fc.boolean())
      .map(([tokens, rest]) => [...tokens, ...(rest ? [">"] : [])].join("."));
    fc.assert(
      fc.property(pattern, subject, (asked, given) => {
        const tree = new SubjectTree<true>();
        tree.add(asked, true);
        assert.equal(tree.match(given.join(".")).length === 1, subjectMatches(asked, given.join(".")));
      }),
    );
  });
});
