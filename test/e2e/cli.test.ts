import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "#setup/tools.mjs";
import { type Child, startChild } from "#test/support/child.js";
import { eventually } from "#test/support/eventually.js";
import type { LocalCluster } from "./support/cluster.js";
import { sharedCluster } from "./support/suite.js";
import { sleeper, small } from "./support/work.js";

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describe("the command line", function () {
  this.timeout(120_000);
  let cluster: LocalCluster;
  const directory = mkdtempSync(join(tmpdir(), "emporion-cli-"));
  before(async () => {
    ({ cluster } = await sharedCluster());
  });

  const emporion = (...args: string[]): Promise<Said> => run(args, cluster.url);
  /** One that goes on until it is ended, or what it shows is at its end. */
  const follow = (...args: string[]): Child =>
    startChild(process.execPath, [join(ROOT, "services/cli/emporion.mjs"), ...args], {
      ...process.env,
      EMPORION_URL: cluster.url,
    });
  const file = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };

  it("shows the cluster: status, agents, frameworks, offers", async () => {
    const status = await emporion("status");
    assert.equal(status.code, 0, status.err);
    assert.match(status.out, /^agents\s+3 registered$/m);
    assert.match(status.out, /^frameworks\s+.*apps.*jobs/m);
    const agents = JSON.parse((await emporion("agents", "-o", "json")).out) as {
      info: { id: string; totals: { scalars: Record<string, number> } };
    }[];
    const overHttp = await cluster.api.get<typeof agents>("/cluster/agents");
    const { cpus = 0 } = agents[0]!.info.totals.scalars;
    assert.ok(cpus > 0 && cpus < 50, `${cpus} cores of one agent of three`);
    assert.equal(overHttp[0]!.info.totals.scalars["cpus"], cpus);
    assert.match((await emporion("agents")).out, new RegExp(`agent-a .*/${cpus}\\s`));
    assert.deepEqual(
      agents.map(({ info }) => info.id),
      ["agent-a", "agent-b", "agent-c"],
    );
    for (const command of ["frameworks", "offers", "tasks", "services"])
      assert.equal((await emporion(command)).code, 0, command);
  });

  it("sets a role's weight, and takes it back", async () => {
    const weight = async () => /^cli-role\s+(\d+)/m.exec((await emporion("roles")).out)?.[1];
    assert.equal((await emporion("roles", "weight", "cli-role", "3")).code, 0);
    assert.equal(await weight(), "3");
    const removed = await emporion("roles", "rm", "cli-role");
    assert.equal(removed.out, "role cli-role: what was set is taken back: weight 1, no limit\n", removed.err);
    assert.equal(await weight(), undefined);
  });

  it("deploys an app from YAML, waits for it, scales it and removes it", async () => {
    const path = file("app.yaml", "id: /cli/app\ncmd: exec sleep 1000\ninstances: 2\ncpus: 0.02\nmem: 32\n");
    const deployed = await emporion("app", "deploy", path);
    assert.equal(deployed.code, 0, deployed.err);
    assert.match(deployed.out, /\/cli\/app: 2 of 2 running/);
    const scaled = await emporion("app", "scale", "/cli/app", "3");
    assert.match(scaled.out, /3 of 3 running/, scaled.err);
    assert.match((await emporion("app", "ls")).out, /\/cli\/app\s+3\/3\s+-\s+settled/);
    assert.equal((await emporion("app", "rm", "/cli/app")).code, 0);
  });

  it("runs a job and ends with its result: 0 when it succeeded, 1 when it failed", async () => {
    const path = file("job.json", JSON.stringify({ id: "cli.good", run: { cmd: "echo done", ...small } }));
    const good = await emporion("job", "run", path);
    assert.equal(good.code, 0, good.err);
    assert.match(good.out, /SUCCESS/);
    const bad = await emporion(
      "job",
      "run",
      file("bad.json", JSON.stringify({ id: "cli.bad", run: { cmd: "exit 3", ...small } })),
    );
    assert.equal(bad.code, 1);
    const result = await emporion("job", "result", "cli.bad");
    assert.equal(result.code, 1);
    assert.match(result.out, /FAILED/);
    assert.equal((await emporion("logs", "cli.good")).out, "done\n");
  });

  it("a job's file that was edited: told, replaced when asked, and put without a run", async () => {
    const definition = (cmd: string, id = "cli.edited") => ({ id, run: { cmd, ...small } });
    const path = file("edited.json", JSON.stringify(definition("echo one")));
    assert.equal((await emporion("job", "run", path)).code, 0);
    assert.equal((await emporion("job", "run", path)).code, 0, "the same once more");
    file("edited.json", JSON.stringify(definition("echo two")));
    const refused = await emporion("job", "run", path);
    assert.equal(refused.code, 4);
    assert.match(
      refused.err,
      /cli\.edited is there with another definition, which differs in \/run\/cmd\n {2}--replace runs .* `emporion job run cli\.edited`/,
    );
    assert.equal((await emporion("job", "run", "--replace", path)).code, 0);
    assert.equal((await emporion("logs", "cli.edited")).out, "two\n");
    const several = JSON.stringify([definition("echo three"), definition("echo two", "cli.fresh")]);
    const put = await emporion("job", "put", file("several.json", several));
    assert.equal(put.out, "cli.edited changed\ncli.fresh new\n", put.err);
    assert.equal((await emporion("job", "run", "cli.edited")).code, 0);
    assert.equal((await emporion("logs", "cli.edited")).out, "three\n");
    for (const id of ["cli.edited", "cli.fresh"]) await emporion("job", "rm", id);
  });

  it("lists jobs, each with how its last run ended", async () => {
    const path = file("listed.json", JSON.stringify({ id: "cli.listed", run: { cmd: "exit 0", ...small } }));
    assert.equal((await emporion("job", "run", path)).code, 0);
    const listed = await emporion("job", "ls");
    assert.equal(listed.code, 0, listed.err);
    assert.match(listed.out, /^cli\.listed\s/m);
    const jobs = JSON.parse((await emporion("job", "ls", "-o", "json")).out) as { id: string }[];
    assert.ok(jobs.some(({ id }) => id === "cli.listed"));
    await emporion("job", "rm", "cli.listed");
    assert.doesNotMatch((await emporion("job", "ls")).out, /cli\.listed/);
  });

  it("follows a log: what is written later is shown as it is written, and it ends with the task", async () => {
    const cmd = "echo first; while [ ! -e go ]; do sleep 0.05; done; echo second";
    const path = file("talks.json", JSON.stringify({ id: "cli.talks", run: { cmd, ...small } }));
    assert.equal((await emporion("job", "run", "--no-wait", path)).code, 0);
    const task = await eventually("it to run", async () =>
      (await cluster.api.tasks("cli.talks")).find(({ latest }) => latest.state === "running"),
    );
    const follower = follow("logs", "-f", "cli.talks");
    await eventually("the first line", () => follower.output() === "first\n", 10_000);
    assert.equal(follower.process.exitCode, null);
    writeFileSync(`${cluster.data}/agents/${task.agent}/sandboxes/${task.spec.id}/go`, "");
    await eventually("its end", () => follower.process.exitCode !== null, 20_000);
    assert.deepEqual([follower.output(), follower.process.exitCode], ["first\nsecond\n", 0]);
    await emporion("job", "rm", "cli.talks");
  });

  it("follows events: what happens from now on, a line each, until it is ended", async () => {
    const follower = follow("events", "-f", "-o", "json");
    const told = () =>
      follower
        .output()
        .split("\n")
        .filter((line) => line.startsWith("{") && line.endsWith("}"))
        .map((line) => JSON.parse(line) as { at: number; about: string; message: string });
    const startedAt = Date.now();
    const path = file("happens.json", JSON.stringify({ id: "cli.happens", run: { cmd: "true", ...small } }));
    assert.equal((await emporion("job", "put", path)).code, 0);
    // Nothing is said before something happens, so something happens each second until it is said.
    let askedAt = 0;
    await eventually(
      "an event",
      async () => {
        if (Date.now() - askedAt > 1000) {
          askedAt = Date.now();
          await cluster.api.send("POST", "/v1/jobs/cli.happens/runs");
        }
        return told().some(({ about }) => about.startsWith("cli.happens"));
      },
      20_000,
    );
    assert.equal(follower.process.exitCode, null);
    assert.ok(
      told().every(({ at }) => at > startedAt - 60_000),
      "none of long ago",
    );
    await follower.end("SIGTERM");
    await emporion("job", "rm", "cli.happens", "--stop");
  });

  it("explains why something is not placed", async () => {
    const path = file(
      "far.json",
      JSON.stringify({ ...sleeper("/cli/far", 1), constraints: [["rack", "IS", "z"]] }),
    );
    assert.equal((await emporion("app", "deploy", "--no-wait", path)).code, 0);
    const explained = await emporion("explain", "/cli/far");
    assert.equal(explained.code, 0, explained.err);
    assert.match(explained.out, /3 of 3 agents never: constraint on rack/);
    assert.equal(explained.out.match(/agent-a: .*asked: is z$/gm)?.length, 1);
    assert.equal((await emporion("explain", "app:/cli/far")).code, 0);
    const late = await emporion("app", "deploy", "--timeout", "1", path);
    assert.equal(late.code, 5);
    assert.match(
      late.err,
      /not done after 1 s; it goes on.*\n {2}\/cli\/far: 0 of 1 run; .*rack.*`emporion explain \/cli\/far` tells more/s,
    );
    await emporion("app", "rm", "/cli/far");
  });

  it("takes apps, jobs and tasks by their ids, with or without the word for what they are", async () => {
    const path = file("named.json", JSON.stringify({ id: "cli.named", run: { cmd: "echo me", ...small } }));
    assert.equal((await emporion("job", "run", path)).code, 0);
    const { tasks } = JSON.parse((await emporion("tasks", "-a", "job:cli.named", "-o", "json")).out) as {
      tasks: { spec: { id: string } }[];
    };
    assert.equal(tasks.length, 1);
    const { id } = tasks[0]!.spec;
    for (const what of ["cli.named", "job:cli.named", id, `task:${id}`])
      assert.equal((await emporion("logs", what)).out, "me\n", what);
    for (const what of [id, `task:${id}`])
      assert.match((await emporion("explain", what)).out, /of cli\.named on agent-.: finished/, what);
    assert.match((await emporion("explain", "framework:jobs")).out, /^jobs: it wants no offers at present/);
    await emporion("job", "rm", "cli.named");
  });

  it("of several apps in a file none is deployed when one is refused, and each fault has its place", async () => {
    const path = file(
      "several.yaml",
      "id: /cli/first\ncmd: sleep 9\n---\nid: /Cli/Second\ncmd: sleep 9\n---\nid: /cli/third\ncpus: -1\ncmd: sleep 9\n",
    );
    const refused = await emporion("app", "deploy", path);
    assert.equal(refused.code, 4);
    assert.match(
      refused.err,
      /several\.yaml: app 2 of 3 \(\/Cli\/Second\): .*\n {2}\/id: expected an id like \/shop\/web/,
    );
    assert.match(refused.err, /several\.yaml: app 3 of 3 \(\/cli\/third\): .*\n {4}\/cpus: expected/);
    assert.equal(refused.out, "");
    assert.equal((await emporion("app", "rm", "/cli/first")).code, 4);
  });

  it("stops a run, weighs a role, and removes nothing that is there and lives", async () => {
    const path = file("long.json", JSON.stringify({ id: "cli.long", run: { cmd: "sleep 500", ...small } }));
    assert.equal((await emporion("job", "run", "--no-wait", path)).code, 0);
    const kept = await emporion("job", "rm", "cli.long");
    assert.equal(kept.code, 4);
    assert.match(kept.err, /--stop stops them first/);
    assert.match((await emporion("job", "stop", "cli.long")).out, /is being stopped/);
    assert.equal((await emporion("job", "rm", "cli.long", "--stop")).code, 0);
    assert.match((await emporion("roles", "weight", "cli", "2")).out, /^role cli: weight 2; no framework/);
    assert.match((await emporion("roles")).out, /^cli\s+2\s/m);
    const alive = await emporion("agents", "rm", "agent-a", "--force");
    assert.equal(alive.code, 4);
    assert.match(alive.err, /agent-a is there: stop it first/);
  });

  it("a crash loop is no success, though each start runs for a moment", async () => {
    const path = file(
      "crash.json",
      JSON.stringify({ ...sleeper("/cli/crash", 1), cmd: "sleep 0.2; exit 7" }),
    );
    const crashed = await emporion("app", "deploy", "--timeout", "4", path);
    assert.equal(crashed.code, 5, crashed.out);
    assert.match(
      crashed.err,
      /\/cli\/crash: 0\/1 running; \d failures? in a row, the last: exit code 7; backing off/,
    );
    assert.equal((await emporion("app", "rm", "/cli/crash")).code, 0);
  });

  it("what no agent can hold is told early, with the most that one has", async () => {
    const path = file("huge.json", JSON.stringify({ ...sleeper("/cli/huge", 1), cpus: 1000 }));
    const late = await emporion("app", "deploy", "--timeout", "5", path);
    assert.equal(late.code, 5);
    const [early = ""] = late.err.split("emporion: deploying");
    assert.match(early, /\/cli\/huge: 0 of 1 run.*\n.*no agent has cpus 1000: the largest, agent-., has \d/);
    await emporion("app", "rm", "/cli/huge");
  });

  it("logs of what never started say why", async () => {
    const path = file(
      "missing.json",
      JSON.stringify({ ...sleeper("/cli/missing", 1), fetch: [{ uri: "file:///no/where.jar" }] }),
    );
    assert.equal((await emporion("app", "deploy", "--timeout", "3", path)).code, 5);
    const { err, code } = await emporion("logs", "/cli/missing");
    assert.equal(code, 4);
    assert.match(
      err,
      /never started, so there is no stdout: failed \(artifact-missing: .*looked for at \/no\/where\.jar\)/,
    );
    await emporion("app", "rm", "/cli/missing");
  });

  it("says what is wrong in one line, each kind with an exit code of its own", async () => {
    const cases: [string[], number, RegExp][] = [
      [
        ["deply"],
        2,
        /^emporion: unknown command 'deply'\n.*after `emporion` there is: status, agents, .*auth\n$/,
      ],
      [
        ["app", "bogus"],
        2,
        /^emporion: unknown command 'bogus'\n.*`emporion app` there is: deploy, ls, scale, rm\n$/,
      ],
      [
        ["agents", "bogus"],
        2,
        /^emporion: unknown command 'bogus' after 'emporion agents'\n.*there is: rm, drain, activate\n$/,
      ],
      [["status", "now"], 2, /^emporion: too many arguments for 'status'/],
      [["status", "--bogus"], 2, /^emporion: unknown option '--bogus'\n/],
      [
        ["app", "deploy", "/not/there.json"],
        2,
        /^emporion: cannot read \/not\/there\.json: there is no such file\n$/,
      ],
      [["app", "deploy", file("broken.yaml", "id: [")], 2, /is neither JSON nor YAML/],
      [["app", "deploy", file("faulty.yaml", "id: /cli/faulty\ncpus: -1\n")], 4, /\/cpus: expected/],
      [["app", "rm", "/cli/none"], 4, /cli\/none/],
      [["job", "result", "cli.none"], 4, /cli\.none/],
      [
        ["job", "run", "nope.yaml"],
        2,
        /^emporion: cannot read nope\.yaml: there is no such file, and no job/,
      ],
      [["tasks", "--state", "bogus"], 2, /staging, starting, running, killing, finished, failed, killed/],
      [["logs", "x", "--tail", "abc"], 2, /'abc' is invalid\. Expected a number of bytes/],
      [["frameworks", "rm", "none"], 4, /^emporion: framework none is not known/],
      [["agents", "rm", "none"], 4, /^emporion: agent none is not known/],
      [["roles", "weight", "apps", "0"], 2, /expected a number above 0/],
      [["roles", "rm", "none"], 4, /^emporion: nothing is set of role none/],
      [["explain", "Not_There"], 4, /^emporion: there is no job and no task Not_There/],
      [["explain", "pod:x"], 2, /^emporion: expected an app \(\/demo\/web or app:\/demo\/web\), a job/],
      [["logs", "nothing"], 4, /there is no task, app or job nothing/],
      [["app", "scale", "/cli/none", "many"], 2, /expected a whole number from 0, found many/],
    ];
    for (const [args, code, words] of cases) {
      const said = await emporion(...args);
      assert.equal(said.code, code, `${args.join(" ")}: ${said.err}`);
      assert.match(said.err, words);
    }
    const nobody = await run(["status"], "http://127.0.0.1:2");
    assert.equal(nobody.code, 3);
    assert.match(nobody.err, /^emporion: no cluster answers at http:\/\/127\.0\.0\.1:2/);
    const consul = await run(["status"], cluster.consul.url);
    assert.equal(consul.code, 3);
    assert.match(consul.err, /^emporion: what answers at .* is not Emporion's gateway \(HTTP 404\).*\n$/);
    const nats = await run(["status"], cluster.natsUrl.replace("nats:", "http:"));
    assert.equal(nats.code, 3);
    assert.match(nats.err, /^emporion: what answers at .* does not speak HTTP.*\n$/);
  });
});

function run(args: readonly string[], url: string): Promise<Said> {
  return new Promise((done) => {
    execFile(
      process.execPath,
      [join(ROOT, "services/cli/emporion.mjs"), ...args],
      { env: { ...process.env, EMPORION_URL: url } },
      (error, out, err) => done({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}
