import assert from "node:assert/strict";
import { productionPackages } from "#setup/stage.mjs";

describe("staging an image's context", () => {
  it("takes the packages that run, those inside others too, and none that only development wants", () => {
    const packages = {
      "": {},
      "node_modules/nats": {},
      "node_modules/nats/node_modules/tweetnacl": {},
      "node_modules/typescript": { dev: true },
      "node_modules/typescript/node_modules/x": { dev: true },
      "node_modules/nan": { dev: false },
    };
    assert.deepEqual(productionPackages({ packages }), [
      "node_modules/nats",
      "node_modules/nats/node_modules/tweetnacl",
      "node_modules/nan",
    ]);
  });
});
