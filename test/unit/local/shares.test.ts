import assert from "node:assert/strict";
import { shareOut } from "#services/local/shares.js";

const host = { cpus: 4, mem: 1000, disk: 500, ports: [31_000, 31_009] as const };

describe("a host that agents share out", () => {
  it("whole for one", () => {
    assert.deepEqual(shareOut(host, 1), [{ ...host, id: "agent-a", rack: "a" }]);
  });

  it("in equal parts, rounded down: three of 4 cores are 1.333, and never more than there is", () => {
    const shares = shareOut(host, 3);
    // 4000 / 3 = 1333 thousandths, 1000 / 3 = 333 MiB, 500 / 3 = 166 MiB
    for (const { cpus, mem, disk } of shares)
      assert.deepEqual({ cpus, mem, disk }, { cpus: 1.333, mem: 333, disk: 166 });
  });

  it("no port twice and none left over: what does not divide goes to the last", () => {
    assert.deepEqual(
      shareOut(host, 3).map(({ ports }) => ports),
      [
        [31_000, 31_002],
        [31_003, 31_005],
        [31_006, 31_009],
      ],
    );
  });

  it("on three racks in turn, by letters", () => {
    const shares = shareOut({ ...host, ports: [1000, 2000] }, 26);
    assert.deepEqual(
      shares.slice(0, 4).map(({ id, rack }) => `${id} ${rack}`),
      ["agent-a a", "agent-b b", "agent-c c", "agent-d a"],
    );
    assert.equal(shares.at(-1)!.id, "agent-z");
  });
});
