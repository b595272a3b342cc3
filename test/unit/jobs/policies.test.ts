import assert from "node:assert/strict";
import { codec } from "#protocol/codec.js";
import { TaskSpec } from "#protocol/task.js";
import { workloadOf } from "#libs/framework/workload.js";
import type { FrameworkTask } from "#libs/framework/scheduler.js";
import { outcomeOf } from "#services/jobs/outcome.js";
import { taskDataOf } from "#services/jobs/record.js";
import { verdictOn } from "#services/jobs/retry.js";
import { runId } from "#services/jobs/run-id.js";
import { shapeOf } from "#services/jobs/shape.js";
import { taskSpec } from "#services/jobs/task-spec.js";
import { definitionFaults } from "#services/jobs/validation.js";
import { job, spec } from "./made.js";

const onFailure = (more: object = {}) => spec({ restart: { policy: "ON_FAILURE" }, retries: 3, ...more });
const failed = { type: "failed", text: "exited with code 1" } as const;
const far = Number.POSITIVE_INFINITY;

describe("what follows from the end of an attempt", () => {
  it("NEVER: a failure ends the run", () => {
    const facts = { spec: spec(), failures: 0, mishaps: 0 };
    assert.deepEqual(verdictOn(facts, failed, far), { type: "fail", reason: "exited with code 1" });
    assert.deepEqual(verdictOn(facts, { type: "succeeded" }, far), { type: "succeed" });
  });

  it("ON_FAILURE: retries after min(maxBackoff, backoff · factor^(n−1)), then gives up", () => {
    const times = onFailure({ backoffSeconds: 2, backoffFactor: 3, maxBackoffSeconds: 10 });
    const delays = [0, 1, 2].map((failures) => {
      const verdict = verdictOn({ spec: times, failures, mishaps: 0 }, failed, far);
      return verdict.type === "retry" ? [verdict.afterMs, verdict.failures] : verdict;
    });
    assert.deepEqual(delays, [
      [2000, 1],
      [6000, 2], // 2·3
      [10_000, 3], // min(10, 2·3²)
    ]);
    assert.deepEqual(verdictOn({ spec: times, failures: 3, mishaps: 0 }, failed, far), {
      type: "fail",
      reason: "all 4 attempts failed; the last: exited with code 1",
    });
  });

  it("a mishap uses up no attempt: again at once, then ever more slowly", () => {
    const refused = { type: "mishap", hadBegun: false, text: "no room" } as const;
    const delays = [0, 1, 2, 9].map((mishaps) => {
      const verdict = verdictOn({ spec: spec(), failures: 0, mishaps }, refused, far);
      return verdict.type === "retry" ? [verdict.afterMs, verdict.failures, verdict.mishaps] : verdict;
    });
    assert.deepEqual(delays, [
      [0, 0, 1],
      [1000, 0, 2],
      [2000, 0, 3],
      [60_000, 0, 10],
    ]);
  });

  it("what had begun is not run twice with NEVER, and is with ON_FAILURE", () => {
    const lost = { type: "mishap", hadBegun: true, text: "agent a was declared gone" } as const;
    const once = verdictOn({ spec: spec(), failures: 0, mishaps: 0 }, lost, far);
    assert.equal(once.type, "fail");
    assert.equal(verdictOn({ spec: onFailure(), failures: 3, mishaps: 0 }, lost, far).type, "retry");
  });

  it("there is no attempt after the deadline", () => {
    const facts = { spec: onFailure({ backoffSeconds: 5 }), failures: 0, mishaps: 0 };
    assert.equal(verdictOn(facts, failed, 5001).type, "retry");
    assert.equal(verdictOn(facts, failed, 5000).type, "fail");
  });
});

describe("how an attempt ended", () => {
  const task = (given: Partial<FrameworkTask>): FrameworkTask => ({
    spec: { id: "t", name: "t", workload: { kind: "process" }, resources: { scalars: {}, ports: [] } },
    change: 1,
    agent: "a",
    host: "h",
    launchedAt: { mono: 0, wall: 0 },
    phase: "failed",
    ...given,
  });
  const latest = (reason: string, more: object = {}) => ({
    task: "t",
    number: 1,
    state: "failed" as const,
    at: 1,
    reason: reason as never,
    ...more,
  });

  it("by exit code 0, by another, by its host, or never", () => {
    assert.deepEqual(outcomeOf(task({ phase: "finished" })), { type: "succeeded" });
    assert.deepEqual(outcomeOf(task({ latest: latest("exited", { exitCode: 3 }) })), {
      type: "failed",
      text: "exited with code 3",
    });
    assert.deepEqual(outcomeOf(task({ latest: latest("exited", { signal: "SIGSEGV" }) })), {
      type: "failed",
      text: "ended by SIGSEGV",
    });
    assert.equal(outcomeOf(task({ latest: latest("image-missing") })).type, "failed");
    assert.deepEqual(
      outcomeOf(task({ startedAt: 1, latest: latest("host-restarted", { message: "boot" }) })),
      {
        type: "mishap",
        hadBegun: true,
        text: "boot",
      },
    );
    assert.deepEqual(outcomeOf(task({ startedAt: 1, latest: latest("never-started") })), {
      type: "mishap",
      hadBegun: false,
      text: "never-started",
    });
    assert.deepEqual(outcomeOf(task({ phase: "refused", message: "no room" })), {
      type: "mishap",
      hadBegun: false,
      text: "no room",
    });
    assert.deepEqual(outcomeOf(task({ phase: "lost", startedAt: 5, message: "gone" })), {
      type: "mishap",
      hadBegun: true,
      text: "gone",
    });
  });
});

