import assert from "node:assert/strict";
import { masterApi } from "#protocol/api.js";
import type { AppView } from "#protocol/app.js";
import { type Attempt, type Run, jobsApi } from "#protocol/job.js";
import { contains, sum } from "#libs/core/resources.js";
import { isTerminal } from "#libs/core/task-state.js";
import { defaultSettings } from "#services/master/settings.js";
import { recall } from "#services/agent/recall.js";
import type { AgentHost } from "./agent-host.js";
import type { SimCluster } from "./cluster.js";

/** A rescind that nobody answered is sent again; the way there and back. */
const slackMs = 15_000;
/** How often agents look for sandboxes that are old enough, and a while for the removal. */
const sweepMs = 61_000;

/**
 * After all changes: every party believes what is true. Waits until it is so, since repairs take their time (a report 5 s, a lost
 * delivery 30 s, the registry's comparison 30 s); what is never repaired fails, and so does a rule that was broken meanwhile.
 */
export async function assertConverged(
  cluster: SimCluster,
  limitMs = 120_000,
  beforeLook: () => Promise<void> = async () => {},
): Promise<void> {
  const limit = cluster.world.schedule.now + limitMs;
  for (;;) {
    try {
      await beforeLook();
      await assertAgreement(cluster);
      break;
    } catch (cause) {
      if (cluster.world.schedule.now >= limit) throw cause;
      cluster.rules.assertKept();
      await cluster.pass(1000);
    }
  }
  cluster.rules.assertKept();
}

/** Waits until a run has ended, and gives it. One that may not run twice waits for its agent. */
export async function assertEnds(
  cluster: SimCluster,
  { job, run }: { readonly job: string; readonly run: string },
  limitMs: number,
): Promise<Run> {
  const isAway = ({ agent, endedAt }: Attempt) => endedAt === undefined && !cluster.isHere(agent);
  return cluster.untilSeen(
    `run ${run} of ${job} to end`,
    () => cluster.runOf(job, run),
    ({ completedAt, attempts }) => completedAt !== undefined || attempts.some(isAway),
    limitMs,
  );
}

/** It was removed, and its last tasks are on agents that nobody can ask: it is there until they are back. */
export const waitsForTheAway = (cluster: SimCluster, { app, tasks }: AppView): boolean =>
  app.deletedAt !== undefined && tasks.length > 0 && tasks.every(({ agent }) => !cluster.isHere(agent));

async function assertAgreement(cluster: SimCluster): Promise<void> {
  const isUp = (agent: string) => cluster.isHere(agent);
  const apps = await cluster.apps();
  for (const view of apps) {
    if (waitsForTheAway(cluster, view)) continue;
    const { app, settled, running } = view;
    assert.ok(settled, `${app.definition.id} is not settled`);
    assert.equal(running, app.definition.instances, `${app.definition.id}: instances that run`);
  }
  const jobs = await cluster.ask(jobsApi.list, {});
  const attempts = jobs.flatMap(({ active }) => active.flatMap((run) => run.attempts));
  const believed = [
    ...apps.flatMap(({ tasks }) => tasks.filter(({ agent }) => isUp(agent)).map(({ id }) => id)),
    ...attempts.filter(({ agent, endedAt }) => isUp(agent) && endedAt === undefined).map(({ task }) => task),
  ];
  const hosts = [...cluster.hosts.values()].filter(({ id }) => isUp(id));
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
  for (const host of hosts) {
    assertTold(cluster, host);
    await assertSandboxes(cluster, host);
  }
  assertAcknowledged(cluster);
  await assertBooks(cluster);
}

/** R5: of every task that ever started the stream has got its present state, and all that the agent has recorded. */
function assertTold({ rules }: SimCluster, { id: agent, tasks }: AgentHost): void {
  const running = new Set(tasks.running());
  const untold = tasks.started.filter(({ id }) => {
    const state = rules.stateOf(id);
    return state === undefined || isTerminal(state) === running.has(id);
  });
  assert.deepEqual(
    untold.map(({ id }) => `${id}: ${rules.stateOf(id)}`),
    [],
    `updates of agent ${agent} that did not come`,
  );
  assert.deepEqual(rules.untold(agent), [], `what agent ${agent} has recorded and not told`);
}

/** Nothing waits for a framework any more. */
function assertAcknowledged({ world, subjects }: SimCluster): void {
  const stream = world.server.streams.named(subjects.statusStream);
  assert.equal(stream?.count, 0, "updates that no framework has acknowledged");
}

/** Each sandbox is of a task that its agent knows, and each task that runs has one. What ended long ago has been collected. */
async function assertSandboxes({ rules, world }: SimCluster, host: AgentHost): Promise<void> {
  const { tasks } = recall(rules.recordsOf(host.id));
  const mostAgeMs = host.keptMs + sweepMs;
  const now = world.wallAtStart + world.schedule.now;
  const due = [...tasks.values()].filter(({ endedAt }) => endedAt !== undefined && now - endedAt > mostAgeMs);
  const sandboxes = await host.sandboxes();
  assert.deepEqual(
    sandboxes.filter((id) => !tasks.has(id)),
    [],
    `sandboxes of nobody on ${host.id}`,
  );
  assert.deepEqual(
    host.tasks.running().filter((id) => !sandboxes.includes(id)),
    [],
    `tasks of ${host.id} without a sandbox`,
  );
  // Somebody may have set the clock by which they were ended.
  if (world.clocksWereSet) return;
  assert.deepEqual(
    due.map(({ spec }) => spec.id).filter((id) => sandboxes.includes(id)),
    [],
    `sandboxes of ${host.id} kept too long`,
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
    if (!cluster.isHere(id)) continue;
    assert.equal(view.state, "registered", `state of agent ${id}`);
    const truth = sum(host.tasks.runningSpecs().map(({ resources }) => resources));
    assert.deepEqual(view.used, truth, `use of agent ${id} in the leader's books`);
  }
}
