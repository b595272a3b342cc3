import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { ROOT } from "#setup/tools.mjs";
import { scalar } from "#libs/core/resources.js";
import type { FrameworkView } from "#protocol/api.js";
import { eventually } from "#test/support/eventually.js";
import { type LocalCluster, startCluster } from "./support/cluster.js";
import { sharedCluster } from "./support/suite.js";

function startFramework(
  cluster: LocalCluster,
  id: string,
  file: string,
  more: Record<string, string> = {},
): ChildProcess {
  const bus = { NATS_URL: cluster.natsUrl, EMPORION_NATS_CREDS_FILE: cluster.credentials(id) };
  return spawn(process.execPath, [join(ROOT, ".build", file)], {
    env: { ...process.env, ...bus, EMPORION_CLUSTER: "local", ...more },
    stdio: "ignore",
  });
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

describe("a framework of one's own", function () {
  this.timeout(120_000);
  let cluster: LocalCluster;
  before(async () => {
    ({ cluster } = await sharedCluster());
  });

  const running = async () =>
    (await cluster.api.tasks("one-per-rack")).filter(({ latest }) => latest.state === "running");

  it("runs next to apps and jobs, one process on each rack, and replaces what ends", async () => {
    const framework = startFramework(cluster, "one-per-rack", "libs/framework/examples/one-per-rack.js");
    try {
      const tasks = await eventually(
        "three tasks",
        async () => ((await running()).length === 3 ? running() : undefined),
        30_000,
      );
      assert.deepEqual(
        tasks.map(({ agent }) => agent).toSorted((a, b) => (a < b ? -1 : 1)),
        ["agent-a", "agent-b", "agent-c"],
      );
      const frameworks = await cluster.api.get<FrameworkView[]>("/cluster/frameworks");
      assert.ok(
        frameworks.some(
          ({ id, state, role }) => id === "one-per-rack" && state === "connected" && role === "examples",
        ),
      );
      const refused = await cluster.api.send("DELETE", "/cluster/frameworks/one-per-rack");
      assert.equal(refused.status, 409, "it is connected");
      assert.match(JSON.stringify(refused.body), /one-per-rack is connected and has 3 tasks/);
    } finally {
      await end(framework);
    }
    assert.equal((await running()).length, 3, "its tasks go on without it");
  });

  it("that the bus does not let in says so in a line, with the setting to mend, and ends", () => {
    const said = spawnSync(process.execPath, [join(ROOT, ".build/libs/framework/examples/one-per-rack.js")], {
      env: { PATH: process.env["PATH"], NATS_URL: cluster.natsUrl },
      encoding: "utf8",
      timeout: 30_000,
    });
    assert.equal(said.status, 78, said.stdout);
    assert.match(
      said.stderr,
      /^one-per-rack: EMPORION_NATS_CREDS_FILE: expected credentials .* `emporion auth framework one-per-rack` .*Authorization Violation.*\n$/,
    );
    assert.equal(said.stdout, "");
  });

  it("removing it ends its tasks", async () => {
    const path = "/cluster/frameworks/one-per-rack";
    // It counts as away when it has been silent for a while.
    assert.equal((await cluster.api.send("DELETE", `${path}?force=true`)).status, 200);
    await eventually("its tasks to end", async () => (await running()).length === 0, 30_000);
  });
});

/** At 50 ms from one to the next, as `eventually` has it: 12 s and more. */
const looks = 240;

describe("two frameworks that want everything", function () {
  this.timeout(180_000);
  let cluster: LocalCluster;
  before(async () => {
    cluster = await startCluster();
  });
  after(() => cluster.remove());

  it("with weights 1 and 2 share the cluster 1 to 2 within 5 %", async () => {
    assert.equal((await cluster.api.send("PUT", "/cluster/roles/heavy", { weight: 2 })).status, 200);
    const frameworks = ["light", "heavy"].map((id) =>
      startFramework(cluster, id, "test/e2e/support/greedy.js", { GREEDY_ID: id }),
    );
    try {
      const used = async (): Promise<Record<string, number>> =>
        Object.fromEntries(
          (await cluster.api.get<FrameworkView[]>("/cluster/frameworks")).map((view) => [
            view.id,
            scalar(view.used, "cpus"),
          ]),
        );
      await eventually(
        "both to have much",
        async () => {
          const { light = 0, heavy = 0 } = await used();
          return light > 0.3 && heavy > 0.9;
        },
        60_000,
      );
      // The share is an average over the life of several tasks: at any one moment some have just ended.
      const samples: Record<string, number>[] = [];
      await eventually(
        "looks enough for tasks of 2 s to have come and gone several times",
        async () => samples.push(await used()) >= looks,
        60_000,
      );
      const mean = (id: string) =>
        samples.reduce((sum, sample) => sum + (sample[id] ?? 0), 0) / samples.length;
      const ratio = mean("heavy") / mean("light");
      assert.ok(
        Math.abs(ratio / 2 - 1) <= 0.05,
        `heavy has ${mean("heavy")}, light ${mean("light")}: 1 to ${ratio.toFixed(3)}`,
      );
    } finally {
      await Promise.all(frameworks.map(end));
    }
  });
});
