import assert from "node:assert/strict";
import type { AppView } from "#protocol/app.js";
import type { TaskSpec } from "#protocol/task.js";
import { amounts } from "#libs/core/resources.js";
import { SimCluster, type SimClusterOptions } from "./cluster.js";
import { assertConverged } from "./converged.js";
import { Wishes } from "./wishes.js";

const web = "/demo/web";
const ghost: TaskSpec = {
  id: "ghost",
  name: "ghost",
  workload: { kind: "process", command: "haunt" },
  resources: amounts({ cpus: 0.1 }),
};

async function settled(options: Partial<SimClusterOptions> = {}): Promise<SimCluster> {
  const cluster = new SimCluster({ seed: "converged", ...options });
  await cluster.deploy({ id: web, instances: 3 });
  await cluster.settled(web);
  return cluster;
}

/** Takes every offer and never answers it. */
async function sitter({ world, subjects }: SimCluster): Promise<void> {
  const { bus, clock } = world.node("sitter");
  const bytes = (message: object) => new TextEncoder().encode(JSON.stringify(message));
  bus
    .messages(subjects.frameworkEventAll("sitter"))
    .subscribe((message) => message.respond(bytes({ ok: true })));
  const wish = { framework: "sitter", role: "sitter", needs: [], suppressed: false };
  const answer = await world.settled(bus.request(subjects.master("sitter", "subscribe"), bytes(wish), 1000));
  assert.ok(answer.ok);
  const { session } = JSON.parse(new TextDecoder().decode(answer.value)) as { readonly session: object };
  const renew = () => {
    void bus.request(subjects.master("sitter", "renew"), bytes({ session }), 1000);
    clock.after(5000, renew);
  };
  renew();
}

/** Nothing mends it, so it is waited for in vain. */
const sees = (
  what: string,
  words: RegExp,
  act: (cluster: SimCluster) => unknown,
  options: Partial<SimClusterOptions> = {},
) =>
  it(`see ${what}`, async () => {
    const cluster = await settled(options);
    await assertConverged(cluster);
    await act(cluster);
    await assert.rejects(assertConverged(cluster, 45_000), words);
  });

describe("simulation: the checks at the end", function () {
  this.timeout(60_000);

  sees("a task of nobody", /what runs is not what apps and jobs believe/, ({ hosts }) => {
    const { tasks } = hosts.get("a")!;
    tasks.start(ghost, tasks.scriptOf(ghost));
  });

  sees("a sandbox of nobody", /sandboxes of nobody on a/, (cluster) =>
    cluster.host("a").leaveSandbox("ghost"),
  );

  sees("an entry of nobody", /the registry does not have what runs/, ({ catalog }) => {
    const meta = { "emporion-agent": "a", "emporion-task": "ghost" };
    return catalog.register({
      id: "elsewhere/ghost",
      name: "ghost",
      address: "host-a",
      port: 1,
      tags: [],
      meta,
    });
  });

  sees("an update that nobody acknowledges", /updates that no framework has acknowledged/, (cluster) => {
    const { world, subjects } = cluster;
    const updates = [{ task: "ghost", number: 3, state: "running", at: 0 }];
    const batch = { agent: "a", framework: "nobody", generation: 1, batch: 1, updates };
    world.server.streams.append(
      subjects.status("nobody", "a"),
      new TextEncoder().encode(JSON.stringify(batch)),
      "ghost",
    );
  });

  sees("an update that was recorded and not told", /has recorded and not told/, (cluster) => {
    const update = { task: "ghost", number: 3, state: "running", at: 0 };
    cluster.host("a").disk.append([JSON.stringify({ type: "updated", update })]);
  });

  sees(
    "an offer that is out for ever",
    /offers are out past their time/,
    async (cluster) => {
      await sitter(cluster);
      await cluster.pass(90_000);
    },
    { settings: { offerTimeoutMs: 3_600_000 } },
  );

  it("see what was asked, and answered, and is not so", async () => {
    const wishes = new Wishes();
    const view = (instances: number): AppView[] => [
      { app: { definition: { id: web, instances, env: { VERSION: "1" } } } } as unknown as AppView,
    ];
    await wishes.ask(web, { instances: 2, version: "1" }, async () => {});
    assert.equal(wishes.faultOf(view(2)), undefined);
    assert.match(wishes.faultOf(view(3))!, /is 3 of version 1, and may be 2 of version 1/);
    assert.match(wishes.faultOf([])!, /is absent/);
    await wishes.ask(web, "absent", async () => {});
    assert.match(wishes.faultOf(view(2))!, /may be absent/);
  });
});