describe("run ids", () => {
  const at = Date.UTC(2026, 10, 21, 4, 5, 6, 789);

  it("are a UTC time and five letters or digits", () => {
    assert.match(runId(at, 3, 1), /^20261121040506[0-9a-z]{5}$/);
    assert.equal(runId(at, 3, 1), runId(at, 3, 1));
  });

  it("of one term in one millisecond all differ", () => {
    const ids = new Set(Array.from({ length: 50_000 }, (_, index) => runId(at, 3, index)));
    assert.equal(ids.size, 50_000);
  });

  it("grow with time, whatever the counter", () => {
    assert.ok(runId(at, 3, 59_999) < runId(at + 1, 9, 1));
    assert.ok(runId(at, 3, 59_999) < runId(at + 1000, 1, 0));
    assert.match(
      runId(Date.UTC(2026, 0, 1, 0, 0, 0, 999), 12_345_678, 59_999),
      /^20260101000000[0-9a-z]{5}$/,
    );
  });
});

describe("the task of a run", () => {
  const data = {
    job: job({}, { labels: { team: "red" } }),
    jobCreatedAt: 1,
    run: { id: "r1", createdAt: 2, key: "k" },
  };

  it("carries its job and run, and says in its environment which it is", () => {
    const made = taskSpec(
      spec({ cpus: 0.5, mem: 64, env: { A: "1" }, user: "me", taskKillGracePeriodSeconds: 3 }),
      data,
      {
        id: "demo.pi.r1.1-1",
        attempt: 2,
      },
    );
    assert.deepEqual(codec(TaskSpec).check(made), { ok: true, value: made });
    assert.deepEqual(made.env, {
      EMPORION_JOB_ID: "demo.pi",
      EMPORION_RUN_ID: "r1",
      EMPORION_ATTEMPT: "2",
      METRONOME_JOB_ID: "demo.pi",
      METRONOME_JOB_RUN_ID: "r1",
      A: "1",
    });
    assert.deepEqual(made.resources, { scalars: { cpus: 500, mem: 64_000 }, ports: [] });
    assert.equal(made.killGraceMs, 3000);
    assert.deepEqual(taskDataOf(made.data), data);
    assert.equal(taskDataOf("nonsense"), undefined);
  });

  it("is a process, a container or a JVM", () => {
    assert.deepEqual(workloadOf(spec({ cmd: "x" })), { kind: "process", command: "x" });
    const docker = spec({
      docker: { image: "box" },
      args: ["y"],
      volumes: [{ containerPath: "/in", hostPath: "/out", mode: "RW" }],
    });
    assert.deepEqual(workloadOf(docker), {
      kind: "container",
      image: "box",
      forcePull: false,
      privileged: false,
      network: "host",
      argv: ["y"],
      volumes: [{ hostPath: "/out", containerPath: "/in", readOnly: false }],
    });
    const jvm = { mainClass: "A", classPath: ["a.jar"], version: "17" };
    assert.deepEqual(workloadOf(spec({ jvm, args: ["z"] })), { kind: "jvm", ...jvm, arguments: ["z"] });
  });

  it("asks for agents as the job's constraints say; one without a value has no effect", () => {
    const constraints = [
      { attribute: "rack", operator: "EQ", value: "a" },
      { attribute: "hostname", operator: "UNLIKE", value: "10\\..*" },
      { attribute: "os", operator: "IS" },
    ];
    assert.deepEqual(shapeOf(spec({ placement: { constraints } })).need.constraints, [
      { attribute: "rack", operator: "is", value: "a" },
      { attribute: "@host", operator: "unlike", value: "10\\..*" },
    ]);
    assert.equal(shapeOf(spec({ jvm: { jar: "a", version: ">=21" } })).need.jdk, ">=21");
  });
});

describe("what a schema cannot say of a job", () => {
  const pathsOf = (run: object) =>
    definitionFaults(job(run))
      .map(({ path }) => path)
      .toSorted();

  it("is said all at once", () => {
    assert.deepEqual(pathsOf({}), []);
    assert.deepEqual(pathsOf({ docker: { image: "box" } }), []);
    assert.deepEqual(
      definitionFaults({ ...job(), run: { ...job().run, cmd: undefined } } as never)[0]?.path,
      "/run",
    );
    assert.deepEqual(
      pathsOf({
        cmd: "x",
        args: ["y"],
        jvm: { jar: "a", mainClass: "A" },
        env: { "1": "x" },
        volumes: [{ containerPath: "/in", hostPath: "/out" }],
        placement: { constraints: [{ attribute: "rack", operator: "LIKE", value: "[" }] },
      }),
      [
        "/run/args",
        "/run/cmd",
        "/run/env/1",
        "/run/jvm",
        "/run/jvm/classPath",
        "/run/placement/constraints/0/value",
        "/run/volumes",
      ],
    );
  });
});
