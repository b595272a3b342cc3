import assert from "node:assert/strict";
import { masterApi } from "#protocol/api.js";
import { jobsApi } from "#protocol/job.js";
import { contains, sum } from "#libs/core/resources.js";
import { isTerminal } from "#libs/core/task-state.js";
import { defaultSettings } from "#services/master/settings.js";
import type { HostTasks } from "./agent-host.js";
import type { SimCluster } from "./cluster.js";

/** A rescind that nobody answered is sent again; the way there and back. */
const slackMs = 15_000;

/**
 * After all changes: every party believes what is true. Waits until it is so, since repairs take their time (a report 5 s, a lost
 * delivery 30 s, the registry's comparison 30 s); what is never repaired fails.
 */
export async function assertConverged(cluster: SimCluster, limitMs = 120_000): Promise<void> {
  const limit = cluster.world.schedule.now + limitMs;
  for (;;) {
    try {
      await assertAgreement(cluster);
      return;
    } catch (cause) {
      if (cluster.world.schedule.now >= limit) throw cause;
      cluster.rules.assertKept();
      await cluster.pass(1000);
    }
  }
}

async function assertAgreement(cluster: SimCluster): Promise<void> {
  const isUp = (agent: string) => cluster.host(agent).isUp;
  const apps = await cluster.apps();
  for (const { app, settled, running } of apps) {
    assert.ok(settled, `${app.definition.id} is not settled`);
    assert.equal(running, app.definition.instances, `${app.definition.id}: instances that run`);
  }
  const jobs = await cluster.ask(jobsApi.list, {});
  const attempts = jobs.flatMap(({ active }) => active.flatMap((run) => run.attempts));
  const believed = [
    ...apps.flatMap(({ tasks }) => tasks.filter(({ agent }) => isUp(agent)).map(({ id }) => id)),
    ...attempts.filter(({ agent, endedAt }) => isUp(agent) && endedAt === undefined).map(({ task }) => task),
  ];
  const hosts = [...cluster.hosts.values()].filter((host) => host.isUp);
  const real = hosts.flatMap(({ tasks }) => tasks.runningSpecs());
  assert.deepEqual(
    real.map(({ id }) => id).toSorted(),
    believed.toSorted(),
    "what runs is not what apps and jobs believe",
  );

  const services = real.flatMap(({ id, services = [] }) => services.map(({ name }) => `${name} of ${id}`));
  const entries = cluster.catalog.entries().filter(({ meta }) => isUp(meta["emporion-agent"]!));
  assert.deepEqual(
    entries.map(({ name, meta }) => `${name} of ${meta["emporion-task"]}`).toSorted(),
    services.toSorted(),
    "the registry does not have what runs",
  );
  for (const { id, tasks } of hosts) assertTold(cluster, id, tasks);
  await assertBooks(cluster);
}

/** R5: of every task that ever started the stream has got its present state. */
function assertTold({ rules }: SimCluster, agent: string, tasks: HostTasks): void {
  const running = new Set(tasks.running());
  const untold = tasks.started.filter(({ id }) => {
    if (rules.isForgotten(id)) return false;
    const state = rules.stateOf(id);
    return state === undefined || isTerminal(state) === running.has(id);
  });
  assert.deepEqual(
    untold.map(({ id }) => `${id}: ${rules.stateOf(id)}`),
    [],
    `updates of agent ${agent} that did not come`,
  );
}

/** The leader's books against the hosts: R1, and nothing that is out for ever. */
async function assertBooks(cluster: SimCluster): Promise<void> {
  const { items: offers } = await cluster.ask(masterApi.offers, {});
  const mostMs = defaultSettings.offerTimeoutMs + slackMs;
  assert.deepEqual(
    offers.filter(({ ageMs }) => ageMs > mostMs).map(({ id, ageMs }) => `${id} for ${ageMs} ms`),
    [],
    "offers are out past their time",
  );
  const { items: agents } = await cluster.ask(masterApi.agents, {});
  for (const view of agents) {
    const { id, totals } = view.info;
    const host = cluster.host(id);
    assert.ok(contains(totals, sum([view.used, view.offered])), `R1: ${id} is oversubscribed in the books`);
    if (!host.isUp) continue;
    assert.equal(view.state, "registered", `state of agent ${id}`);
    const truth = sum(host.tasks.runningSpecs().map(({ resources }) => resources));
    assert.deepEqual(view.used, truth, `use of agent ${id} in the leader's books`);
  }
}
