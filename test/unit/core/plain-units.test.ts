import assert from "node:assert/strict";
import fc from "fast-check";
import { inThousandths, plainUnits } from "#libs/core/plain-units.js";

describe("amounts for people", () => {
  it("are cores and MiB wherever they stand; ports, limits of another kind and lists stay", () => {
    const inside = {
      used: { scalars: { cpus: 500, mem: 128_000 }, ports: [[31_000, 31_001]] },
      spec: { limits: { cpus: 1500 }, resources: { scalars: {}, ports: [] } },
      limits: ["a"],
      tasks: 3000,
    };
    assert.deepEqual(JSON.parse(JSON.stringify(inside, plainUnits)), {
      used: { scalars: { cpus: 0.5, mem: 128 }, ports: [[31_000, 31_001]] },
      spec: { limits: { cpus: 1.5 }, resources: { scalars: {}, ports: [] } },
      limits: ["a"],
      tasks: 3000,
    });
  });

  it("come back as they were", () => {
    const scalars = fc.dictionary(fc.constantFrom("cpus", "mem", "gpus"), fc.nat({ max: 1e12 }));
    fc.assert(
      fc.property(scalars, (amounts) => {
        const inside = { a: [{ scalars: amounts, ports: [[1, 2]] }], limits: amounts };
        assert.deepEqual(
          JSON.parse(JSON.stringify(inside, plainUnits), inThousandths),
          JSON.parse(JSON.stringify(inside)),
        );
      }),
    );
  });
});
