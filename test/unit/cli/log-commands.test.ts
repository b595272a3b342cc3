import assert from "node:assert/strict";
import sinon from "sinon";
import type { TaskStatus } from "#protocol/task.js";
import { exitCodes, Failure } from "#services/cli/failure.js";
import { chosenOf, logs, type LogOptions } from "#services/cli/log-commands.js";
import { ScriptedClient } from "./scripted-client.js";

const task = (id: string, more: Partial<TaskStatus> = {}): TaskStatus =>
  ({
    spec: { id, name: "/shop/web" },
    framework: "apps",
    agent: "agent-a",
    ...more,
  }) as unknown as TaskStatus;

describe("whose log is shown", () => {
  it("of an app's tasks the one that runs; the last one when none does; several are to be named", () => {
    const ended = task("a", { startedAt: 1, endedAt: 2 });
    const last = task("b", { startedAt: 2, endedAt: 3 });
    assert.equal(chosenOf("/shop/web", { tasks: [ended, last], silent: [] }), "b");
    assert.equal(chosenOf("/shop/web", { tasks: [last, task("c", { startedAt: 0 })], silent: [] }), "c");
    assert.throws(() => chosenOf("/shop/web", { tasks: [task("c"), task("d")], silent: [] }), /name one/);
  });

  it("of what no agent has: that there is none, but not while one of them does not answer", () => {
    const failing = (silent: readonly string[]) => {
      try {
        return chosenOf("demo.pi", { tasks: [task("a")], silent });
      } catch (cause) {
        return cause as Failure;
      }
    };
    const none = failing([]) as Failure;
    assert.equal(none.exitCode, exitCodes.refused);
    assert.match(none.message, /^there is no task, app or job demo\.pi/);
    const unknown = failing(["agent-b"]) as Failure;
    assert.equal(unknown.exitCode, exitCodes.unreachable);
    assert.equal(
      unknown.message,
      "no agent that answers has a task of demo.pi, but agent-b does not answer: it may be there",
    );
  });
});

describe("a log with nothing in it", () => {
  afterEach(() => sinon.restore());

  /** What is said beside it, and what was asked for it. */
  async function said(options: LogOptions, stdout: string, stderr: number) {
    const path = "/cluster/tasks/web.1";
    const part = new Response("x", { headers: { "content-range": `bytes 0-0/${stderr}` } });
    const client = new ScriptedClient({
      "GET /cluster/tasks": [{ tasks: [task("web.1")], silent: [] }],
      [`GET ${path}/stdout?follow=false`]: [new Response(stdout)],
      [`GET ${path}/stdout?follow=false&tail=0`]: [new Response(stdout)],
      [`GET ${path}/stdout?follow=true`]: [new Response(stdout)],
      [`GET ${path}/stderr?follow=false`]: [new Response("")],
      [`GET ${path}/stderr`]: [stderr > 0 ? part : new Response("")],
    });
    const write = sinon.stub(process.stderr, "write");
    sinon.stub(process.stdout, "write").returns(true);
    await logs(client, "web.1", options).finally(() => sinon.restore());
    return {
      said: write.args.map(([text]) => text),
      asked: client.asked.slice(2),
      headers: client.headers[2],
    };
  }

  it("says that there is something on stderr, for which a byte of it is read", async () => {
    const { said: lines, asked, headers } = await said({}, "", 1234);
    assert.deepEqual(lines, ["web.1: stdout is empty; stderr has 1234 bytes, which --stderr shows\n"]);
    assert.deepEqual(asked, ["GET /cluster/tasks/web.1/stderr"]);
    assert.deepEqual(headers, { range: "bytes=0-0" });
  });

  it("says nothing where stdout has something", async () => {
    const { said: lines, asked } = await said({}, "out\n", 1234);
    assert.deepEqual([lines, asked], [[], []]);
  });

  it("says nothing where there is nothing else either, nor asks where another thing was wanted", async () => {
    assert.deepEqual((await said({}, "", 0)).said, []);
    for (const options of [{ follow: true }, { stderr: true }, { tail: 0 }])
      assert.deepEqual((await said(options, "", 1234)).asked, []);
  });
});
