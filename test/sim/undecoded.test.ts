import assert from "node:assert/strict";
import { doorApis } from "#protocol/api.js";
import { scenario } from "./scenario.js";

describe("simulation: messages that do not decode", function () {
  this.timeout(60_000);

  it("are dropped, and counted where they came: at the leaders, and for the agents at the master", async () => {
    await scenario({ seed: "noise" }, async (cluster) => {
      await cluster.deploy({ id: "/demo/web", instances: 3 });
      await cluster.settled("/demo/web");
      const noise = cluster.world.node("noise");
      const { subjects } = cluster;
      const say = (subject: string, text: string) =>
        noise.bus.publish(subject, new TextEncoder().encode(text));
      say(subjects.register("a"), "{}");
      say(subjects.report("a"), '{"epoch":0}');
      say(subjects.rescind("a"), "{}");
      say(subjects.rescind("b"), '{"epoch":0}');
      say(subjects.launch("b", "apps", "kill"), "{}");
      say(subjects.api("apps", "scale"), "{}");
      // Of a framework's own: an update that is none.
      say(subjects.status("apps", "a"), "{}");
      say(subjects.api("jobs", "create"), "{}");
      const counted = (service: keyof typeof doorApis) => cluster.ask(doorApis[service].undecoded, {});
      await cluster.untilSeen(
        "the agents to have reported it",
        () => counted("master"),
        ({ agents }) => agents === 3,
      );
      assert.deepEqual(await counted("master"), { here: 2, agents: 3 });
      assert.deepEqual(await counted("apps"), { here: 2 });
      assert.deepEqual(await counted("jobs"), { here: 1 });
    });
  });
});
