import assert from "node:assert/strict";
import { exitCodes, Failure } from "#services/cli/failure.js";
import { expectDistinct } from "#services/cli/files.js";

describe("the definitions of a file", () => {
  it("of one id twice are refused as a whole, with their places", () => {
    expectDistinct("shop.yaml", ["/a", "/b"]);
    assert.throws(
      () => expectDistinct("shop.yaml", ["/a", "/b", "/a"]),
      (cause: Failure) =>
        cause.exitCode === exitCodes.usage &&
        cause.message === "shop.yaml: definitions 1 and 3 have the same id, /a; nothing of the file is taken",
    );
  });
});
