import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startTime } from "#libs/adapters/process/proc.js";
import { eventually } from "#test/support/eventually.js";
import { TestHost } from "#test/support/host-processes.js";
import { hasCgroups, isRoot, processHost } from "./process-host.js";

describe("process executor", function () {
  this.timeout(30_000);
  const { host, recordOf, processesOf } = processHost();

  describe("deaths", () => {
    it("kill -9 of the agent's process: its task goes on, and its exit code is known", async () => {
      await host.sandboxes.create("survivor", undefined);
      const program = fileURLToPath(new URL("../support/crashing-agent.ts", import.meta.url));
      const agent = spawn(
        process.execPath,
        ["--import", "tsx", "--conditions=source", program, host.workDir, "survivor", "sleep 1; exit 9"],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      await new Promise((said) => agent.stdout.once("data", said));
      agent.kill("SIGKILL");
      const found = await host.open()[0].recover([host.order("survivor", "")]);
      assert.equal(found.get("survivor"), "running");
      assert.deepEqual(await host.exitOf("survivor"), { task: "survivor", exitCode: 9, reason: "exited" });
    });

    it("kill -9 of the shim: the task goes on under another, can be killed, and its end is unknown", async () => {
      const [executor] = host.open();
      await executor.launch(await host.task("orphan", "sleep 600"));
      await executor.launch(await host.task("orphan2", "sleep 600"));
      process.kill(
        Number(readFileSync(`/proc/${recordOf("orphan")!.pid}/stat`, "utf8").split(" ")[3]),
        "SIGKILL",
      );
      let tries = 0;
      const launchAnother = async () => (await executor.launch(await host.task(`t.${++tries}`, "exit 0"))).ok;
      await eventually("another shim", launchAnother);
      await host.exitOf(`t.${tries}`);
      assert.notDeepEqual(processesOf("orphan"), []);
      await executor.kill("orphan", false);
      const { reason, message } = await host.exitOf("orphan");
      assert.deepEqual(
        [reason, message],
        ["exit-unknown", "it ended while nobody could see its exit code: its shim was gone"],
      );
      assert.notDeepEqual(processesOf("orphan2"), []);
    });

    it("a host that was restarted: nothing runs, and whoever has the pid now is left alone", async () => {
      const bystander = spawn("sleep", ["600"], { stdio: "ignore" });
      const record = {
        task: "old",
        pid: bystander.pid!,
        startTime: startTime(bystander.pid!),
        bootId: "before",
      };
      const again = new TestHost();
      const [executor] = again.open();
      writeFileSync(join(again.workDir, "process", "records.log"), `${JSON.stringify(record)}\n`);
      const found = await executor.recover([again.order("old", "")]);
      assert.equal(found.get("old"), "ended");
      assert.equal((await again.exitOf("old")).reason, "host-restarted");
      await again.end();
      assert.equal(bystander.exitCode, null);
      bystander.kill("SIGKILL");
    });

    it("a second agent on one work directory is told so", async () => {
      await host.open()[0].detect();
      const [second] = host.open({}, 300);
      assert.deepEqual(await second.detect(), {
        ok: false,
        error: "the shim does not answer: another agent uses this work directory",
      });
    });

    it("the last shim leaves nothing behind", async function () {
      const other = new TestHost();
      await other.start();
      await other.end();
      assert.equal(existsSync(other.workDir), false);
      if (!hasCgroups || !isRoot) return;
      const left = execFileSync("find", [
        "/sys/fs/cgroup",
        "-path",
        "*emporion/test-*",
        "-name",
        "task-*",
        "-mmin",
        "-1",
      ]);
      assert.deepEqual(
        left
          .toString()
          .split("\n")
          .filter((line) => line !== "" && !line.endsWith("task-keeper")),
        [],
      );
    });
  });

  describe("a task that must not outlive its agent's contact", () => {
    it("is ended in time when the agent is gone", async () => {
      const [first] = host.open();
      await first.launch(
        await host.task("cut", "trap '' TERM; while :; do sleep 0.1; done", { stopWhenCutOffMs: 1000 }),
      );
      const begun = performance.now();
      await first.close();
      await eventually("its end", () => recordOf("cut")?.end);
      assert.ok(performance.now() - begun < 1900, "it took too long");
      const [second] = host.open();
      await second.recover([host.order("cut", "", { stopWhenCutOffMs: 1000 })]);
      assert.deepEqual(await host.exitOf("cut"), {
        task: "cut",
        signal: "SIGKILL",
        reason: "cut-off",
        message: "ended because its agent could not reach the cluster for 1000 ms",
      });
    });

    it("goes on as long as the agent reaches the cluster", async () => {
      const [executor] = host.open();
      await executor.launch(await host.task("kept", "sleep 2; exit 2", { stopWhenCutOffMs: 1000 }));
      const contact = setInterval(() => executor.reached(), 100);
      const { exitCode } = await host.exitOf("kept").finally(() => clearInterval(contact));
      assert.equal(exitCode, 2);
    });
  });
});
