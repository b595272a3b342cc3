import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "#setup/tools.mjs";
import { startChild } from "#test/support/child.js";
import { eventually } from "#test/support/eventually.js";

/** Each benchmark once, tiny: that it runs to its table, not how fast. */
describe("benchmarks", () => {
  it("scale: all tasks run, all updates are acknowledged, and the bare path beside it", async function () {
    this.timeout(90_000);
    const rows = await bench("scale", {
      agents: 20,
      tasks: 400,
      window: 100,
      batch: 5,
      "idle-small": 20,
      "idle-large": 0,
      "idle-seconds": 6,
    });
    assert.match(rows.get("tasks launched and reported running") ?? "", /^400 in /);
    assert.equal(rows.get("ended, updates not acknowledged"), "0, 0");
    assert.ok(rows.has("the bare path") && rows.has("share of the bare path"));
    assert.ok(Number(rows.get("20 idle agents: messages/s that one sends")) > 0);
  });

  it("failover: the next leader makes offers, to a new framework and to the one with all tasks", async function () {
    this.timeout(90_000);
    const rows = await bench("failover", { agents: 10, tasks: 40, rounds: 1 });
    assert.match(rows.get("1") ?? "", /^\d+ ms$/);
  });

  it("allocator: each size has its passes", async function () {
    this.timeout(60_000);
    const rows = await bench("allocator", { agents: 50, frameworks: 5, rounds: 2 });
    assert.deepEqual([...rows.keys()], ["50 × 1", "50 × 100, and 0 idle"]);
  });

  it("offers: each scenario has its pass, and one change makes one offer", async function () {
    this.timeout(60_000);
    const rows = await bench("offers", { agents: 40, "warm-up": 1, rounds: 2, changes: 20 });
    assert.equal(rows.get("40 × 100, nobody's need fits anywhere"), "0");
    assert.equal(rows.get("40 agents × 100 frameworks, no needs: whole agents"), "40");
    assert.equal(rows.get("one agent reports all of it free: 40 × 100 and 10000 idle frameworks"), "1");
    assert.equal(rows.size, 9);
  });

  it("launch: processes, one on an idle cluster, and containers, each beside its floor", async function () {
    this.timeout(240_000);
    const flags = { "process-rounds": 1, "warm-up": 1, launches: 2, "container-rounds": 1 };
    const rows = await bench("launch", { few: 2, many: 3, containers: 2, ...flags });
    const all = [
      "2 processes",
      "3 processes",
      "one launch, idle, p50",
      "one launch, idle, p99",
      "2 containers",
    ];
    assert.deepEqual([...rows.keys()], all);
    for (const took of rows.values()) assert.match(took, /^[\d.]+ ms$/);
  });

  it("soak: what was deployed is gone again", async function () {
    this.timeout(120_000);
    const rows = await bench("soak", { minutes: 0, agents: 1, containers: 0 });
    for (const what of ["offers", "entries in the registry", "used by tasks, ports included"])
      assert.equal(rows.get(what), "0", what);
  });

  it("a flag that is not known is told, with those that are", async () => {
    const child = start("allocator", ["--agent", "5"]);
    await eventually("it to end", () => child.process.exitCode !== null, 10_000);
    assert.notEqual(child.process.exitCode, 0);
    assert.match(child.output(), /expected --agents \(50000\).*found --agent/s);
  });
});

const start = (name: string, args: readonly string[]) =>
  startChild(process.execPath, [join(ROOT, ".build/test/bench/main.js"), name, ...args]);

/** First column → second, of the result. */
async function bench(name: string, flags: Readonly<Record<string, number>>): Promise<Map<string, string>> {
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
  const child = start(name, args);
  await eventually(`${name} to end`, () => child.process.exitCode !== null, 230_000);
  assert.equal(child.process.exitCode, 0, child.output());
  assert.ok(!child.output().includes("\u001b"), "a file or a pipe gets no colours");
  const line = child
    .output()
    .split("\n")
    .find((each) => each.startsWith('{"bench"'));
  assert.ok(line, child.output());
  const { results } = JSON.parse(line) as { results: Record<string, string>[] };
  return new Map(results.map((row) => Object.values(row).slice(0, 2) as [string, string]));
}
