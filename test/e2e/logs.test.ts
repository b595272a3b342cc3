import assert from "node:assert/strict";
import { eventually } from "#test/support/eventually.js";
import type { LocalCluster } from "./support/cluster.js";
import { sharedCluster } from "./support/suite.js";
import type { Task } from "./support/api.js";
import { small } from "./support/work.js";

describe("what a task writes", function () {
  this.timeout(60_000);
  let cluster: LocalCluster;
  let task: string;
  before(async () => {
    ({ cluster } = await sharedCluster());
    const talker = "echo first; echo wrong >&2; while [ ! -e go ]; do sleep 0.05; done; echo second";
    await cluster.api.send("POST", "/v1/jobs", { id: "e2e.talker", run: { cmd: talker, ...small } });
    await cluster.api.send("POST", "/v1/jobs/e2e.talker/runs");
    task = await eventually(
      "the talker to run",
      async () => (await cluster.api.tasks("e2e.talker"))[0]?.spec.id,
    );
    await eventually("it to have spoken", async () => (await text("stdout")) === "first\n");
  });

  const text = (path: string, headers: Record<string, string> = {}): Promise<string> =>
    fetch(`${cluster.url}/cluster/tasks/${task}/${path}`, { headers }).then((response) => response.text());

  it("can be read by range", async () => {
    const response = await fetch(`${cluster.url}/cluster/tasks/${task}/stdout`, {
      headers: { range: "bytes=1-3" },
    });
    assert.equal(response.status, 206);
    assert.equal(response.headers.get("content-range"), "bytes 1-3/6");
    assert.equal(await response.text(), "irs");
    assert.equal(await text("stdout", { range: "bytes=-3" }), "st\n");
    assert.equal(
      (await fetch(`${cluster.url}/cluster/tasks/${task}/stdout`, { headers: { range: "bytes=99-" } }))
        .status,
      416,
    );
  });

  it("stderr is apart", async () => {
    assert.equal(await text("stderr"), "wrong\n");
  });

  it("is followed until the task ends", async () => {
    const followed = text("stdout?follow=true");
    const [{ agent }] = (await cluster.api.tasks("e2e.talker")) as readonly [Task];
    const { writeFileSync } = await import("node:fs");
    writeFileSync(`${cluster.data}/agents/${agent}/sandboxes/${task}/go`, "");
    assert.equal(await followed, "first\nsecond\n");
  });

  it("nothing outside the sandbox can be read", async () => {
    for (const path of ["..%2F..%2Fagent.key", "%2Fetc%2Fpasswd", "nothing-there"]) {
      const answer = await cluster.api.send("GET", `/cluster/tasks/${task}/files/${path}`);
      assert.ok(
        answer.status === 404 || answer.status === 403,
        `${path}: ${answer.status} ${JSON.stringify(answer.body)}`,
      );
    }
  });

  it("of a task that nobody has is a 404 in words", async () => {
    const { status, body } = await cluster.api.send("GET", "/cluster/tasks/none.1-1/stdout");
    assert.equal(status, 404);
    assert.match((body as { message: string }).message, /no agent that answers has a task none\.1-1/);
  });
});
