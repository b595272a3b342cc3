import { breaks, session, spec, watched } from "./scene.js";

describe("simulation: R8, who may end a task", () => {
  breaks("R8", "a task is ended that nobody wanted to end", ({ a }) => {
    a.starts(spec("one"));
    a.tasks.signal("one", false);
  });
  breaks("R8", "a kill was for a task of that name elsewhere", ({ a, says, subjects }) => {
    a.starts(spec("one"));
    says(subjects.launch("b", "apps", "kill"), { session, task: "one" });
    a.tasks.signal("one", false);
  });
  breaks("R8", "another framework was removed", ({ a, begins, accepts, removes }) => {
    begins(1);
    accepts("one");
    a.starts(spec("one"));
    removes("jobs");
    a.tasks.signal("one", false);
  });
  breaks("R8", "the deadline of the drain has not passed", async ({ world, a, begins, accepts, drains }) => {
    begins(1);
    accepts("one");
    a.starts(spec("one"));
    drains(5000);
    await world.runFor(4900);
    a.tasks.signal("one", false);
  });
  breaks("R8", "the drain has no deadline", ({ a, begins, accepts, drains }) => {
    begins(1);
    accepts("one");
    a.starts(spec("one"));
    drains();
    a.tasks.signal("one", false);
  });
  breaks("R8", "an agent drains itself", ({ a, begins, accepts, record }) => {
    begins(1);
    accepts("one");
    a.starts(spec("one"));
    record({ type: "drain", number: 1, draining: true, at: 0, deadlineInMs: 0 });
    a.tasks.signal("one", false);
  });
  breaks("R8", "the task came when the drain was over", ({ a, begins, accepts, drains, record }) => {
    begins(1);
    drains(0);
    record({ type: "drain", number: 2, draining: false, at: 0 });
    accepts("one");
    a.starts(spec("one"));
    a.tasks.signal("one", false);
  });
  it("R8 is kept by a drain when its deadline has passed, and by the removal of the framework", async () => {
    for (const end of ["drain", "removal"]) {
      const { rules, world, a, begins, accepts, drains, removes } = watched();
      begins(1);
      accepts("one");
      a.starts(spec("one"));
      if (end === "removal") removes("apps");
      else drains(5000);
      await world.runFor(5000);
      a.tasks.signal("one", false);
      rules.assertKept();
    }
  });
});
