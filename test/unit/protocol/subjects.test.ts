import assert from "node:assert/strict";
import fc from "fast-check";
import { launchVerbs, masterVerbs, Subjects, wildcardOf } from "#protocol/subjects.js";

const subjects = new Subjects("local");
/** A lone half of a surrogate pair has no UTF-8 form. */
const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);
const id = fc.string({ minLength: 1 }).filter(isWellFormed);

describe("subjects", () => {
  it("are as the protocol's table says", () => {
    const session = { epoch: 3, counter: 7 };
    assert.deepEqual(
      [
        subjects.leader,
        subjects.register("agent-a"),
        subjects.report("agent-a"),
        subjects.rescind("agent-a"),
        subjects.master("apps", "subscribe"),
        subjects.frameworkEvent("apps", session),
        subjects.launch("agent-a", "my.fw", "accept"),
        subjects.status("apps", "agent-a"),
        subjects.event("app", "/demo/web"),
        subjects.api("apps", "list"),
      ],
      [
        "em.local.leader",
        "em.local.master.agent.agent-a.register",
        "em.local.master.agent.agent-a.report",
        "em.local.agent.agent-a.master.rescind",
        "em.local.master.framework.apps.subscribe",
        "em.local.framework.apps.3-7.event",
        "em.local.agent.agent-a.framework.my=2Efw.accept",
        "em.local.status.apps.agent-a",
        "em.local.event.app.=2Fdemo=2Fweb",
        "em.local.api.apps.list",
      ],
    );
  });

  it("are valid, whatever the ids", () => {
    fc.assert(
      fc.property(id, id, (agent, framework) => {
        for (const subject of [
          subjects.register(agent),
          subjects.report(agent),
          subjects.status(framework, agent),
          ...masterVerbs.map((verb) => subjects.master(framework, verb)),
          ...launchVerbs.map((verb) => subjects.launch(agent, framework, verb)),
        ])
          assert.match(subject, /^[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)*$/);
      }),
    );
  });

  it("tell their reader who sent them", () => {
    fc.assert(
      fc.property(id, id, (agent, framework) => {
        assert.equal(wildcardOf(subjects.registerAll, subjects.register(agent)), agent);
        assert.equal(wildcardOf(subjects.reportAll, subjects.report(agent)), agent);
        assert.equal(wildcardOf(subjects.statusOf(framework), subjects.status(framework, agent)), agent);
        for (const verb of masterVerbs)
          assert.equal(wildcardOf(subjects.masterAll(verb), subjects.master(framework, verb)), framework);
        for (const verb of launchVerbs)
          assert.equal(
            wildcardOf(subjects.launchAll(agent, verb), subjects.launch(agent, framework, verb)),
            framework,
          );
      }),
    );
  });

  it("of another pattern name no sender", () => {
    const { registerAll } = subjects;
    for (const subject of [
      "",
      "em.local.master.agent.a",
      "em.other.master.agent.a.register",
      "em.local.master.agent.a.b.register",
    ])
      assert.equal(wildcardOf(registerAll, subject), undefined, subject);
    assert.equal(wildcardOf(registerAll, "em.local.master.agent.a=zz.register"), undefined);
    assert.equal(wildcardOf(subjects.leader, subjects.leader), undefined);
  });

  it("of different clusters share no stream and no bucket", () => {
    const other = new Subjects("other");
    assert.notEqual(subjects.statusStream, other.statusStream);
    assert.notEqual(subjects.eventStream, other.eventStream);
    assert.notEqual(subjects.bucket("fw-apps"), other.bucket("fw-apps"));
    for (const name of [subjects.statusStream, subjects.eventStream, subjects.bucket("fw-my.fw")])
      assert.match(name, /^[A-Za-z0-9_=-]+$/);
  });
});
