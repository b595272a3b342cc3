import { breaks, session, watched } from "./scene.js";

describe("simulation: R6, who is obeyed", () => {
  breaks("R6", "two masters announce one epoch", ({ leads }) => {
    leads("m1", 3);
    leads("m2", 3);
  });
  breaks("R6", "two masters order in one epoch", ({ leads, says, subjects }) => {
    leads("m1", 3);
    says(subjects.frameworkEvent("apps", session), { type: "offers", epoch: 3, offers: [] }, { from: "m2" });
  });
  breaks("R6", "an agent obeys a master who was replaced, and knows of it", ({ says, subjects }) => {
    const reply = "_INBOX.m1.1.7";
    says(subjects.rescind("a"), { epoch: 3, generation: 1, offers: [], floor: 1 }, { from: "m1", reply });
    says(reply, { ok: true, report: { agent: "a", epoch: 4 } }, { from: "agent-a" });
  });

  for (const verb of ["drain", "removeFramework"] as const)
    breaks("R6", `an agent's disk knows of a later epoch: ${verb}`, ({ begins, says, answers, subjects }) => {
      begins(1, 4);
      says(subjects[verb]("a"), { epoch: 3, framework: "jobs" }, { from: "m1", reply: "_INBOX.m1.1.7" });
      answers("_INBOX.m1.1.7", { ok: true });
    });
  it("R6 is kept when the order was on its way before the agent knew of a later epoch, and when it is refused", () => {
    const { rules, begins, says, answers, subjects } = watched();
    const order = { epoch: 3, order: { number: 1, draining: true } };
    says(subjects.drain("a"), order, { from: "m1", reply: "_INBOX.m1.1.7" });
    begins(1, 4);
    answers("_INBOX.m1.1.7", { ok: true });
    says(subjects.drain("a"), order, { from: "m1", reply: "_INBOX.m1.1.8" });
    answers("_INBOX.m1.1.8", { ok: false, error: { code: "stale", message: "it is over" } });
    rules.assertKept();
  });
  breaks("R6", "a framework takes the word of an older master", ({ says, answers, subjects }) => {
    const later = { epoch: 4, counter: 1 };
    says(
      subjects.master("apps", "renew"),
      { session: later },
      { from: "apps-1", reply: "_INBOX.apps-1.1.1" },
    );
    const word = { type: "offers", epoch: 3, offers: [] };
    says(subjects.frameworkEvent("apps", session), word, { from: "m1", reply: "_INBOX.m1.1.7" });
    answers("_INBOX.m1.1.7", { ok: true }, "apps-1");
  });
  breaks("R6", "a framework goes back to the session of an older master", ({ says, subjects }) => {
    for (const epoch of [4, 3])
      says(
        subjects.master("apps", "renew"),
        { session: { epoch, counter: 1 } },
        { from: "apps-1", reply: "_INBOX.apps-1.1.1" },
      );
  });
  it("R6 is kept by a new process, and by one that had not yet heard of the later epoch", () => {
    const { rules, says, answers, subjects } = watched();
    const renews = (epoch: number, life: number) =>
      says(
        subjects.master("apps", "renew"),
        { session: { epoch, counter: 1 } },
        { from: "apps-1", reply: `_INBOX.apps-1.${life}.1` },
      );
    renews(2, 1);
    says(
      subjects.frameworkEvent("apps", session),
      { type: "offers", epoch: 2, offers: [] },
      { from: "m1", reply: "_INBOX.m1.1.7" },
    );
    renews(4, 1);
    answers("_INBOX.m1.1.7", { ok: true }, "apps-1");
    renews(3, 2);
    rules.assertKept();
  });
});
