import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asksUntilTaken } from "#services/cli/asking.js";
import { Failure } from "#services/cli/failure.js";
import { differences, putJobs, submitted } from "#services/cli/job-files.js";
import {
  failureOf,
  KeptOutput,
  leaderless,
  notFound,
  ScriptedClient,
  unanswered,
  waiting,
} from "./scripted-client.js";

describe("a job's file and the job that is there", () => {
  it("are the same whatever the order of their fields; else the fields that differ are named", () => {
    const there = { id: "a", run: { cmd: "x", cpus: 1, env: { A: "1" } }, schedules: [] };
    assert.deepEqual(
      differences(there, { schedules: [], run: { env: { A: "1" }, cpus: 1, cmd: "x" }, id: "a" }),
      [],
    );
    const other = { id: "a", run: { cmd: "y", cpus: 1, env: { B: "1" } }, schedules: [1] };
    assert.deepEqual(differences(there, other), ["/run/cmd", "/run/env/A", "/run/env/B", "/schedules"]);
  });
});

describe("submitting a job's file", () => {
  const directory = mkdtempSync(join(tmpdir(), "emporion-job-files-"));
  after(() => rmSync(directory, { recursive: true, force: true }));
  const definition = { id: "a", run: { cmd: "x" } };
  const path = join(directory, "job.json");
  writeFileSync(path, JSON.stringify(definition));
  const get = "GET /v1/jobs/a";
  const post = "POST /v1/jobs";
  const dry = "PUT /v1/jobs/a?dryRun=true";

  it("waits while nobody leads, and creates it once though the answer was lost", async () => {
    const client = new ScriptedClient({
      [get]: [leaderless, notFound, definition],
      [post]: [leaderless, unanswered],
      [dry]: [definition],
    });
    const output = new KeptOutput();
    await putJobs(client, output, path, waiting);
    assert.deepEqual(client.asked, [get, get, post, get, dry]);
    assert.deepEqual(output.shown, [[{ id: "a", is: "new" }]]);
  });

  it("is done when what was asked for first is there after all, though it was not when we looked", async () => {
    const exists = new Failure("refused", "Job with this id already exists", [], "conflict");
    const put = (answers: { readonly get: readonly unknown[]; readonly post: readonly unknown[] }) =>
      failureOf(
        putJobs(
          new ScriptedClient({ [get]: answers.get, [post]: answers.post, [dry]: [definition] }),
          new KeptOutput(),
          path,
          waiting,
        ),
      );
    assert.equal(await put({ get: [notFound, notFound, definition], post: [unanswered, exists] }), undefined);
    const refused = await put({ get: [notFound, definition], post: [exists] });
    assert(refused instanceof Failure);
    assert.equal(refused.code, "conflict");
  });

  it("to be run replaces no other one unasked, also none that came meanwhile", async () => {
    const other = { id: "a", run: { cmd: "y" } };
    const ask = (replace: boolean, answers: readonly unknown[]) => {
      const client = new ScriptedClient({ [get]: answers, [post]: [leaderless], [dry]: [definition] });
      const asking = asksUntilTaken(new KeptOutput(), waiting);
      return { client, failure: failureOf(submitted(client, asking, { path, replace })) };
    };
    for (const answers of [[other], [notFound, other]]) {
      const { failure, client } = ask(false, answers);
      const refused = await failure;
      assert(refused instanceof Failure);
      assert.match(refused.message, /is there with another definition, which differs in \/run\/cmd$/);
      assert.ok(!client.asked.includes("PUT /v1/jobs/a"));
    }
    const { failure, client } = ask(true, [other]);
    await failure;
    assert.equal(client.asked.at(-1), "PUT /v1/jobs/a");
  });
});
