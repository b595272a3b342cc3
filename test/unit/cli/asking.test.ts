import assert from "node:assert/strict";
import { remove as removeApp } from "#services/cli/app-commands.js";
import { removeAgent, removeFramework, removeRole, setWeight } from "#services/cli/cluster-commands.js";
import { activate } from "#services/cli/drain-commands.js";
import { exitCodes, Failure } from "#services/cli/failure.js";
import { remove as removeJob, run, stop } from "#services/cli/job-commands.js";
import {
  failureOf,
  KeptOutput,
  leaderless,
  notFound,
  ScriptedClient,
  unanswered,
  waiting,
} from "./scripted-client.js";

describe("commands that change something, while nobody leads", () => {
  const output = () => new KeptOutput();
  const started = { id: "r1", jobId: "a", status: "ACTIVE", tasks: [] };

  it("wait until somebody does", async () => {
    const client = new ScriptedClient({
      "DELETE /v2/apps/a": [leaderless, {}],
      "GET /v2/apps": [{ apps: [] }],
      "DELETE /v1/jobs/a?stopCurrentJobRuns=false": [leaderless, {}],
      "GET /v1/jobs/a/runs": [leaderless, [started]],
      "POST /v1/jobs/a/runs/r1/actions/stop": [leaderless, started],
      "PUT /cluster/roles/r": [leaderless, {}],
      "DELETE /cluster/roles/r": [leaderless, {}],
      "DELETE /cluster/frameworks/f?force=false": [leaderless, {}],
      "GET /cluster/agents/a": [leaderless, { state: "unreachable" }],
      "DELETE /cluster/agents/a?force=false": [leaderless, {}],
      "POST /cluster/agents/a/activate": [leaderless, {}],
    });
    await removeApp(client, output(), "a", waiting);
    await removeJob(client, output(), "a", { ...waiting, stop: false });
    await stop(client, output(), "a", { ...waiting, run: undefined });
    await setWeight(client, output(), "r", { ...waiting, weight: 2 });
    await removeRole(client, output(), "r", waiting);
    await removeFramework(client, output(), "f", { ...waiting, force: false });
    await removeAgent(client, output(), "a", { ...waiting, force: false });
    await activate(client, output(), "a", waiting);
    const changes = client.asked.filter((call) => !call.startsWith("GET"));
    assert.equal(changes.length, 2 * new Set(changes).size);
  });

  it("give up when their time is over, and at once when they are not to wait", async () => {
    const client = () => new ScriptedClient({ "DELETE /cluster/roles/r": [leaderless] });
    const late = await failureOf(removeRole(client(), output(), "r", { wait: true, timeout: 0 }));
    assert(late instanceof Failure);
    assert.equal(late.exitCode, exitCodes.timeout);
    const asking = client();
    assert.equal(await failureOf(removeRole(asking, output(), "r", { ...waiting, wait: false })), leaderless);
    assert.equal(asking.asked.length, 1);
  });

  it("what is not there when somebody leads at last is refused; what is gone after an answer that was lost is done", async () => {
    const call = "DELETE /v1/jobs/a?stopCurrentJobRuns=false";
    const removed = (answers: readonly unknown[]) =>
      failureOf(
        removeJob(new ScriptedClient({ [call]: answers }), output(), "a", { ...waiting, stop: false }),
      );
    assert.equal(await removed([leaderless, notFound]), notFound);
    assert.equal(await removed([unanswered, notFound]), undefined);
    assert.equal(await removed([unanswered, leaderless, notFound]), undefined);
  });

  it("a job is run once, however often it is asked for", async () => {
    const ended = { ...started, status: "SUCCESS" };
    const client = new ScriptedClient({
      "POST /v1/jobs/a/runs": [leaderless, unanswered, started],
      "GET /v1/jobs/a/runs/r1": [ended],
    });
    await run(client, output(), "a", { ...waiting, replace: false });
    const keys = client.headers.slice(0, 3).map((each) => each["idempotency-key"]);
    assert.equal(client.asked.slice(0, 3).filter((call) => call === "POST /v1/jobs/a/runs").length, 3);
    assert.equal(new Set(keys).size, 1);
    assert.match(String(keys[0]), /^\w{20}$/);
    const other = new ScriptedClient({
      "POST /v1/jobs/a/runs": [started],
      "GET /v1/jobs/a/runs/r1": [ended],
    });
    await run(other, output(), "a", { ...waiting, replace: false });
    assert.notEqual(other.headers[0]!["idempotency-key"], keys[0]);
  });

  it("an agent that nobody knows is not given up because the first look at it was lost", async () => {
    const client = new ScriptedClient({ "GET /cluster/agents/a": [unanswered, notFound] });
    assert.equal(await failureOf(removeAgent(client, output(), "a", { ...waiting, force: false })), notFound);
  });

  it("an agent that is given up is not forgotten because the answer was lost", async () => {
    const given = (states: readonly string[], answers: readonly unknown[]) =>
      new ScriptedClient({
        "GET /cluster/agents/a": states.map((state) => ({ state })),
        "DELETE /cluster/agents/a?force=false": answers,
      });
    const lost = given(["unreachable", "gone"], [unanswered, {}]);
    const said = output();
    await removeAgent(lost, said, "a", { ...waiting, force: false });
    assert.deepEqual(said.shown, [{ id: "a", state: "gone" }]);
    assert.equal(lost.asked.filter((call) => call.startsWith("DELETE")).length, 1);
    const forgotten = output();
    await removeAgent(given(["gone"], [{}]), forgotten, "a", { ...waiting, force: false });
    assert.deepEqual(forgotten.shown, [{ id: "a", state: "forgotten" }]);
  });
});
