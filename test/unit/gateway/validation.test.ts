import assert from "node:assert/strict";
import { Refused } from "#services/gateway/answer.js";
import { expectSameId } from "#services/gateway/validation.js";

describe("the id in a body, beside the one in the path", () => {
  it("may be absent, or the same, however it is written", () => {
    for (const id of [undefined, "demo.pi", "DEMO.PI"])
      expectSameId({ id }, "demo.pi", (given) => given.toLowerCase());
  });

  it("is refused when it is another one, or none at all", () => {
    for (const id of ["demo.e", "", 7, null, ["demo.pi"]])
      assert.throws(
        () => expectSameId({ id }, "demo.pi"),
        (cause: Refused) => {
          assert.deepEqual(cause.refusal.faults, [
            { path: "/id", expected: "demo.pi, as in the path", found: JSON.stringify(id) },
          ]);
          return cause.status === 422;
        },
      );
  });
});
