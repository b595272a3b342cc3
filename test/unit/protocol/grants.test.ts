import assert from "node:assert/strict";
import { type Grants, grantsOf, principalKinds } from "#protocol/grants.js";
import { encodeId } from "#protocol/ids.js";
import { launchVerbs, masterVerbs, Subjects } from "#protocol/subjects.js";

const subjects = new Subjects("c");
const session = { epoch: 3, counter: 1 };

/** As a NATS server reads a subject with wildcards. */
function covers(pattern: string, subject: string): boolean {
  const [asked, given] = [pattern.split("."), subject.split(".")];
  return (
    asked.every((token, at) =>
      token === ">" ? given.length > at : token === given[at] || (token === "*" && given[at] !== undefined),
    ) &&
    (asked.at(-1) === ">" || asked.length === given.length)
  );
}

const may = (grants: Grants, verb: keyof Grants, subject: string): boolean =>
  grants[verb].some((pattern) => covers(pattern, subject));

const agent = grantsOf("agent", "c", encodeId("a.1"));
const framework = grantsOf("framework", "c", encodeId("f.1"));

describe("grants", () => {
  it("every subject of the bus has those who publish it and those who hear it", () => {
    const [a, f] = ["a.1", "f.1"];
    const each: readonly (readonly [string, readonly string[], readonly string[]])[] = [
      [subjects.leader, ["master"], ["agent", "framework", "apps", "jobs"]],
      ...[subjects.register(a), subjects.report(a)].map((one) => [one, ["agent"], ["master"]] as const),
      ...[subjects.rescind(a), subjects.removeFramework(a), subjects.drain(a)].map(
        (one) => [one, ["master"], ["agent"]] as const,
      ),
      [subjects.whoIs(a), ["agent"], ["agent"]],
      ...masterVerbs.map(
        (verb) => [subjects.master(f, verb), ["framework", "apps", "jobs"], ["master"]] as const,
      ),
      [subjects.frameworkEvent(f, session), ["master"], ["framework", "apps", "jobs"]],
      ...launchVerbs.map(
        (verb) => [subjects.launch(a, f, verb), ["framework", "apps", "jobs"], ["agent"]] as const,
      ),
      // Heard through the stream only.
      [subjects.status(f, a), ["agent"], []],
      [subjects.event("task", a), ["agent"], []],
      [subjects.event("app", "/x"), ["apps"], []],
      [subjects.event("job", "x"), ["jobs"], []],
      [subjects.api("master", "agents"), ["gateway"], ["master"]],
      [subjects.api("apps", "deploy"), ["gateway"], ["apps"]],
      [subjects.api("jobs", "submit"), ["gateway"], ["jobs"]],
      [subjects.sandbox(a, "gateway"), ["gateway"], ["agent"]],
      [subjects.sandbox(a, f), ["framework", "apps", "jobs"], ["agent"]],
      [subjects.tasksQuery, ["gateway"], ["agent"]],
    ];
    const ids = { master: "master", gateway: "gateway", agent: a, framework: f, apps: f, jobs: f };
    const those = (verb: keyof Grants, subject: string) =>
      principalKinds.filter((kind) => may(grantsOf(kind, "c", encodeId(ids[kind])), verb, subject));
    for (const [subject, publishers, hearers] of each) {
      assert.deepEqual(
        [those("publish", subject), those("subscribe", subject)],
        [
          principalKinds.filter((kind) => publishers.includes(kind)),
          principalKinds.filter((kind) => hearers.includes(kind)),
        ],
        subject,
      );
    }
    // A new subject belongs into the list above, and into grants.ts.
    const known = new Set([
      "leader",
      "register",
      "registerAll",
      "report",
      "reportAll",
      "rescind",
      "removeFramework",
      "drain",
    ]);
    for (const one of [
      "whoIs",
      "master",
      "masterAll",
      "frameworkEvent",
      "frameworkEventAll",
      "launch",
      "launchAll",
    ])
      known.add(one);
    for (const one of [
      "status",
      "statusOf",
      "statusAll",
      "event",
      "eventAll",
      "api",
      "sandbox",
      "sandboxAll",
      "tasksQuery",
    ])
      known.add(one);
    for (const one of ["statusStream", "eventStream", "statusConsumer", "bucket", "constructor"])
      known.add(one);
    const names = [...Object.keys(subjects), ...Object.getOwnPropertyNames(Subjects.prototype)];
    assert.deepEqual(
      names.filter((name) => !known.has(name)),
      [],
    );
  });

  it("where a sender's id stands, it is the principal's own, and an id like another's beginning is another", () => {
    for (const other of ["a", "a.11", "b"]) {
      assert.ok(!may(agent, "publish", subjects.report(other)));
      assert.ok(!may(agent, "publish", subjects.status("f.1", other)));
      assert.ok(!may(agent, "subscribe", subjects.launch(other, "f.1", "accept")));
    }
    for (const other of ["f", "f.11", "g"]) {
      assert.ok(!may(framework, "publish", subjects.launch("a.1", other, "kill")));
      assert.ok(!may(framework, "subscribe", subjects.frameworkEvent(other, session)));
    }
  });

  it("verbs are listed: nobody may publish or hear a whole branch", () => {
    for (const kind of principalKinds) {
      const { publish, subscribe } = grantsOf(kind, "c", "x");
      for (const pattern of [...publish, ...subscribe])
        assert.ok(!pattern.endsWith(">") || pattern.startsWith("_INBOX."), `${kind}: ${pattern}`);
    }
  });
});
