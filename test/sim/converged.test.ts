import assert from "node:assert/strict";
import { type AgentView, masterApi } from "#protocol/api.js";
import { appsApi, type AppView } from "#protocol/app.js";
import type { TaskSpec } from "#protocol/task.js";
import { amounts } from "#libs/core/resources.js";
import { SimCluster, type SimClusterOptions } from "./cluster.js";
import { assertConverged, assertEnds } from "./converged.js";
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

/** From now on a view of the cluster shows every item so. */
function shows<T>(cluster: SimCluster, call: object, changed: (item: T) => T): void {
  const ask = cluster.ask.bind(cluster);
  cluster.ask = async (asked, ...rest) => {
    const answer: unknown = await ask(asked, ...rest);
    if ((asked as object) !== call) return answer as never;
    const change = (items: readonly unknown[]) => items.map((item) => changed(item as T));
    if (Array.isArray(answer)) return change(answer) as never;
    const page = answer as { readonly items: readonly unknown[] };
    return { ...page, items: change(page.items) } as never;
  };
}

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

  sees("an app that never settles", /\/demo\/web is not settled/, (cluster) => cluster.scale(web, 100));

  sees("an app that says that others run than should", /instances that run/, (cluster) =>
    shows<AppView>(cluster, appsApi.list, (view) => ({ ...view, running: view.running + 1 })),
  );

  sees("a task without a sandbox", /tasks of a without a sandbox/, ({ hosts }) => {
    const host = hosts.get("a")!;
    return host.loseSandbox(host.tasks.running()[0]!);
  });

  sees("a sandbox that is kept too long", /sandboxes of [abc] kept too long/, async (cluster) => {
    // The agents were told to keep them for an hour.
    for (const host of cluster.hosts.values()) Object.assign(host, { keptMs: 1000 });
    await cluster.scale(web, 1);
    await cluster.pass(70_000);
  });

  sees(
    "an update of a task that ran that did not come",
    /updates of agent a that did not come/,
    (cluster) => {
      const { tasks } = cluster.host("a");
      tasks.start(ghost, tasks.scriptOf(ghost));
      tasks.end(ghost.id, { exitCode: 0, reason: "exited" });
    },
  );

  sees("more in the shown books than there is", /R1: a is oversubscribed in the books/, (cluster) =>
    shows<AgentView>(cluster, masterApi.agents, (view) => ({ ...view, offered: view.info.totals })),
  );

  sees("an agent that is here and is shown as lost", /state of agent a/, (cluster) =>
    shows<AgentView>(cluster, masterApi.agents, (view) => ({ ...view, state: "unreachable" })),
  );

  sees("a use in the shown books that is not so", /use of agent a in the leader's books/, (cluster) =>
    shows<AgentView>(cluster, masterApi.agents, (view) => ({ ...view, used: amounts({ cpus: 1 }) })),
  );

  sees("a process that crashed", /agent-a crashed: Error: nobody expected this/, (cluster) => {
    cluster.host("a").node.bus.publish = () => {
      throw new Error("nobody expected this");
    };
    // It reports every 5 s.
    return cluster.world.runFor(6000);
  });

  it("see a run that does not end", async () => {
    const cluster = new SimCluster({ seed: "endless" });
    const job = "demo.endless";
    const ends = await cluster.submit("demo.pi", { cmd: "sleep 1; exit 0" });
    await assertEnds(cluster, { job: "demo.pi", run: ends }, 45_000);
    const run = await cluster.submit(job, { cmd: "serve" });
    await assert.rejects(
      assertEnds(cluster, { job, run }, 45_000),
      /in vain for run .* of demo\.endless to end/,
    );
  });

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
