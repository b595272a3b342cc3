import assert from "node:assert/strict";
import type { TaskStatus } from "#protocol/task.js";
import { Failure } from "#services/cli/failure.js";
import { appPath, isOf, isUnknown, namedBy } from "#services/cli/named.js";

describe("what a word on the command line means", () => {
  it("an app has a slash; a word before a colon says what it is; the rest shows when it is looked for", () => {
    const cases = {
      "/demo/web": { kind: "app", id: "/demo/web" },
      "demo/web": { kind: "app", id: "/demo/web" },
      "app:/demo/web": { kind: "app", id: "/demo/web" },
      "app:web": { kind: "app", id: "/web" },
      "job:demo.pi": { kind: "job", id: "demo.pi" },
      "task:web.1-4": { kind: "task", id: "web.1-4" },
      "framework:apps": { kind: "framework", id: "apps" },
      "demo.pi": { id: "demo.pi" },
    };
    for (const [what, named] of Object.entries(cases)) assert.deepEqual(namedBy(what), named, what);
  });

  it("a word that is no kind of thing, and nothing at all, are refused with what there is", () => {
    for (const what of ["pod:x", "app:", "", "task:"])
      assert.throws(() => namedBy(what), /expected an app .*, a job .*, a task .* or framework:ID/, what);
  });

  it("tells the tasks that are meant", () => {
    const task = { spec: { id: "web.1-4", name: "/web" }, framework: "apps" } as unknown as TaskStatus;
    for (const what of ["/web", "app:web", "web.1-4", "task:web.1-4", "framework:apps"])
      assert.ok(isOf(namedBy(what))(task), what);
    for (const what of ["/other", "web", "task:/web", "framework:jobs"])
      assert.ok(!isOf(namedBy(what))(task), what);
  });

  it("an app's path keeps its slashes and nothing else that means something in a path", () => {
    assert.equal(appPath("/demo/web"), "/v2/apps/demo/web");
    assert.equal(appPath("demo/a b?#"), "/v2/apps/demo/a%20b%3F%23");
  });

  it("what is not there and what can be no id are unknown; what cannot be asked is not", () => {
    const refused = (code: string) => new Failure("refused", "no", [], code);
    assert.deepEqual(["not-found", "invalid", "forbidden"].map(refused).map(isUnknown), [true, true, false]);
    assert.equal(isUnknown(new Failure("unreachable", "no cluster answers")), false);
  });
});
