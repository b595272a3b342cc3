import assert from "node:assert/strict";
import { principalText } from "#libs/adapters/nats/auth/credentials.js";
import { allParties, eventStream, type Name, statusStream, subjects, who } from "./auth-parties.js";

describe("who may say what on the bus", function () {
  this.timeout(20_000);
  const { refusals } = allParties();

  const forgeries: readonly (readonly [Name, string, readonly string[]])[] = [
    ["a1", "a report or registration of another agent", [subjects.report("a2"), subjects.register("a2")]],
    ["mine", "a report", [subjects.report("a1"), subjects.register("a1")]],
    ["gateway", "a report", [subjects.report("a1")]],
    ["mine", "an offer", [subjects.frameworkEvent("theirs", { epoch: 1, counter: 1 })]],
    ["a1", "an offer", [subjects.frameworkEvent("theirs", { epoch: 1, counter: 1 })]],
    ["gateway", "an offer", [subjects.frameworkEvent("theirs", { epoch: 1, counter: 1 })]],
    ["mine", "a leader's announcement", [subjects.leader]],
    ["mine", "a rescind or a removal", [subjects.rescind("a1"), subjects.removeFramework("a1")]],
    [
      "mine",
      "another's accept, kill, reconcile",
      (["accept", "kill", "reconcile"] as const).map((verb) => subjects.launch("a1", "theirs", verb)),
    ],
    [
      "a2",
      "an accept or a kill",
      [subjects.launch("a1", "theirs", "accept"), subjects.launch("a1", "theirs", "kill")],
    ],
    [
      "gateway",
      "a kill",
      [subjects.launch("a1", "theirs", "kill"), subjects.launch("a1", "gateway", "kill")],
    ],
    [
      "mine",
      "another's word to the leader",
      (["bucket", "subscribe", "renew", "decline", "revive", "suppress", "agents"] as const).map((verb) =>
        subjects.master("theirs", verb),
      ),
    ],
    ["mine", "a status", [subjects.status("theirs", "a1"), subjects.status(who.mine.id, "a1")]],
    ["a2", "another agent's status", [subjects.status("theirs", "a1")]],
    ["a2", "what happened on another agent", [subjects.event("task", "a1"), subjects.event("agent", "a1")]],
    [
      "mine",
      "the view of another's sandbox",
      [subjects.sandbox("a1", "theirs"), subjects.sandbox("a1", "gateway")],
    ],
    ["mine", "a call of the API", [subjects.api("apps", "deploy"), subjects.api("master", "agents")]],
    [
      "mine",
      "what happened elsewhere",
      [subjects.event("app", "/x"), subjects.event("agent", "a1"), subjects.event("framework", "theirs")],
    ],
    [
      "mine",
      "an answer to somebody else",
      ["_INBOX.framework.theirs.x", "_INBOX.gateway.gateway.x", "_INBOX.agent.a1.x"],
    ],
    ["a1", "an answer to another agent", ["_INBOX.agent.a2.x"]],
    [
      "mine",
      "a record of another's",
      [`$KV.${subjects.bucket("fw-theirs")}.x`, `$KV.${subjects.bucket("master")}.x`],
    ],
    [
      "mine",
      "another's lease",
      [`$KV.${subjects.bucket("leases")}.fw-theirs`, `$KV.${subjects.bucket("leases")}.master`],
    ],
    ["apps", "another's lease", [`$KV.${subjects.bucket("leases")}.master`]],
    [
      "master",
      "a status, a report or a word of a framework",
      [subjects.status("theirs", "a1"), subjects.report("a1"), subjects.master("theirs", "subscribe")],
    ],
    [
      "master",
      "an accept or a kill",
      [subjects.launch("a1", "theirs", "accept"), subjects.launch("a1", "theirs", "kill")],
    ],
    ["master", "a record or a lease of a framework", [`$KV.${subjects.bucket("fw-theirs")}.x`]],
    [
      "apps",
      "a call of jobs, or what happened to a job",
      [subjects.api("jobs", "list"), subjects.event("job", "x")],
    ],
    [
      "jobs",
      "a status, an offer, an order of the master",
      [
        subjects.status("jobs", "a1"),
        subjects.frameworkEvent("theirs", { epoch: 1, counter: 1 }),
        subjects.rescind("a1"),
        subjects.drain("a1"),
      ],
    ],
    [
      "jobs",
      "a record or a lease of apps",
      [`$KV.${subjects.bucket("fw-apps")}.x`, `$KV.${subjects.bucket("leases")}.fw-apps`],
    ],
  ];
  for (const [name, what, tried] of forgeries)
    it(`the server lets ${principalText(who[name])} not forge ${what}`, async () => {
      assert.deepEqual(await refusals(name, "publish", tried), tried);
    });

  const eavesdropping: readonly (readonly [Name, string, readonly string[]])[] = [
    ["mine", "updates of another framework", [subjects.statusOf("theirs"), subjects.statusAll]],
    ["mine", "offers to another", [subjects.frameworkEventAll("theirs")]],
    [
      "mine",
      "what others ask of agents",
      [subjects.launchAll("a1", "accept"), subjects.launch("a1", "theirs", "accept")],
    ],
    [
      "a1",
      "what others ask of another agent",
      [subjects.launchAll("a2", "accept"), subjects.rescind("a2"), subjects.sandboxAll("a2")],
    ],
    ["mine", "calls of the API, as if it served them", [subjects.api("apps", "deploy")]],
    ["apps", "calls of another service", [subjects.api("jobs", "list"), subjects.api("master", "agents")]],
    ["mine", "answers to others, and everything", ["_INBOX.>", "_INBOX.framework.theirs.>", ">", "em.c.>"]],
    ["gateway", "answers to others", ["_INBOX.master.>", "_INBOX.framework.*.>"]],
    ["a1", "reports of others", [subjects.reportAll]],
    ["master", "updates of frameworks", [subjects.statusAll, subjects.statusOf("theirs")]],
    ["master", "answers to others", ["_INBOX.framework.*.>", "_INBOX.gateway.*.>"]],
    ["jobs", "calls and updates of apps", [subjects.api("apps", "list"), subjects.statusOf("apps")]],
  ];
  for (const [name, what, tried] of eavesdropping)
    it(`the server lets ${principalText(who[name])} not hear ${what}`, async () => {
      assert.deepEqual(await refusals(name, "subscription", tried), tried);
    });

  it("the server lets a framework, an agent and a gateway not reach into JetStream beyond their own", async () => {
    const theirBucket = `KV_${subjects.bucket("fw-theirs")}`;
    const ownBucket = `KV_${subjects.bucket(`fw-${who.mine.id}`)}`;
    const api = (verbs: readonly string[], of: string) => verbs.map((verb) => `$JS.API.${verb}.${of}`);
    const manage = ["STREAM.CREATE", "STREAM.UPDATE", "STREAM.DELETE", "STREAM.PURGE", "STREAM.SNAPSHOT"];
    const read = ["STREAM.MSG.GET", "STREAM.MSG.DELETE", "CONSUMER.CREATE", "DIRECT.GET", "CONSUMER.NAMES"];
    const consumer = ["CONSUMER.DURABLE.CREATE", "CONSUMER.CREATE", "CONSUMER.MSG.NEXT", "CONSUMER.DELETE"];
    const beyond = [
      ...[statusStream, eventStream, theirBucket, "anything"].flatMap((each) =>
        api([...manage, ...read], each),
      ),
      ...api(consumer, `${statusStream}.${subjects.statusConsumer("theirs")}`),
      `$JS.ACK.${statusStream}.${subjects.statusConsumer("theirs")}.1.1.1.1.0`,
      ...api(["STREAM.MSG.DELETE"], `KV_${subjects.bucket("leases")}`),
    ];
    const framework = [
      ...beyond,
      // Who makes a stream says which subjects it keeps.
      ...api(["STREAM.CREATE", "STREAM.UPDATE"], ownBucket),
      // Who makes a consumer says which updates are in it.
      ...api(
        ["CONSUMER.DURABLE.CREATE", "CONSUMER.CREATE", "CONSUMER.DELETE"],
        `${statusStream}.${subjects.statusConsumer(who.mine.id)}`,
      ),
    ];
    assert.deepEqual(await refusals("mine", "publish", framework), framework);
    assert.deepEqual(await refusals("a1", "publish", beyond), beyond);
    const ofEvents = new Set(api(["CONSUMER.CREATE"], eventStream));
    const gateway = beyond.filter((each) => !ofEvents.has(each));
    assert.deepEqual(await refusals("gateway", "publish", gateway), gateway);
  });
});
