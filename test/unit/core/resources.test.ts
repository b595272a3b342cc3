import assert from "node:assert/strict";
import fc from "fast-check";
import type { PortRange } from "#protocol/resources.js";
import {
  add,
  amounts,
  contains,
  dominantShare,
  equals,
  isEmpty,
  joinPorts,
  portList,
  portsWithin,
  resourcesText,
  subtract,
  subtractPorts,
  takePorts,
} from "#libs/core/resources.js";

describe("resources", () => {
  it("are exact in thousandths: ten times 0.1 cpus is one cpu", () => {
    let total = amounts({});
    for (let n = 0; n < 10; n++) total = add(total, amounts({ cpus: 0.1 }));
    assert.deepEqual(total, amounts({ cpus: 1 }));
  });

  it("contain what has no more of anything, single ports included", () => {
    const whole = amounts({ cpus: 2, mem: 100, ports: [[10, 20]] });
    assert.ok(
      contains(
        whole,
        amounts({
          cpus: 2,
          ports: [
            [12, 12],
            [15, 16],
          ],
        }),
      ),
    );
    assert.ok(!contains(whole, amounts({ cpus: 2.001 })));
    assert.ok(!contains(whole, amounts({ gpus: 1 })));
    assert.ok(!contains(whole, amounts({ ports: [[20, 21]] })));
  });

  it("taking more than there is leaves nothing, not less", () => {
    assert.ok(isEmpty(subtract(amounts({ mem: 10 }), amounts({ mem: 20 }))));
  });

  it("what is added and taken away again changes nothing", () => {
    fc.assert(
      fc.property(someResources(), someResources(), (a, b) => {
        const apart = { ...b, ports: subtractPorts(b.ports, a.ports) };
        return equals(subtract(add(a, apart), apart), a);
      }),
    );
  });

  it("say themselves as people write them", () => {
    assert.equal(
      resourcesText(
        amounts({
          cpus: 0.5,
          mem: 128,
          ports: [
            [31000, 31000],
            [31001, 31002],
          ],
        }),
      ),
      "cpus 0.5, mem 128 MiB, ports 31000-31002",
    );
    assert.equal(resourcesText(amounts({})), "nothing");
  });
});

describe("ports", () => {
  it("join when they touch or overlap", () => {
    assert.deepEqual(
      joinPorts([
        [5, 6],
        [1, 2],
        [3, 3],
        [6, 9],
      ]),
      [
        [1, 3],
        [5, 9],
      ],
    );
  });

  it("taken out of the middle leave both sides", () => {
    assert.deepEqual(
      subtractPorts(
        [[1, 10]],
        [
          [3, 4],
          [8, 20],
        ],
      ),
      [
        [1, 2],
        [5, 7],
      ],
    );
  });

  it("taken from ranges agree with taking them one by one", () => {
    fc.assert(
      fc.property(somePorts(), somePorts(), (from, without) => {
        const gone = new Set(portList(without));
        const left = [...new Set(portList(from))].filter((port) => !gone.has(port)).toSorted((a, b) => a - b);
        assert.deepEqual(portList(subtractPorts(from, without)), left);
      }),
    );
  });

  it("within some ranges are those on their edges and between, the lowest first", () => {
    const ranges: PortRange[] = [
      [10, 12],
      [20, 20],
    ];
    assert.deepEqual(portsWithin(new Set([20, 9, 12, 11, 10, 13, 21]), ranges), [10, 11, 12, 20]);
    assert.deepEqual(portsWithin([10], []), []);
  });

  it("are handed out lowest first, all or none", () => {
    assert.deepEqual(
      takePorts(
        [
          [7, 8],
          [10, 10],
        ],
        3,
      ),
      [
        [7, 7],
        [8, 8],
        [10, 10],
      ],
    );
    assert.equal(takePorts([[7, 8]], 3), undefined);
    assert.deepEqual(takePorts([[7, 8]], 0), []);
  });
});

describe("dominant share", () => {
  it("is the largest fraction of any scalar", () => {
    // 2 of 10 cpus = 0.2; 30 of 100 MiB = 0.3
    assert.equal(dominantShare(amounts({ cpus: 2, mem: 30 }), amounts({ cpus: 10, mem: 100 })), 0.3);
  });

  it("does not count what the cluster has none of", () => {
    assert.equal(dominantShare(amounts({ gpus: 1 }), amounts({ cpus: 10 })), 0);
  });
});

const somePorts = () =>
  fc
    .array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 10 })))
    .map((pairs) => pairs.map(([first, more]): PortRange => [first, first + more]));

const someResources = () =>
  fc
    .record({
      cpus: fc.integer({ min: 0, max: 50 }),
      mem: fc.integer({ min: 0, max: 500 }),
      ports: somePorts(),
    })
    .map(({ ports, ...rest }) => amounts({ ...rest, ports }));
